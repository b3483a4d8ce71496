'use strict';

// Without `autoSave`: that compares when the handler has returned, which is before a `reload` has ended, and hashes the
// session twice for each event.

const { reloading } = require('../handlers.js');
const { peer } = require('../peer.js');

const sharedSession = peer('express-socket.io-session');

module.exports = {
  binding: 'cookie',
  handlers: reloading((socket) => socket.handshake),
  share({ io, session }) {
    io.use(sharedSession(session));
  },
};
