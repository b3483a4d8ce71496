'use strict';

const net = require('node:net');
const { once } = require('node:events');

// For programs that have to be told their port. Somebody else may take it between asking for it and using it.
async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

module.exports = { freePort };
