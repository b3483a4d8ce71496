'use strict';

// A socket is known by the cookie of its handshake.

const { shareSession } = require('../../index.js');
const { SECRET } = require('../application.js');
const { automatic } = require('../handlers.js');

module.exports = {
  binding: 'cookie',
  handlers: automatic,
  share({ app, io, store }) {
    const sharing = shareSession({ store, cookie: { secret: SECRET } });
    app.use(sharing.express());
    io.use(sharing.socket());
  },
};
