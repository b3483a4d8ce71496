'use strict';

// Socket.IO with no session at all, in an app of its own.

const { none } = require('../handlers.js');

module.exports = { binding: null, handlers: none, share() {} };
