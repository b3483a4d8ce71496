'use strict';

// An app without `onError`: a handler that waits for the store when its client leaves throws then. Tells what Node.js and the
// app's sockets have of that.

const http = require('node:http');
const { shareSession } = require('../../..');
const { HostileStore } = require('../hostile-store.js');
const { closeServer, listen } = require('../http-server.js');
const { connectSocket } = require('../socket-client.js');
const { makeIo, socketIoServer } = require('../versions.js');
const { settle, until } = require('../wait.js');

const uncaught = [];
process.on('uncaughtException', ({ message }) => uncaught.push(message));

async function main() {
  const store = new HostileStore();
  const sharing = shareSession({ store });
  const server = http.createServer();
  const io = makeIo(socketIoServer(4), server);
  io.use(sharing.socket());
  const told = [];
  const chat = io.of('/chat');
  for (const namespace of [io, chat]) {
    namespace.on('connection', (socket) => {
      socket.on('write', (ack) => {
        socket.session.note = 1;
        ack();
      });
      socket.on('bad', () => {
        throw new Error('on purpose');
      });
      for (const event of ['disconnecting', 'disconnect']) socket.on(event, () => told.push(event));
    });
  }
  const client = await connectSocket(await listen(server));
  await client.ask('write');
  const other = client.socket.io.socket('/chat');
  await new Promise((resolve) => other.once('connect', resolve));
  const hold = store.hold('get');
  client.send('bad');
  await hold.reached;
  client.socket.io.engine.close();
  await until(() => uncaught.length > 0, 'it is uncaught');
  await settle();
  const sockets = io.sockets.sockets.size + chat.sockets.size;
  process.send({ type: 'done', uncaught, told, sockets });
  client.close();
  io.close();
  await closeServer(server);
  sharing.close();
  process.disconnect();
}

main();
