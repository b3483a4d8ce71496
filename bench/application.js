'use strict';

// The app that every rival serves: a login, a logout, and the three events of the measurements.

const expressSession = require('express-session');
const { sessionData } = require('./session-data.js');

const SESSION_MAX_AGE = 3_600_000;

function application({ store }) {
  return (context) => {
    context.session_store = store;
    context.app.use(
      expressSession({
        store,
        secret: 'bench',
        resave: false,
        saveUninitialized: false,
        cookie: { maxAge: SESSION_MAX_AGE },
      }),
    );

    context.get('/login/:number/:bytes', function () {
      Object.assign(this.req.session, sessionData(Number(this.params.number), Number(this.params.bytes)));
      this.json({ id: this.req.session.user.id });
    });

    context.get('/logout', function () {
      this.req.session.destroy((error) => this.json({ done: !error }));
    });

    context.get('/last-event', function () {
      this.json({ lastEvent: this.req.session.lastEvent });
    });

    // For clients that keep their WebSocket between two connections, and ask whether the first has ended.
    context.io.of('/idle').on('connection', (socket) => {
      socket.on('settled', (ack) => ack());
    });

    // `?.` and the tests for undefined are for bare Socket.IO, which has no session.
    context.on('whoami', function (_data, ack) {
      ack(this.session?.user?.id);
    });

    context.on('read', function (_data, ack) {
      ack(this.session?.user.name);
    });

    context.on('write', function (data, ack) {
      if (this.session !== undefined) {
        this.session.lastEvent = data.number;
      }
      ack(data.number);
    });

    context.on('ignore', (data, ack) => {
      ack(data.number);
    });
  };
}

module.exports = { application };
