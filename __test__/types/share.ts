// What shareSession and `io-session/socket.io` take and refuse, with the real types of express-session and Socket.IO.
// Compiled by readme.test.js, never run.

import express = require('express5');
import session = require('express-session');

import { Emitter } from '@socket.io/redis-emitter';
import { Server, type Socket } from 'socket.io';
import {
  EmbeddedStore,
  type SessionSharing,
  type SharingStats,
  type SocketSession,
  shareSession,
} from '../..';
import type {} from '../../socket.io';

declare module 'express-session' {
  interface SessionData {
    user: { name: string; visits: number };
  }
}

// The options: each value that is taken.
const sharing: SessionSharing = shareSession({
  store: new session.MemoryStore(),
  prefix: '/live',
  channel: 'chat',
  cookie: { secret: 'secret' },
  required: true,
  allowedOrigins: ['https://app.example'],
  touchInterval: 60_000,
  trustProxy: true,
  maxKeysPerMinute: 10,
  maxFailedKeys: 3,
  storeTimeout: 1000,
  onSessionEnd: ({ socket, reason }) => socket.emit('ended', reason === 'regenerate'),
  onError: (error, { event }) => console.error(error, event),
});
shareSession();
shareSession({});
shareSession({ store: undefined, cookie: undefined });
shareSession({ store: new EmbeddedStore(), cookie: { name: 'sid', secrets: ['new', 'old'] } });

const emitter = new Emitter({ publish() {} });
shareSession({ emitter });
shareSession({ emitter: [emitter, emitter.of('/chat')] });

// @ts-expect-error no such option
shareSession({ stores: new session.MemoryStore() });
// @ts-expect-error not a session store
shareSession({ store: {} });
// @ts-expect-error a cookie needs a secret
shareSession({ cookie: { name: 'sid' } });
// @ts-expect-error an array, even of one
shareSession({ allowedOrigins: 'https://app.example' });
// @ts-expect-error ms, not words
shareSession({ touchInterval: '1m' });
// @ts-expect-error a flag, not a number of proxies
shareSession({ trustProxy: 1 });
// @ts-expect-error no emitter
shareSession({ emitter: 'redis' });

const app = express();
app.use(session({ store: sharing.store, secret: 'secret' }));
app.use(sharing.express());
app.get('/page', async (req, res) => {
  const added: number = await sharing.update(req.session.id, ({ user }) => {
    if (user) user.visits += 1;
    return user?.visits ?? 0;
  });
  // @ts-expect-error by its id
  await sharing.update(req.session, () => added);
  const key: string = await sharing.key(req.session);
  const other: string = await sharing.key(req.session, 'chat');
  res.send(key + other);
  // @ts-expect-error a channel is a text
  await sharing.key(req.session, 7);
  // @ts-expect-error whose session?
  await sharing.key();
});
app.post('/visit', async (req, res) => {
  const visits = await req.session.update((current) => {
    current.user ??= { name: 'ann', visits: 0 };
    current.user.visits += 1;
    return current.user.visits;
  });
  const number: number = visits;
  sharing.to(req.session.id).emit('visits', number);
  res.json(number);
});

const io = new Server();
io.use(sharing.socket());
io.use(sharing.socket(io));
io.of(/^\/room-\d+$/).use(sharing.socket());
io.on('connection', (socket) => {
  const name: string | undefined = socket.session.user?.name;
  // @ts-expect-error a field that SessionData does not have
  socket.session.nobody;
  // @ts-expect-error a text
  socket.session.user = { name: 7, visits: 0 };
  socket.on('rename', async (to: string, ack: (name?: string) => void) => {
    socket.session.user = { name: to, visits: 0 };
    ack(name);
  });
  socket.on('visit', async () => {
    const visits: number = await socket.session.update(async (current) => {
      const user = current.user ?? { name: 'ann', visits: 0 };
      current.user = user;
      return ++user.visits;
    });
    // @ts-expect-error what fn returned is a number
    const text: string = visits;
    return text;
  });
  socket.on('leave', async () => {
    const saved: SocketSession = await socket.session.save();
    const same: string = saved.id;
    const reloaded: SocketSession = await socket.session.reload();
    await socket.session.regenerate();
    await socket.session.destroy();
    socket.session.save((error) => console.error(error));
    const touched = socket.session.touch();
    return [same, reloaded.cookie.maxAge, touched];
  });
});

// A socket with types of its own has the session too.
type Events = { news: (text: string) => void };
type OwnSocket = Socket<Events, Events, Events, { room: string }>;
const own = (socket: OwnSocket): string => `${socket.session.id} ${socket.data.room}`;

const stats: SharingStats = sharing.stats();
const counts: number[] = [stats.sockets, stats.binds, stats.loads, stats.commits, stats.merges, stats.drops];
const sockets: Socket[] = sharing.socketsOf('sid');
sharing.to('sid').disconnect(true);
// @ts-expect-error a session is not its id
sharing.to({ id: 'sid' });
sharing.close();

export { counts, own, sockets, stats };
