'use strict';

const debug = require('debug')('io-session');
const { authenticate } = require('./binding/authentication.js');
const { isCrossOrigin } = require('../http/origins.js');
const { failure } = require('../support/errors.js');
const { warn, wordsOf } = require('../support/warnings.js');
const { SharedConnection } = require('./shared-connection.js');
const { connectionOf, giveSession } = require('./shared-properties.js');
const socketIo = require('./socket-io.js');

/** @import { SocketSharing } from './sharing/socket-sharing.js' */

/** Where a namespace has the sharing whose sockets it serves. */
const SHARING = Symbol('io-session sharing');
/** Socket.IO 3 tells nobody but itself of what happens to a socket. */
const SOCKET_IO_3 = 'IO_SESSION_SOCKET_IO_3';
/** The sharings of the middlewares. @type {WeakMap<Function, SocketSharing>} */
const made = new WeakMap();

/**
 * The Socket.IO middleware: a socket that connects is bound, if it can show whose it is.
 * @param {SocketSharing} sharing @returns {(socket: any, next: (error?: any) => void) => void}
 */
function socketMiddleware(sharing) {
  /** @param {any} socket @param {(error?: any) => void} next @param {any[]} others what no middleware of Socket.IO is given */
  function middleware(socket, next, ...others) {
    if (others.length > 0) return others[0](new TypeError(warn(sharing, 'IO_SESSION_MISPLACED')));
    const { allowedOrigins, required, trustProxy } = sharing.options;
    const { headers = {} } = socket.handshake;
    // Socket.IO has the middleware still when it is closed. The namespace is another sharing's by now, perhaps.
    if (sharing.closed && socketIo.middlewaresOf(socket.nsp).some((one) => made.get(one)?.closed === false))
      return next();
    const isKnown = connectionOf(socket) !== undefined;
    // Before the namespace is served: a page of anywhere may make dynamic ones.
    if (!isKnown && allowedOrigins.length > 0 && isCrossOrigin(headers, allowedOrigins, trustProxy)) {
      debug('refused a connection of %j: not one of allowedOrigins', headers.origin);
      return next(refusal(sharing, failure('ERR_BAD_ORIGIN')));
    }
    if (sharing.closed) return next(required ? refusal(sharing, failure('ERR_NO_SESSION_STORE')) : undefined);
    const error = serve(sharing, socket.nsp);
    if (error !== undefined || isKnown) return next(error);
    authenticate(share(sharing, socket), (failed) =>
      next(failed && required ? refusal(sharing, failed) : undefined),
    );
  }
  made.set(middleware, sharing);
  return middleware;
}

/** Gives a socket its session, and follows its events. @param {SocketSharing} sharing @param {any} socket */
function share(sharing, socket) {
  const former = sharing.connections.get(socket.id);
  // A recovered socket takes over: it has the id of its former connection, and is bound by itself.
  former?.unbind();
  const connection = new SharedConnection(sharing, socket);
  if (former !== undefined && !socket.recovered) {
    // A client of protocol 3 has connected to the namespace once more, by the same id. Socket.IO tells one of the two when it leaves.
    former.leave();
    socketIo.whileConnecting(socket, () => connection.leave());
  }
  sharing.connections.set(socket.id, connection);
  giveSession(socket, connection);
  socketIo.followSocket(socket, connection);
  return connection;
}

/**
 * Serves a namespace before a socket has connected to it: this process reaches the sockets of others there at once.
 * @param {SocketSharing} sharing
 * @param {any} server what the middleware is for: a Socket.IO server, for its main namespace, or a namespace
 */
function serveFromStart(sharing, server) {
  const namespace = server?.sockets?.server === server ? server.sockets : server;
  if (typeof namespace?.server?.of !== 'function')
    throw new TypeError('io-session: sharing.socket(io): io must be a Socket.IO server or a namespace.');
  if (sharing.closed) return;
  if (socketIo.isSocketIo3(namespace)) throw new TypeError(wordsOf(SOCKET_IO_3));
  // A parent of dynamic namespaces has no sockets. Its children are served when they are there.
  if (socketIo.isParent(namespace)) return sharing.cluster.join(namespace.server);
  const error = serve(sharing, namespace);
  if (error !== undefined) throw error;
}

/**
 * Serves a namespace: the `connection` listeners run as an event of their socket.
 * @param {SocketSharing} sharing @param {any} namespace @returns {Error | undefined} why that cannot be
 */
function serve(sharing, namespace) {
  const known = namespace[SHARING];
  if (known === sharing) return undefined;
  if (known !== undefined) return new Error(warn(sharing, 'IO_SESSION_TWO_SHARINGS', namespace.name));
  if (socketIo.isSocketIo3(namespace)) return new TypeError(warn(sharing, SOCKET_IO_3));
  Object.defineProperty(namespace, SHARING, { configurable: true, value: sharing });
  const unfollow = socketIo.followNamespace(namespace, (socket, event) => {
    const connection = connectionOf(socket);
    if (connection === undefined) share(sharing, socket).recover();
    // The app is told of a recovered socket, by both events, when it is known whose it is.
    else if (connection.heldPackets === undefined) connection.welcome(event);
  });
  sharing.namespaces.set(namespace, () => {
    unfollow();
    delete namespace[SHARING];
  });
  sharing.cluster.join(namespace.server);
  return undefined;
}

/** What Socket.IO sends as a `connect_error`. @param {SocketSharing} sharing @param {unknown} error */
function refusal(sharing, error) {
  const { code, error: message } = sharing.answerTo(error);
  return Object.assign(new Error(message), { data: { code, message } });
}

module.exports = { serveFromStart, socketMiddleware };
