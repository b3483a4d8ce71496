// A page that is rendered on the server, with the key of its session in it: its socket is bound as it connects, and nothing is
// asked for.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import express from 'express';
import session from 'express-session';
import { shareSession } from 'io-session';
import { Server } from 'socket.io';

const page = readFileSync(new URL('index.html', import.meta.url), 'utf8');
const secret = process.env.SESSION_SECRET ?? 'only for an example';

const app = express();
const server = createServer(app);
const io = new Server(server);

const sharing = shareSession({ onError: (error, { event }) => console.error(event, error) });

app.use(session({ store: sharing.store, secret, resave: false, saveUninitialized: false }));
app.use(sharing.express());
app.use(express.urlencoded());

const escaped = (text) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

app.get('/', async (req, res) => {
  const fields = { name: req.session.name ?? 'nobody', key: await sharing.key(req.session) };
  // The key is as good as the session's cookie, for its sockets: no cache keeps it.
  res.set('Cache-Control', 'no-store');
  res.type('html').send(page.replace(/\{\{(\w+)\}\}/g, (_mark, field) => escaped(fields[field])));
});

app.post('/login', (req, res, next) => {
  const name = String(req.body.name);
  // A login gets a new session id, so that one which somebody else has planted is worth nothing.
  req.session.regenerate((error) => {
    if (error) return next(error);
    req.session.name = name;
    res.redirect(303, '/');
  });
});

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.redirect(303, '/')));
});

io.use(sharing.socket());

io.on('connection', (socket) => {
  // Bound already: the key has come with the connection.
  socket.emit('welcome', socket.session.name ?? null);

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
