'use strict';

/** @import { SocketSharing } from '../sockets/sharing/socket-sharing.js' */

const cluster = /** @type {any} */ (require('node:cluster'));

/** The main file of an installed Socket.IO. */
const SOCKET_IO = /[\\/]socket\.io[\\/](?:dist|lib)[\\/]index\.js$/;

/** What is wrong with the set-up of an app, by the code of the warning; some say of what. @type {{ [code: string]: (what: string) => string }} */
const MISTAKES = {
  IO_SESSION_COOKIE_SESSION: () =>
    'req.session is not a session of express-session (of cookie-session, perhaps, which keeps sessions in the browser). Sockets can share sessions of express-session only.',
  IO_SESSION_NO_SESSION: () =>
    'a key was asked for by a request without a session: app.use(session(…)) has to come before app.use(sharing.express()), and before what calls sharing.key(). Behind it, express-session gives a request no session while its store is disconnected, and none whose path the cookie is not for (cookie: { path }).',
  IO_SESSION_TWO_STORES: () =>
    'the session middleware and shareSession() use two different session stores: give both the same one, session({ store: sharing.store, … }).',
  IO_SESSION_NO_SOCKETS: () =>
    'a key was asked for, Socket.IO is loaded, and sharing.socket() was never called: io.use(sharing.socket()) is missing.',
  IO_SESSION_OWN_SESSIONS: (where) =>
    `shareSession() without a store in ${where}: each process has sessions of its own, so a browser is logged in at one of them alone. Give all of them one store, shareSession({ store }).`,
  IO_SESSION_COOKIE_NAME: (name) =>
    `the session middleware's cookie is not called '${name}', as shareSession()'s option 'cookie' has it: give both the same name. No socket is bound by its cookie.`,
  IO_SESSION_COOKIE_SECRET: () =>
    "the secret of shareSession()'s option 'cookie' is not the one that the session middleware signs its cookie with. No socket is bound by its cookie.",
  IO_SESSION_MOUNTED: (prefix) =>
    `app.use('${prefix}', sharing.express()): without the path, app.use(sharing.express()). It knows its own paths, and has to see every request.`,
  IO_SESSION_NOT_CALLED: (call) => `${call}: the parentheses are missing.`,
  IO_SESSION_MISPLACED: () =>
    'app.use(sharing.express()) is for Express, and io.use(sharing.socket()) for Socket.IO: one was given to the other, or to io.engine.',
  IO_SESSION_TWO_SHARINGS: (namespace) =>
    `the namespace '${namespace}' shares sessions by another shareSession() already: give each namespace one of them, or close() the other first.`,
  IO_SESSION_SOCKET_IO_3: () =>
    'Socket.IO 3 cannot share sessions: it tells nobody but itself when a socket connects or leaves. Install Socket.IO 2 or 4; clients of version 3 work with 4.',
};

/** What was warned of already, by sharing. @type {WeakMap<object, Set<string>>} */
const said = new WeakMap();

/**
 * Looks, when a key is asked for, for mistakes in the set-up of an app, and names each once, as a process warning.
 * @param {SocketSharing} sharing @param {any} req @returns {boolean} whether its session cannot be shared
 */
function lookForMistakes(sharing, req) {
  const mistake = mistakeOf(sharing, req);
  if (mistake !== undefined) warn(sharing, mistake);
  return mistake !== undefined && mistake !== 'IO_SESSION_NO_SOCKETS';
}

/** The code of what is wrong, if anything is. @param {SocketSharing} sharing @param {any} req */
function mistakeOf(sharing, { session, sessionStore }) {
  if (session !== undefined && session !== null && sessionStore === undefined)
    return 'IO_SESSION_COOKIE_SESSION';
  if (session === undefined && sessionStore === undefined) return 'IO_SESSION_NO_SESSION';
  if (sessionStore !== sharing.adopted?.store) return 'IO_SESSION_TWO_STORES';
  // Where Express and Socket.IO are two processes, there is none in this one, and an emitter perhaps.
  if (sharing.servesSockets || sharing.options.emitter.length > 0) return undefined;
  const hasSocketIo = Object.keys(require.cache ?? {}).some((file) => SOCKET_IO.test(file));
  return hasSocketIo ? 'IO_SESSION_NO_SOCKETS' : undefined;
}

/** Warns that one of several processes has sessions of its own: by node:cluster, or an instance under PM2. */
function warnOfOwnSessions() {
  // PM2 numbers its instances from 0.
  const { NODE_APP_INSTANCE: instance = '0' } = process.env;
  if (cluster.isWorker) warn(process, 'IO_SESSION_OWN_SESSIONS', 'a worker of node:cluster');
  else if (instance !== '0')
    warn(process, 'IO_SESSION_OWN_SESSIONS', `instance ${instance} of an app under PM2`);
}

/** @param {string} code @param {string} [what] */
function wordsOf(code, what = '') {
  return `io-session: ${MISTAKES[code](what)}`;
}

/** Warns of a mistake, once for a sharing. @param {object} sharing @param {string} code @param {string} [what] @returns {string} its words */
function warn(sharing, code, what) {
  const message = wordsOf(code, what);
  const codes = said.get(sharing) ?? new Set();
  said.set(sharing, codes);
  if (!codes.has(code)) process.emitWarning(message, { code });
  codes.add(code);
  return message;
}

module.exports = { lookForMistakes, warn, warnOfOwnSessions, wordsOf };
