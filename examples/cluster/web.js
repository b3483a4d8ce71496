// One of the Express processes. It has no Socket.IO server: its logouts reach the sockets by the emitter.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Emitter } from '@socket.io/redis-emitter';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import { shareSession } from 'io-session';
import { createClient } from 'redis';

const { NAME: by, REDIS_URL: url, SESSION_SECRET: secret } = process.env;
const page = fileURLToPath(new URL('index.html', import.meta.url));

const client = createClient({ url });
client.on('error', console.error);
await client.connect();

const sharing = shareSession({ store: new RedisStore({ client }), emitter: new Emitter(client) });

const app = express();
app.use(session({ store: sharing.store, secret, resave: false, saveUninitialized: false }));
app.use(sharing.express());
app.use(express.json());

app.get('/', (_req, res) => res.sendFile(page));

app.get('/me', (req, res) => {
  res.json({ name: req.session.name ?? null, by });
});

app.post('/login', (req, res, next) => {
  const name = String(req.body.name);
  req.session.regenerate((error) => {
    if (error) return next(error);
    req.session.name = name;
    res.json({ name, by });
  });
});

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.json({ name: null, by })));
});

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send({ port: server.address().port });
process.on('disconnect', () => process.exit());
