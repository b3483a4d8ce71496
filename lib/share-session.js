'use strict';

const { giveKey } = require('./http/session-key.js');
const { expressMiddleware } = require('./http/middleware.js');
const { warn, warnOfOwnSessions, wordsOf } = require('./support/warnings.js');
const { readShareOptions } = require('./support/options.js');
const { SessionSockets } = require('./sockets/sharing/session-sockets.js');
const { serveFromStart, socketMiddleware } = require('./sockets/middleware.js');
const { SocketSharing } = require('./sockets/sharing/socket-sharing.js');

/** What makes a middleware has been used as one. */
const NOT_CALLED = 'IO_SESSION_NOT_CALLED';

/** Shares the sessions of an Express app with its sockets; see index.d.ts. @param {unknown} [options] */
function shareSession(options) {
  const read = readShareOptions(options);
  const sharing = new SocketSharing(read);
  if (read.store === undefined) warnOfOwnSessions();
  return Object.freeze({
    store: sharing.own.store,
    express(/** @type {any[]} */ ...args) {
      if (args.length > 0) throw new TypeError(wordsOf(NOT_CALLED, 'app.use(sharing.express())'));
      return expressMiddleware(sharing);
    },
    key: (/** @type {unknown} */ session, channel = sharing.options.channel) =>
      giveKey(sharing, session, channel),
    socket(/** @type {unknown} */ server, /** @type {unknown} */ next) {
      // Socket.IO has been given it as a middleware. An error thrown there ends the process.
      if (typeof next === 'function')
        return next(new TypeError(warn(sharing, NOT_CALLED, 'io.use(sharing.socket())')));
      sharing.servesSockets = true;
      if (server !== undefined) serveFromStart(sharing, server);
      return socketMiddleware(sharing);
    },
    update: (/** @type {unknown} */ sid, /** @type {any} */ change) => sharing.update(sid, change),
    to: (/** @type {string} */ sid) => new SessionSockets(sharing, sid),
    socketsOf: (/** @type {string} */ sid) => sharing.socketsOf(sid),
    stats: () => sharing.stats(),
    close: () => sharing.close(),
  });
}

module.exports.shareSession = shareSession;
