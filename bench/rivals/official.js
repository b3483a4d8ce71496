'use strict';

// What Socket.IO's documentation does: express-session runs on the request of the handshake.

const { reloading } = require('../handlers.js');

module.exports = {
  binding: 'cookie',
  handlers: reloading((socket) => socket.request),
  share({ io, session }) {
    io.engine.use(session);
  },
};
