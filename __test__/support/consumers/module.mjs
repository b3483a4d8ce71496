// Express 5 and Socket.IO 4 as an ES module: each name is found by `import`. Its sessions are in a file.

import { createServer } from 'node:http';
import express from 'express';
import session from 'express-session';
import { EmbeddedStore, shareSession } from 'io-session';
import { Server } from 'socket.io';

const sharing = shareSession({ store: new EmbeddedStore({ path: 'sessions.redb' }) });

const app = express();
app.use(session({ store: sharing.store, secret: 'not a secret', resave: false, saveUninitialized: false }));
app.use(sharing.express());
app.get('/login', (req, res) => {
  req.session.name = 'ann';
  res.json({});
});
app.get('/read', (req, res) => res.json({ name: req.session.name }));

const server = createServer(app);
const io = new Server(server, { serveClient: false });
io.use(sharing.socket());
io.on('connection', (socket) => {
  socket.on('rename', ({ name }, ack) => {
    const before = socket.session.name;
    socket.session.name = name;
    ack({ before });
  });
});

server.listen(0, '127.0.0.1', () => {
  console.log(`listening at http://127.0.0.1:${server.address().port}`);
});
process.stdin.resume().once('end', () => {
  io.close();
  server.closeAllConnections?.();
});
