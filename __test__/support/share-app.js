'use strict';

// An Express app, a Socket.IO server, one shareSession() for both, their clients, and the guarantee that a test leaves
// nothing behind.

const http = require('node:http');
const session = require('express-session');
const { HttpClient } = require('./http-client.js');
const { HostileStore } = require('./hostile-store.js');
const { closeServer, listen } = require('./http-server.js');
const { connectSocket, keyPath } = require('./socket-client.js');
const { express, makeIo, socketIoServer } = require('./versions.js');
const subject = require('./subject.js');

const SECRET = 'not a secret';

// What a person would see of a socket's session.
function look({ session: seen }) {
  return seen && { id: seen.id, ...JSON.parse(JSON.stringify(seen)) };
}

function routes(app) {
  app.get('/login', (req, res) => {
    req.session.user = req.query.user ?? 'ann';
    res.json({ id: req.session.id });
  });
  app.get('/read', (req, res) => res.json(req.session));
  app.get('/logout', (req, res) => req.session.destroy(() => res.json({})));
  app.get('/regenerate', (req, res) =>
    req.session.regenerate(() => {
      req.session.user = 'somebody new';
      res.json({ id: req.session.id });
    }),
  );
}

function events(socket) {
  socket.on('read', (ack) => ack(look(socket)));
  socket.on('write', (data, ack) => {
    Object.assign(socket.session, data);
    ack?.({ id: socket.session.id });
  });
  socket.on('echo', (data, ack) => ack(data));
}

// `options`: of shareSession. `store: undefined` in them is the library's own. `namespaces`: which of them share, names
// and patterns. `before`: Express middlewares in front of the session. `app`, called with what is returned, adds what a
// test is about: in front of sharing.express() with `early`.
async function shareApp(
  t,
  {
    expressVersion = 5,
    socketIoVersion = 4,
    clientVersion = socketIoVersion,
    splitPorts = false,
    namespaces = ['/'],
    options,
    sessionOptions,
    ioOptions,
    before = [],
    app: extend = () => {},
  } = {},
) {
  const app = express(expressVersion)();
  app.set('env', 'test');
  const server = http.createServer(app);
  const ioServer = splitPorts ? http.createServer() : server;
  const io = makeIo(socketIoServer(socketIoVersion), ioServer, ioOptions);
  const sharing = subject.shareSession({ store: new HostileStore(), ...options });
  const { store } = sharing;

  for (const middleware of before) app.use(middleware);
  app.use(session({ store, secret: SECRET, resave: false, saveUninitialized: false, ...sessionOptions }));
  app.use(sharing.express());
  routes(app);
  // What each `connection` listener has seen, by socket id.
  const seen = new Map();
  for (const name of namespaces) {
    const namespace = io.of(name);
    namespace.use(sharing.socket());
    namespace.on('connection', (socket) => {
      seen.set(socket.id, look(socket));
      events(socket);
    });
  }
  const f = { app, io, sharing, store, seen };
  extend(f);

  const clients = new Set();
  t.after(async () => {
    for (const client of clients) client.close();
    sharing.close();
    io.close();
    await closeServer(ioServer);
    await closeServer(server);
    await store.close?.();
  });
  f.url = await listen(server);
  f.ioUrl = splitPorts ? await listen(ioServer) : f.url;

  return Object.assign(f, {
    browser: () => new HttpClient(f.url),
    async login(user = 'ann') {
      const browser = f.browser();
      await browser.request(`/login?user=${user}`);
      return browser;
    },
    async keyOf(browser, place) {
      const { status, body } = await browser.json(keyPath('', place).slice(0, -1));
      if (status !== 200) throw new Error(`${status}: ${body.error}`);
      return body.key;
    },
    // Gives its key in the way that its version of Socket.IO has for it.
    async connect({ key, namespace = '', version = clientVersion, cookie, ...rest } = {}) {
      const client = await connectSocket(f.ioUrl + namespace, {
        version,
        ...(key !== undefined && (version === 2 ? { query: { key } } : { auth: { key } })),
        ...(cookie !== undefined && { extraHeaders: { cookie } }),
        ...rest,
      });
      clients.add(client);
      return client;
    },
    // A browser that is logged in, and its socket, bound by the key that came with the connection.
    async bound(connection) {
      const browser = await f.login();
      const key = await f.keyOf(browser);
      const socket = await f.connect({ key, ...connection });
      return { browser, key, socket, sid: browser.sid };
    },
  });
}

module.exports = { SECRET, look, shareApp };
