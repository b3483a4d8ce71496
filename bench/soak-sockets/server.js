'use strict';

// The server of the soak: Express and Socket.IO, as an app with `shareSession` has them, in a process of its own.

const express = require('express5');
const session = require('express-session');
const http = require('node:http');
const { promisify } = require('node:util');
const { createClient } = require('redis');
const { RedisStore } = require('connect-redis');
const { Server } = require('socketio4');
const { EmbeddedStore, shareSession } = require('../../index.js');
const { answer } = require('../child.js');
const { sessionData } = require('../session-data.js');

const BYTES = 1024;

/** What nobody has caught, and what Node.js has warned of. */
const faults = [];
for (const kind of ['unhandledRejection', 'uncaughtException', 'warning']) {
  process.on(kind, (fault) => faults.push(`${kind}: ${fault?.stack ?? fault}`));
}

async function openStore(redisPort) {
  if (redisPort === undefined) return new EmbeddedStore();
  const client = createClient({ socket: { host: '127.0.0.1', port: redisPort } });
  await client.connect();
  return new RedisStore({ client });
}

let sharing;

answer({
  async listen({ redisPort }) {
    sharing = shareSession({
      store: await openStore(redisPort),
      onError: (error, { event }) => faults.push(`${event}: ${error.stack}`),
    });
    const app = express();
    app.use(session({ store: sharing.store, secret: 'soak', resave: false, saveUninitialized: false }));
    app.use(sharing.express());
    app.get('/login/:number', (req, res) => {
      Object.assign(req.session, sessionData(Number(req.params.number), BYTES));
      res.json({});
    });
    app.get('/logout', (req, res) => {
      req.session.destroy(() => res.json({}));
    });
    const server = http.createServer(app);
    // Longer than any pause: a request on a connection that is just being closed would count as a fault.
    server.keepAliveTimeout = 300_000;
    const io = new Server(server, { transports: ['websocket'] });
    io.use(sharing.socket());
    io.on('connection', (socket) => {
      socket.on('read', (field, ack) => ack(socket.session[field] ?? null));
      socket.on('write', (field, value, ack) => {
        // A stranger's session is not what is soaked.
        if (socket.session.user) socket.session[field] = value;
        ack(true);
      });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: server.address().port };
  },
  async look() {
    global.gc();
    const { heapUsed, rss } = process.memoryUsage();
    const stored = await promisify(sharing.store.length).call(sharing.store);
    return { faults: faults.splice(0), heapUsed, rss, stored, ...sharing.stats() };
  },
});
