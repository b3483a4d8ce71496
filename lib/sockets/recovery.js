'use strict';

const { authenticate } = require('./binding/authentication.js');

/**
 * Finds out whose socket it is that Socket.IO has recovered without its middlewares. Until that is known its packets wait, and
 * the app is not told of it.
 *
 * @param {import('./shared-connection.js').SharedConnection} connection
 */
function recover(connection) {
  const { sharing, socket } = connection;
  connection.isRecovered = true;
  connection.held = [];
  authenticate(connection, (error) => {
    // Socket.IO tells of `connect` and `connection` in one go. Both have to be over.
    process.nextTick(() => {
      const packets = connection.takeHeld();
      // It has left again, and the app has never heard of it.
      if (connection.hasLeft && !sharing.closed) return;
      if (error && sharing.options.required) {
        socket.disconnect();
        return;
      }
      connection.welcome('connect');
      connection.welcome('connection');
      for (const packet of packets) socket.onevent(packet);
    });
  });
}

module.exports.recover = recover;
