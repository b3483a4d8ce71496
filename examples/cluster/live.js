// One of the Socket.IO processes. They hear of each other, and of the Express processes, by the Redis adapter.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { RedisStore } from 'connect-redis';
import { shareSession } from 'io-session';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const { NAME: by, REDIS_URL: url } = process.env;

const client = createClient({ url });
const subscriber = client.duplicate();
for (const each of [client, subscriber]) {
  each.on('error', console.error);
  await each.connect();
}

const server = createServer();
const io = new Server(server, { adapter: createAdapter(client, subscriber), transports: ['websocket'] });

const sharing = shareSession({
  store: new RedisStore({ client }),
  onError: (error, { event }) => console.error(event, error),
});
// It is told which server: one of several processes.
io.use(sharing.socket(io));

io.on('connection', (socket) => {
  socket.on('whoami', (ack) => ack({ name: socket.session.name ?? null, by }));

  socket.on('rename', async (name, ack) => {
    if (!socket.session.name) return ack({ error: 'Log in first.' });
    socket.session.name = String(name);
    await socket.session.save();
    sharing.to(socket.session.id).emit('renamed');
    ack({});
  });
});

server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send({ port: server.address().port });
process.on('disconnect', () => process.exit());
