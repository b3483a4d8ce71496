'use strict';

// One process of a cluster: Express, Socket.IO, or both, with its sessions in Redis. Whoever started it is told where it
// listens.

const http = require('node:http');
const cluster = require('node:cluster');
const { once } = require('node:events');
const session = require('express-session');
const { createClient } = require('redis');
const { Emitter } = require('@socket.io/redis-emitter');
const { RedisStore } = require('connect-redis');
const { sessionRoom, shareSession } = require('../../..');
const { express, socketIoServer } = require('../versions.js');

const SECRET = 'a secret';

async function connect(port, options) {
  const client = createClient({ ...options, socket: { port, host: '127.0.0.1' } });
  client.on('error', () => {});
  return client.connect();
}

// Destroys a while after it was told to, as a store far away does.
function slowly(store, ms) {
  const { destroy } = store;
  store.destroy = (sid, callback) => setTimeout(() => destroy.call(store, sid, callback), ms);
  return store;
}

// Looks at once. Between the messages `hold` and `release` its answers, but the first `after` of them, wait.
function holding(store) {
  const { get } = store;
  let passing = Number.POSITIVE_INFINITY;
  const held = [];
  process.on('message', ({ type, after = 0 }) => {
    if (type === 'hold') {
      passing = after;
      process.send({ type: 'holding' });
    } else if (type === 'release') {
      passing = Number.POSITIVE_INFINITY;
      for (const answer of held.splice(0)) answer();
    }
  });
  store.get = (sid, callback) => {
    get.call(store, sid, (...answer) => {
      passing -= 1;
      if (passing >= 0) callback(...answer);
      else held.push(() => callback(...answer));
    });
  };
  return store;
}

function serveExpress(app, sharing) {
  app.use(session({ store: sharing.store, secret: SECRET, resave: false, saveUninitialized: false }));
  app.use(sharing.express());
  app.get('/login', (req, res) => {
    req.session.user = req.query.user;
    res.json({ sid: req.session.id });
  });
  app.get('/read', (req, res) => res.json({ ...req.session }));
  app.get('/logout', (req, res) => {
    req.session.destroy(() => res.json({}));
  });
  app.get('/renew', (req, res) => {
    req.session.regenerate(() => res.json({}));
  });
  app.get('/renew-slowly', (req, res) => {
    req.session.regenerate(() => setTimeout(() => res.json({}), Number(req.query.ms)));
  });
  app.get('/tell', (req, res) => {
    sharing.to(req.session.id).emit('news', req.query.what);
    res.json({});
  });
  app.get('/file', (req, res) => {
    sharing.to(req.session.id).emit('file', Buffer.from(req.query.text), { inside: Buffer.from('too') });
    res.json({});
  });
  app.get('/drop', (req, res) => {
    sharing.to(req.session.id).disconnect();
    res.json({});
  });
}

function serveSockets(app, io, sharing, namespaces) {
  app.get('/announce', (req, res) => {
    io.to(sessionRoom(req.query.sid)).emit('news', req.query.what);
    res.json({});
  });
  app.get('/sockets', async (req, res) => {
    res.json((await io.in(sessionRoom(req.query.sid)).fetchSockets()).map(({ id }) => id));
  });
  for (const name of namespaces) {
    const namespace = io.of(name);
    const events = [];
    for (const event of ['create-room', 'join-room'])
      namespace.adapter.on(event, (room) => events.push(room));
    namespace.use(sharing.socket(namespace));
    namespace.on('connection', (socket) => {
      socket.on('whoami', (ack) => ack(socket.session.user ?? null));
      socket.on('set', (field, value, ack) => {
        socket.session[field] = value;
        ack({ ok: true });
      });
      socket.on('see', (field, ack) => ack(socket.session[field] ?? null));
      socket.on('rooms', (ack) => ack([...socket.rooms], events));
      // The one room of a game, as apps with one room for each socket do it.
      socket.on('enter', async (room, ack) => {
        for (const other of [...socket.rooms]) if (other !== socket.id) await socket.leave(other);
        await socket.join(room);
        ack();
      });
      socket.on('logout', async (ack) => {
        await socket.session.destroy();
        ack({ ok: true });
      });
    });
  }
}

async function adapterFor({ adapter, redisPort }) {
  if (adapter === 'redis') {
    const { createAdapter } = require('@socket.io/redis-adapter');
    return createAdapter(await connect(redisPort), await connect(redisPort));
  }
  return adapter === 'cluster' ? require('@socket.io/cluster-adapter').createAdapter() : undefined;
}

async function main({
  namespaces = ['/'],
  emitters = [],
  oneTimeKeys,
  onSessionEnd,
  required,
  serves,
  storeTimeout,
  checkInterval,
  follows,
  ...input
}) {
  const client = await connect(input.redisPort, input.cached ? { RESP: 3, clientSideCache: {} } : {});
  const store = new RedisStore({ client, prefix: 'sess:' });
  if (input.slow) slowly(store, input.slow);
  if (input.holds) holding(store);
  const options = { store, oneTimeKeys, onSessionEnd, required, storeTimeout, checkInterval };
  // Each socket says what the session of its user has become.
  if (follows)
    options.onSessionChange = ({ socket, session: { user } }) => {
      socket.emit('changed', user);
    };
  if (emitters.length > 0) {
    const emitter = new Emitter(await connect(input.redisPort));
    options.emitter = emitters.map((name) => emitter.of(name));
  }
  const sharing = shareSession(options);
  const app = express(5)();
  const server = http.createServer(app);
  if (serves !== 'sockets') serveExpress(app, sharing);
  if (serves !== 'express') {
    const { Server } = socketIoServer(4);
    serveSockets(app, new Server(server, { adapter: await adapterFor(input) }), sharing, namespaces);
  }
  // Each worker of node:cluster on a port of its own: a test says which one it talks to.
  server.listen({ port: 0, host: '127.0.0.1', exclusive: true });
  await once(server, 'listening');
  process.send({ type: 'ready', url: `http://127.0.0.1:${server.address().port}` });
}

// The primary of node:cluster: its workers do what it was told to.
async function lead({ workers, ...input }) {
  require('@socket.io/cluster-adapter').setupPrimary();
  // As the adapter's documentation says, for packets with binary data.
  cluster.setupPrimary({ serialization: 'advanced' });
  const urls = [];
  for (let count = 0; count < workers; count += 1) {
    const worker = cluster.fork({ CLUSTER_INPUT: JSON.stringify(input) });
    // The adapter's own messages go the same way.
    const ready = (resolve) => worker.on('message', ({ type, url }) => type === 'ready' && resolve(url));
    urls.push(await new Promise(ready));
  }
  process.send({ type: 'ready', urls });
  process.on('disconnect', () => process.exit());
}

const input = JSON.parse(process.env.CLUSTER_INPUT ?? process.argv[2]);
if (input.workers) lead(input);
else main(input);
