'use strict';

// What every rival is served by: Express and Socket.IO on one port. A rival that `share`s serves any app; the others
// are for a Zappa host.

const http = require('node:http');
const expressSession = require('express-session');
const { express, makeIo, socketIoServer } = require('../__test__/support/versions.js');
const { bindZappa } = require('../__test__/support/zappa-host.js');
const { serveHttp, sessionMiddleware } = require('./application.js');
const { zappa } = require('./handlers.js');

// Long enough that no heartbeat falls into a measurement.
const PING_INTERVAL = 3_600_000;
// Nor is an idle HTTP connection closed under a request that is about to use it: the clients keep theirs, 50 at most.
const KEEP_ALIVE = 3_600_000;

function createHost({ rival, store, versions }) {
  const app = express(versions.express)();
  const server = http.createServer(app);
  server.keepAliveTimeout = KEEP_ALIVE;
  const io = makeIo(socketIoServer(versions.socketIo), server, {
    transports: ['websocket'],
    pingInterval: PING_INTERVAL,
  });
  const session = sessionMiddleware(store);
  app.use(session);
  serveHttp(app);
  const serve = rival.share ? serveApp : serveZappa;
  serve({ rival, app, io, session, store });

  // For clients that keep their WebSocket between two connections, and ask whether the first has ended.
  io.of('/idle').on('connection', (socket) => {
    socket.on('settled', (ack) => ack());
  });
  return server;
}

function serveZappa({ rival, app, io, store }) {
  bindZappa({
    ioSession: rival,
    app,
    io,
    session: expressSession,
    define(context) {
      context.session_store = store;
      zappa(context);
    },
  });
}

function serveApp({ rival, ...parts }) {
  rival.share(parts);
  const events = Object.entries(rival.handlers);
  parts.io.on('connection', (socket) => {
    for (const [event, handler] of events) socket.on(event, (data, ack) => handler(socket, data, ack));
  });
}

module.exports = { createHost };
