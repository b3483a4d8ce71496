'use strict';

// Every version that the product promises to work with, under the aliases of package.json.
const EXPRESS = { 4: 'express4', 5: 'express5' };
const SOCKET_IO = { 2: 'socketio2', 4: 'socketio4' };

function express(version) {
  return require(EXPRESS[version]);
}

function socketIoServer(version) {
  return require(SOCKET_IO[version]);
}

function socketIoClient(version) {
  return require(`${SOCKET_IO[version]}-client`);
}

function makeIo(socketio, server, options) {
  const all = { serveClient: false, ...options };
  // Socket.IO 4 exports a class under a name, Socket.IO 2 is a function.
  return socketio.Server ? new socketio.Server(server, all) : socketio(server, all);
}

module.exports = { express, makeIo, socketIoServer, socketIoClient };
