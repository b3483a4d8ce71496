'use strict';

// The shutdown of docs/how-to.md, while a handler is running and nothing else keeps the process. Tells when it is through.

const http = require('node:http');
const { setTimeout: delay } = require('node:timers/promises');
const { shareSession } = require('../../..');
const { listen } = require('../http-server.js');
const { connectSocket } = require('../socket-client.js');
const { makeIo, socketIoServer } = require('../versions.js');

async function main() {
  const server = http.createServer();
  const io = makeIo(socketIoServer(4), server);
  const sharing = shareSession();
  io.use(sharing.socket());
  const begun = new Promise((resolve) => {
    io.on('connection', (socket) =>
      socket.on('work', async () => {
        resolve();
        await delay(50);
        socket.session.done = true;
      }),
    );
  });
  const client = await connectSocket(await listen(server));
  client.send('work');
  await begun;
  client.close();
  await io.close();
  await sharing.close();
  await sharing.store.close();
  process.send({ type: 'through' });
}

main();
