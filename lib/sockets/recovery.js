'use strict';

const { settle } = require('./authentication.js');
const { HeldPackets } = require('./held-packets.js');
const { share } = require('./shared-socket.js');

/**
 * A socket whose connection Socket.IO has recovered, without its middlewares: whose it is has to be found out again, and
 * until then its packets wait.
 *
 * @param {import('./socket-sharing.js').SocketSharing} sharing
 * @param {any} socket
 */
function settleRecovered(sharing, socket) {
  const connection = share(sharing, socket);
  const { adopted } = sharing;
  const held = new HeldPackets(/** @type {import('../stores/adopted-store.js').AdoptedStore} */ (adopted));
  connection.held = held;
  settle(connection, (error) => {
    const packets = held.take();
    connection.held = undefined;
    // It has left again, and the app has never heard of it.
    if (connection.disconnected && !sharing.closed) return;
    if (error && sharing.options.required) {
      socket.disconnect();
      return;
    }
    connection.open('connect');
    connection.open('connection');
    for (const packet of packets) socket.onevent(packet);
  });
}

module.exports.settleRecovered = settleRecovered;
