// The page and its cookie on one origin, the sockets on another, to which the browser sends no cookie: `localhost` and
// `127.0.0.1` here, app.example and live.example for others. They could be two processes with one store between them.

import fs from 'node:fs';
import { createServer } from 'node:http';
import express from 'express';
import session from 'express-session';
import { shareSession } from 'io-session';
import { Server } from 'socket.io';

const html = fs.readFileSync(new URL('index.html', import.meta.url), 'utf8');
const secret = process.env.SESSION_SECRET ?? 'only for an example';
const ports = { pages: Number(process.env.PORT ?? 3000), sockets: Number(process.env.SOCKET_PORT ?? 3001) };
const pages = `http://localhost:${ports.pages}`;
const sockets = `http://127.0.0.1:${ports.sockets}`;

const app = express();
const io = new Server({ cors: { origin: pages } });

const sharing = shareSession({
  // No `store`: an EmbeddedStore, in memory. Another app names its own.
  allowedOrigins: [pages], // whose sockets may connect, and no other's
  onError: (error, { event }) => console.error(event, error), // what handlers throw, too
});

app.use(session({ store: sharing.store, secret, resave: false, saveUninitialized: false }));
app.use(sharing.express());
app.use(express.json());

app.get('/', (_req, res) => res.type('html').send(html.replaceAll('{{sockets}}', sockets)));

app.get('/me', (req, res) => {
  res.json({ name: req.session.name ?? null });
});

app.post('/login', (req, res, next) => {
  const name = String(req.body.name);
  // A login gets a new session id, so that one which somebody else has planted is worth nothing.
  req.session.regenerate((error) => {
    if (error) return next(error);
    req.session.name = name;
    res.json({ name: req.session.name });
  });
});

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.json({ name: null })));
});

io.use(sharing.socket());

io.on('connection', (socket) => {
  socket.on('whoami', (ack) => ack({ name: socket.session.name ?? null }));

  socket.on('rename', async (name, ack) => {
    if (!socket.session.name) return ack({ error: 'Log in first.' });
    socket.session.name = String(name);
    // It would be saved when the handler is done; the tabs are to find it when they hear of it.
    await socket.session.save();
    sharing.to(socket.session.id).emit('renamed');
    ack({});
  });
});

app.listen(ports.pages, 'localhost', () => console.log(pages));
io.listen(createServer().listen(ports.sockets, '127.0.0.1'));
