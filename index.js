'use strict';

const { EmbeddedStore } = require('./lib/embedded-store.js');
const { redisCompareAndSet } = require('./lib/redis-commit.js');
const { bind_express, bind_io, bind_middleware } = require('./lib/zappa.js');
const { sessionRoom } = require('./lib/room.js');
const { shareSession } = require('./lib/share-session.js');

// Explicit lines, so that `import { … } from 'io-session'` finds each name.
module.exports.bind_express = bind_express;
module.exports.bind_io = bind_io;
module.exports.bind_middleware = bind_middleware;
module.exports.shareSession = shareSession;
module.exports.sessionRoom = sessionRoom;
module.exports.redisCompareAndSet = redisCompareAndSet;
module.exports.EmbeddedStore = EmbeddedStore;
