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

module.exports = { express, socketIoServer, socketIoClient };
