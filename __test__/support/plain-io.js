'use strict';

// One Socket.IO app, alone or with shareSession in it: what an app does to Socket.IO is to have the same effect in both.

const http = require('node:http');
const { shareSession } = require('../..');
const { closeServer, listen } = require('./http-server.js');
const { connectSocket } = require('./socket-client.js');
const { makeIo, socketIoServer } = require('./versions.js');

// `before(io)` adds what is there before us; `connected(socket)` listens.
async function plainIo(t, { version = 4, shares = false, before = () => {}, connected = () => {} }) {
  const server = http.createServer();
  const io = makeIo(socketIoServer(version), server);
  const sharing = shares ? shareSession() : undefined;
  before(io);
  if (sharing) io.use(sharing.socket());
  io.on('connection', connected);
  const client = await connectSocket(await listen(server), { version });
  t.after(async () => {
    client.close();
    io.close();
    await closeServer(server);
    sharing?.close();
  });
  return { client, io, sharing };
}

module.exports = { plainIo };
