// Koa. Its session is express-session's, by koa-connect: koa-session and koa-generic-session have sessions of their own kind, which
// no socket can share.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { promisify } from 'node:util';
import session from 'express-session';
import { shareSession } from 'io-session';
import Koa from 'koa';
import connect from 'koa-connect';
import { Server } from 'socket.io';

const page = readFileSync(new URL('index.html', import.meta.url), 'utf8');
const secret = process.env.SESSION_SECRET ?? 'only for an example';

const sharing = shareSession({ onError: (error, { event }) => console.error(event, error) });

const app = new Koa();
app.use(connect(session({ store: sharing.store, secret, resave: false, saveUninitialized: false })));
// The key route, and the client's module.
app.use(connect(sharing.express()));

const routes = {
  'GET /'(ctx) {
    ctx.type = 'html';
    ctx.body = page;
  },
  'GET /me'(ctx) {
    ctx.body = { name: ctx.req.session.name ?? null };
  },
  async 'POST /login'(ctx) {
    const { name } = await json(ctx.req);
    await promisify(ctx.req.session.regenerate).call(ctx.req.session);
    ctx.req.session.name = String(name);
    ctx.body = { name: ctx.req.session.name };
  },
  async 'POST /logout'(ctx) {
    await promisify(ctx.req.session.destroy).call(ctx.req.session);
    ctx.body = { name: null };
  },
};

app.use((ctx) => routes[`${ctx.method} ${ctx.path}`]?.(ctx));

const server = createServer(app.callback());
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
