'use strict';

// An app in whose sockets one of its own callbacks fails, in a process of its own: does it live, and who is told of it. The
// failing callback is `callback`; it throws, or gives a promise that rejects, as `how` says.

const http = require('node:http');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const { shareSession } = require('../../..');
const { HttpClient } = require('../http-client.js');
const { closeServer, listen } = require('../http-server.js');
const { connectSocket, keyPath } = require('../socket-client.js');
const { express, makeIo, socketIoServer } = require('../versions.js');
const { settle } = require('../wait.js');

const { callback, how, redisPort } = JSON.parse(process.argv[2]);

const MESSAGE = 'the callback fails';
let failing = false;
let calls = 0;

// The callback as it is meant, until it is told to fail.
function fragile(name, well) {
  if (name !== callback) return well;
  return (...args) => {
    if (!failing) return well?.(...args);
    calls += 1;
    const error = new Error(MESSAGE);
    if (how === 'rejects') return Promise.reject(error);
    throw error;
  };
}

const warnings = [];
process.on('warning', ({ message }) => warnings.push(message));
const errors = [];

async function makeStore(serializer) {
  if (!redisPort) return [new session.MemoryStore(), () => {}];
  const client = createClient({ socket: { port: redisPort, host: '127.0.0.1' } });
  client.on('error', () => {});
  await client.connect();
  return [new RedisStore({ client, prefix: `${callback}:`, serializer }), () => client.close()];
}

async function main() {
  const [store, closeStore] = await makeStore({
    // A format of its own, so that nobody can do without it.
    stringify: fragile('serializer.stringify', (data) => `v1:${JSON.stringify(data)}`),
    parse: fragile('serializer.parse', (text) => JSON.parse(text.slice('v1:'.length))),
  });
  const sharing = shareSession({
    store,
    onError: fragile('onError', ({ message }) => void errors.push(message)),
    onSessionEnd: fragile('onSessionEnd', () => {}),
  });
  const app = express(5)();
  app.set('env', 'test');
  app.use(
    session({
      store: sharing.store,
      secret: 'not a secret',
      resave: false,
      saveUninitialized: false,
      genid: fragile('genid', () => `id-${Math.random()}`),
      cookie: fragile('cookie', () => ({ maxAge: 60_000 })),
    }),
  );
  app.use(sharing.express());
  app.get('/login', (req, res) => {
    req.session.user = 'ann';
    res.json(1);
  });
  app.get('/logout', (req, res) => req.session.destroy(() => res.json(1)));
  const server = http.createServer(app);
  const io = makeIo(socketIoServer(4), server);
  io.use(sharing.socket(io));
  io.on('connection', (socket) => {
    const answered = async (work, ack) =>
      ack(
        await work.then(
          () => 'done',
          ({ message }) => `rejected: ${message}`,
        ),
      );
    socket.on('regenerate', (ack) => answered(socket.session.regenerate(), ack));
    socket.on('save', (ack) => {
      socket.session.n = Math.random();
      return answered(socket.session.save(), ack);
    });
    socket.on('update', (ack) =>
      answered(
        socket.session.update((data) => {
          data.n = Math.random();
        }),
        ack,
      ),
    );
    socket.on('change', (ack) => {
      socket.session.n = Math.random();
      ack('done');
    });
    socket.on('fail', () => {
      throw new Error('a handler that fails');
    });
    socket.on('alive', (ack) => ack('alive'));
  });
  const url = await listen(server);
  const browser = new HttpClient(url);
  await browser.request('/login');
  const { key } = (await browser.json(keyPath('', { prefix: '/io-session' }).slice(0, -1))).body;
  const client = await connectSocket(url, { auth: { key } });

  process.on('message', async ({ type, event }) => {
    if (type === 'do') {
      failing = true;
      const answer =
        event === 'logout' ? (await browser.request('/logout')).status : await ask(client, event);
      // What comes behind the answer, a microtask or a turn later.
      await settle();
      failing = false;
      process.send({ type: 'did', answer, calls, errors, warnings });
    } else {
      const answer = await client.ask('alive');
      client.close();
      io.close();
      await closeServer(server);
      await closeStore();
      process.send({ type: 'ended', answer });
      process.disconnect();
    }
  });
  process.send({ type: 'ready' });
}

// An event without an answer of its own is over when the next one is answered.
async function ask(client, event) {
  if (event !== 'fail') return client.ask(event);
  client.send(event);
  return client.ask('alive');
}

main();
