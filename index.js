'use strict';

// First: a machine for which there is no addon is told so, and what to do.
require('./native.js');
// Then the timers, before a test of an app puts others in their place.
require('./lib/support/timers.js');

// Each part is loaded when it is first used. Explicit lines, so that `import { … } from 'io-session'` finds each name.
/** @type {typeof import('./lib/zappa.js').bind_express} */
module.exports.bind_express = (host) => require('./lib/zappa.js').bind_express(host);
/** @type {typeof import('./lib/zappa.js').bind_io} */
module.exports.bind_io = (host) => require('./lib/zappa.js').bind_io(host);
/** @type {typeof import('./lib/zappa.js').bind_middleware} */
module.exports.bind_middleware = (host) => require('./lib/zappa.js').bind_middleware(host);
/** @type {typeof import('./lib/share-session.js').shareSession} */
module.exports.shareSession = (options) => require('./lib/share-session.js').shareSession(options);
/** @type {typeof import('./lib/sockets/rooms.js').sessionRoom} */
module.exports.sessionRoom = (sid) => require('./lib/sockets/rooms.js').sessionRoom(sid);
/** @type {typeof import('./lib/stores/drivers/redis.js').redisCompareAndSet} */
module.exports.redisCompareAndSet = (client) =>
  require('./lib/stores/drivers/redis.js').redisCompareAndSet(client);
module.exports.EmbeddedStore = undefined;
// `defineProperties`: a getter that `defineProperty` made would not be seen by the `import` above.
Object.defineProperties(module.exports, {
  EmbeddedStore: { get: () => require('./lib/stores/embedded-store.js').EmbeddedStore },
});
