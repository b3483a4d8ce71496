// No Express: express-session and io-session on node:http.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import session from 'express-session';
import { shareSession } from 'io-session';
import { Server } from 'socket.io';

const page = readFileSync(new URL('index.html', import.meta.url));
const secret = process.env.SESSION_SECRET ?? 'only for an example';

const sharing = shareSession({ onError: (error, { event }) => console.error(event, error) });

const sessions = session({ store: sharing.store, secret, resave: false, saveUninitialized: false });
const keys = sharing.express();

// A function of (req, res, next), as a promise.
const run = (middleware, req, res) =>
  new Promise((resolve, reject) => middleware(req, res, (error) => (error ? reject(error) : resolve())));
const called = (session, method) =>
  new Promise((resolve, reject) => session[method]((error) => (error ? reject(error) : resolve())));

const routes = {
  'GET /': (_req, res) => res.setHeader('Content-Type', 'text/html; charset=utf-8').end(page),
  'GET /me': (req, res) => answer(res, { name: req.session.name ?? null }),
  async 'POST /login'(req, res) {
    const { name } = await json(req);
    await called(req.session, 'regenerate');
    req.session.name = String(name);
    answer(res, { name: req.session.name });
  },
  async 'POST /logout'(req, res) {
    await called(req.session, 'destroy');
    answer(res, { name: null });
  },
};

function answer(res, body) {
  res.setHeader('Content-Type', 'application/json').end(JSON.stringify(body));
}

const server = createServer(async (req, res) => {
  try {
    await run(sessions, req, res);
    // It answers what is its own: the key route, and the client's module.
    await run(keys, req, res);
    const route = routes[`${req.method} ${req.url}`];
    if (route) await route(req, res);
    else res.writeHead(404).end();
  } catch (error) {
    console.error(error);
    if (!res.headersSent) res.writeHead(500);
    res.end();
  }
});

const io = new Server(server);
io.use(sharing.socket());

io.on('connection', (socket) => {
  socket.on('whoami', (ack) => ack({ name: socket.session.name ?? null }));

  socket.on('rename', async (name, ack) => {
    if (!socket.session.name) return ack({ error: 'Log in first.' });
    socket.session.name = String(name);
    await socket.session.save();
    sharing.to(socket.session.id).emit('renamed');
    ack({});
  });
});

server.listen(process.env.PORT ?? 3000);
await once(server, 'listening');
console.log(`http://localhost:${server.address().port}`);
