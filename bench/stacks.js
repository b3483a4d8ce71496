'use strict';

// The versions that an app runs on, under the aliases of package.json: today's, and those of a ZappaJS 6.5 app.

const STACKS = {
  newest: { express: 5, socketIo: 4, connectRedis: 'connect-redis', redis: 'redis' },
  zappa: { express: 4, socketIo: 2, connectRedis: 'connect-redis3', redis: 'redis2' },
};

/** The packages of a stack. @param {keyof typeof STACKS} name */
function packagesOf(name) {
  const { express, socketIo, connectRedis, redis } = STACKS[name];
  return [`express${express}`, `socketio${socketIo}`, 'express-session', connectRedis, redis];
}

module.exports = { STACKS, packagesOf };
