'use strict';

// One app on either face of the library. `events[name](at, data, ack)` is a handler: `at` is the socket with shareSession,
// and the event's context in a Zappa app, so that `at.session` is the session in both.

const { fixture } = require('./fixture.js');
const { shareFixture } = require('./share-fixture.js');

const socketOf = (at) => at.socket ?? at;

// By a promise. A Zappa app's sessions have the `save` of express-session.
const save = (session) =>
  new Promise((resolve, reject) => {
    session.save((error) => (error ? reject(error) : resolve()));
  });

async function shareFace(t, { events = {}, connected = () => {}, onError, ...set }) {
  const f = await shareFixture(t, {
    ...set,
    options: { ...(onError && { onError }) },
    app: ({ app, io }) => {
      app.get('/write', (req, res) => {
        Object.assign(req.session, JSON.parse(req.query.json));
        res.json(req.session.id);
      });
      io.on('connection', (socket) => {
        connected(socket);
        for (const [name, handler] of Object.entries(events)) {
          socket.on(name, (data, ack) => handler(socket, data, ack));
        }
      });
    },
  });
  return { ...f, read: async (browser) => (await browser.json('/read')).body };
}

async function zappaFace(t, { events = {}, connected = () => {}, onError, ...set }) {
  const f = await fixture(t, {
    ...set,
    options: { ...(onError && { onError }) },
    app: (context) => {
      context.on('connection', function () {
        connected(this.socket);
      });
      for (const [name, handler] of Object.entries(events)) {
        context.on(name, function (data, ack) {
          return handler(this, data, ack);
        });
      }
    },
  });
  return { ...f, io: f.host.io, read: async (browser) => (await browser.json('/read')).body.session };
}

const withWrite = (open) => async (t, set) => {
  const f = await open(t, set);
  return {
    ...f,
    write: (browser, fields) => browser.request(`/write?json=${encodeURIComponent(JSON.stringify(fields))}`),
  };
};

const FACES = { shareSession: withWrite(shareFace), Zappa: withWrite(zappaFace) };

module.exports = { FACES, save, socketOf };
