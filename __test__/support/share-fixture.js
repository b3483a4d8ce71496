'use strict';

// An app that calls shareSession, its browsers and its sockets, and the guarantee that a test leaves nothing behind.

const http = require('node:http');
const { once } = require('node:events');
const session = require('express-session');
const { shareSession } = require('../..');
const { HostileStore } = require('./hostile-store.js');
const { HttpClient } = require('./http-client.js');
const { connectSocket } = require('./socket-client.js');
const { express, socketIoServer } = require('./versions.js');

// `app(parts)` adds routes and listeners; it is called before anybody connects.
async function shareFixture(
  t,
  {
    expressVersion = 5,
    socketIoVersion = 4,
    store = new HostileStore(),
    options = {},
    sessionOptions = {},
    ioOptions = {},
    app: define = () => {},
  } = {},
) {
  const sharing = shareSession({ store, ...options });
  const app = express(expressVersion)();
  app.set('env', 'test');
  app.use(
    session({
      store: sharing.store,
      secret: 'not a secret',
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
  const socketio = socketIoServer(socketIoVersion);
  const io = socketio.Server ? new socketio.Server(server, ioOptions) : socketio(server, ioOptions);
  io.use(sharing.socket());
  define({ app, io, sharing });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;

  const sockets = new Set();
  t.after(async () => {
    for (const socket of sockets) socket.close();
    io.close();
    if (server.listening) {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    }
    sharing.close();
  });

  const connect = async (clientOptions) => {
    const socket = await connectSocket(url, { version: socketIoVersion, ...clientOptions });
    sockets.add(socket);
    return socket;
  };
  const login = async () => {
    const browser = new HttpClient(url);
    await browser.request('/login');
    return browser;
  };
  return {
    app,
    io,
    sharing,
    store,
    url,
    connect,
    login,
    // A browser that is logged in, and its socket, bound as it connects.
    async bound(clientOptions) {
      const browser = await login();
      const { body } = await browser.json('/zappa/socket/__local');
      const credentials = socketIoVersion === 2 ? { query: body } : { auth: body };
      const socket = await connect({ ...credentials, ...clientOptions });
      return { browser, socket, sid: browser.sid, key: body.key };
    },
  };
}

module.exports = { shareFixture };
