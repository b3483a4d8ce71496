// Express 5 and Socket.IO 4 in TypeScript, with types alone that can be stripped.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import session from 'express-session';
import { EmbeddedStore, type EmbeddedStoreOptions, shareSession } from 'io-session';
import type {} from 'io-session/socket.io';
import { Server } from 'socket.io';

declare module 'express-session' {
  interface SessionData {
    name: string;
  }
}

const options: EmbeddedStoreOptions = { maxSessions: 1000 };
const sharing = shareSession({ store: new EmbeddedStore(options) });

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
  socket.on('rename', ({ name }: { name: string }, ack: (answer: object) => void) => {
    const before = socket.session.name;
    socket.session.name = name;
    ack({ before });
  });
});

server.listen(0, '127.0.0.1', () => {
  console.log(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.stdin.resume().once('end', () => {
  io.close();
  server.closeAllConnections?.();
});
