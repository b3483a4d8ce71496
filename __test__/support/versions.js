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

// Node.js 22 and later have a WebSocket, which Socket.IO 2's client takes for a browser's: it would send no headers of a test.
function socketIoClient(version) {
  const webSocket = Object.getOwnPropertyDescriptor(globalThis, 'WebSocket');
  delete globalThis.WebSocket;
  try {
    return require(`${SOCKET_IO[version]}-client`);
  } finally {
    if (webSocket) Object.defineProperty(globalThis, 'WebSocket', webSocket);
  }
}

function makeIo(socketio, server, options) {
  const all = { serveClient: false, ...options };
  // Socket.IO 4 exports a class under a name, Socket.IO 2 is a function.
  return socketio.Server ? new socketio.Server(server, all) : socketio(server, all);
}

module.exports = { express, makeIo, socketIoServer, socketIoClient };
