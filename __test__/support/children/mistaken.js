'use strict';

// An app with a mistake in its set-up. Asks itself for a key, thrice, and tells what it was answered and warned of.

const http = require('node:http');
const { Emitter } = require('@socket.io/redis-emitter');
const session = require('express-session');
const { shareSession } = require('../../..');
const { closeServer, listen } = require('../http-server.js');
const { express } = require('../versions.js');

const { mistake, socketIo } = JSON.parse(process.argv[2]);

const warnings = [];
process.on('warning', ({ code, message }) => warnings.push({ code, message }));

async function main() {
  // Nobody is reached in this test.
  const emitter = mistake === 'emitter' ? new Emitter({ publish() {} }) : undefined;
  const sharing = shareSession({ store: new session.MemoryStore(), emitter });
  const app = express(5)();
  const sessions = (store, more) =>
    session({ store, secret: 'not a secret', resave: false, saveUninitialized: false, ...more });
  const server = http.createServer(app);
  const { Server } = socketIo ? require(socketIo) : {};
  const io = Server && new Server(server);
  if (io && !['no sockets', 'emitter'].includes(mistake)) io.use(sharing.socket());

  if (mistake === 'cookie-session')
    app.use(require('cookie-session')({ name: 'session', secret: 'not a secret' }));
  else if (mistake === 'two stores') app.use(sessions(new session.MemoryStore()));
  else if (mistake === 'no store named') app.use(sessions());
  else if (mistake === 'cookie path') app.use(sessions(sharing.store, { cookie: { path: '/app' } }));
  else if (mistake !== 'session after it') app.use(sessions(sharing.store));
  if (mistake === 'store disconnected') sharing.store.emit('disconnect');
  app.use((req, _res, next) => {
    if (req.session) req.session.user = 'ann';
    next();
  });
  app.use(sharing.express());
  if (mistake === 'session after it') app.use(sessions(sharing.store));

  const url = await listen(server);
  const answers = [];
  for (let n = 0; n < 3; n += 1) {
    const response = await fetch(`${url}/io-session/socket/__local`);
    answers.push({ status: response.status, body: await response.json() });
  }
  io?.close();
  await closeServer(server);
  const { length } = Object.keys(sharing.store.sessions);
  process.send({ type: 'done', answers, warnings, stored: length });
  process.disconnect();
}

main();
