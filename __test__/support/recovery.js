'use strict';

// A connection that Socket.IO recovers.

const assert = require('node:assert/strict');
const { until } = require('./wait.js');

// The transport of a client breaks and comes back. What happens while it is away happens in `meanwhile`. Socket.IO recovers who
// has had a packet.
async function recover({ client, io }, meanwhile = () => {}) {
  const server = io.of('/').sockets.get(client.id);
  const gone = client.next('disconnect');
  client.socket.io.engine.close();
  await gone;
  await until(() => !server.connected, 'the server has noticed');
  await meanwhile();
  const back = client.next('connect');
  client.socket.connect();
  await back;
  assert.equal(client.socket.recovered, true);
}

module.exports = { recover };
