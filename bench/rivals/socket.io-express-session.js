'use strict';

const { reloading } = require('../handlers.js');
const { peer } = require('../peer.js');

const ios = peer('socket.io-express-session');

module.exports = {
  binding: 'cookie',
  handlers: reloading((socket) => socket.handshake),
  share({ io, session }) {
    io.use(ios(session));
  },
};
