'use strict';

// The app that most tests of shareSession need, on top of the fixture: it looks at its session in every namespace, writes
// to it, and renews it over HTTP.

const { shareFixture } = require('./share-fixture.js');

// What a person would see of a socket's session.
function look({ session }) {
  return { id: session.id, ...JSON.parse(JSON.stringify(session)) };
}

function listen(socket) {
  socket.on('read', (ack) => ack(look(socket)));
  socket.on('write', (data, ack) => {
    Object.assign(socket.session, data);
    ack?.(socket.session.id);
  });
  socket.on('echo', (data, ack) => ack(data));
}

// `namespaces`: those that share beside the main one, names and patterns. `seen`: what each `connection` listener has
// seen, by socket id.
async function shareApp(t, { namespaces = [], app: define = () => {}, ...set } = {}) {
  const seen = new Map();
  const f = await shareFixture(t, {
    ...set,
    app(parts) {
      const { app, io, sharing } = parts;
      app.get('/regenerate', (req, res) =>
        req.session.regenerate(() => {
          req.session.user = 'somebody new';
          res.json(req.session.id);
        }),
      );
      for (const name of ['/', ...namespaces]) {
        const namespace = io.of(name);
        if (name !== '/') namespace.use(sharing.socket());
        namespace.on('connection', (socket) => {
          seen.set(socket.id, look(socket));
          listen(socket);
        });
      }
      define(parts);
    },
  });
  return { ...f, seen };
}

module.exports = { look, shareApp };
