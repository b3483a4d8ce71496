'use strict';

// Routes and events that change one thing each in the session: a field by a request, a field by an event, a counter by update().
function putApp({ app, io }) {
  app.get('/put', (req, res) => {
    req.session[req.query.field] = 1;
    res.json(1);
  });
  io.on('connection', (socket) => {
    socket.on('put', (field, ack) => {
      socket.session[field] = 1;
      ack('saved');
    });
    socket.on('count', async (ack) => {
      await socket.session.update((fresh) => {
        fresh.count = (fresh.count ?? 0) + 1;
      });
      ack();
    });
  });
}

module.exports = { putApp };
