'use strict';

// An app without `onError`, of whose sockets two listeners of one event reject. Tells what Node.js has of them.

const http = require('node:http');
const { shareSession } = require('../../..');
const { closeServer, listen } = require('../http-server.js');
const { connectSocket } = require('../socket-client.js');
const { makeIo, socketIoServer } = require('../versions.js');
const { settle, until } = require('../wait.js');

const unhandled = [];
process.on('unhandledRejection', ({ message }) => unhandled.push(message));

async function main() {
  const sharing = shareSession();
  const server = http.createServer();
  const io = makeIo(socketIoServer(4), server);
  io.use(sharing.socket());
  io.on('connection', (socket) => {
    for (const message of ['no stock', 'no mail']) {
      socket.on('order', async () => {
        throw new Error(message);
      });
    }
  });
  const client = await connectSocket(await listen(server));
  client.send('order');
  await until(() => unhandled.length >= 2, 'both are unhandled');
  await settle();
  client.close();
  io.close();
  await closeServer(server);
  sharing.close();
  process.send({ type: 'done', unhandled });
  process.disconnect();
}

main();
