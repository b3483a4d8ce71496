'use strict';

// An app that calls shareSession, its browsers and its sockets, and the guarantee that a test leaves nothing behind.

const http = require('node:http');
const session = require('express-session');
const { shareSession } = require('../..');
const { HostileStore } = require('./hostile-store.js');
const { HttpClient } = require('./http-client.js');
const { closeServer, listen } = require('./http-server.js');
const { connectSocket, keyPath } = require('./socket-client.js');
const { express, makeIo, socketIoServer } = require('./versions.js');
const { settle } = require('./wait.js');

const SECRET = 'not a secret';

// `store: null`: the library's own. `kept`: one of support/stores.js, cleaned up behind the app. `before`: Express middlewares in front of the session. `splitPorts`: Express and
// Socket.IO are two origins. `share`: shareSession of another copy. `app(parts)` adds routes and listeners; it is called before
// anybody connects.
async function shareFixture(
  t,
  {
    expressVersion = 5,
    socketIoVersion = 4,
    clientVersion = socketIoVersion,
    splitPorts = false,
    kept,
    store = kept ? kept.store : new HostileStore(),
    options = {},
    sessionOptions = {},
    ioOptions = {},
    before = [],
    share = shareSession,
    app: define = () => {},
  } = {},
) {
  const sharing = share({ store: store ?? undefined, ...options });
  const app = express(expressVersion)();
  app.set('env', 'test');
  for (const middleware of before) app.use(middleware);
  app.use(
    session({
      store: sharing.store,
      secret: SECRET,
      resave: false,
      saveUninitialized: false,
      ...sessionOptions,
    }),
  );
  app.use(sharing.express());
  app.get('/login', (req, res) => {
    req.session.user = req.query.user ?? 'ann';
    res.json(req.session.id);
  });
  app.get('/logout', (req, res) => req.session.destroy(() => res.json('bye')));
  app.get('/read', (req, res) => res.json(req.session));

  const server = http.createServer(app);
  const ioServer = splitPorts ? http.createServer() : server;
  const io = makeIo(socketIoServer(socketIoVersion), ioServer, ioOptions);
  io.use(sharing.socket());
  define({ app, io, sharing });
  const url = await listen(server);
  const ioUrl = splitPorts ? await listen(ioServer) : url;

  const sockets = new Set();
  t.after(async () => {
    for (const socket of sockets) socket.close();
    io.close();
    await closeServer(ioServer);
    await closeServer(server);
    sharing.close();
    if (kept) {
      // What the sockets that have just left had still to take out of the store.
      await settle();
      await kept.cleanup();
    }
  });

  // A key or a cookie goes with the connection, in the way that the client's version has for it.
  const connect = async ({ key, cookie, namespace = '', version = clientVersion, ...rest } = {}) => {
    const socket = await connectSocket(ioUrl + namespace, {
      version,
      ...(key !== undefined && (version === 2 ? { query: { key } } : { auth: { key } })),
      ...(cookie !== undefined && { extraHeaders: { cookie } }),
      ...rest,
    });
    sockets.add(socket);
    return socket;
  };
  const browser = () => new HttpClient(url, { prefix: '/io-session' });
  const login = async (user = 'ann') => {
    const client = browser();
    await client.request(`/login?user=${user}`);
    return client;
  };
  const keyOf = async (client, place) => {
    const { status, body } = await client.json(keyPath('', { prefix: '/io-session', ...place }).slice(0, -1));
    if (status !== 200) throw new Error(`${status}: ${body.error}`);
    return body.key;
  };
  return {
    app,
    io,
    sharing,
    kept,
    store,
    url,
    ioUrl,
    browser,
    connect,
    keyOf,
    login,
    // A browser that is logged in, and its socket, bound as it connects.
    async bound(clientOptions) {
      const client = await login();
      const key = await keyOf(client);
      const socket = await connect({ key, ...clientOptions });
      return { browser: client, socket, sid: client.sid, key };
    },
  };
}

module.exports = { SECRET, shareFixture };
