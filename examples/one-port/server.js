// Express and Socket.IO on one port.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import express from 'express';
import session from 'express-session';
import { shareSession } from 'io-session';
import { Server } from 'socket.io';

const page = fileURLToPath(new URL('index.html', import.meta.url));
const secret = process.env.SESSION_SECRET ?? 'only for an example';

const app = express();
const server = createServer(app);
const io = new Server(server);

const sharing = shareSession({
  // No `store`: an EmbeddedStore, in memory. Another app names its own.
  cookie: { secret }, // comes with the connection here, and binds a socket at once
  onError: (error, { event }) => console.error(event, error), // what handlers throw, too
});

app.use(session({ store: sharing.store, secret, resave: false, saveUninitialized: false }));
app.use(sharing.express());
app.use(express.json());

app.get('/', (_req, res) => res.sendFile(page));

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

server.listen(process.env.PORT ?? 3000);
await once(server, 'listening');
console.log(`http://localhost:${server.address().port}`);
