'use strict';

// A socket shows its key when it connects.

const { shareSession } = require('../../index.js');
const { automatic } = require('../handlers.js');

module.exports = {
  binding: 'key',
  handlers: automatic,
  share({ app, io, store }) {
    const sharing = shareSession({ store, prefix: '/zappa' });
    app.use(sharing.express());
    io.use(sharing.socket());
  },
};
