'use strict';

const debug = require('debug')('io-session');
const { settle } = require('./authentication.js');
const { isForeign } = require('../http/origins.js');
const { failure } = require('../support/errors.js');
const { servedByAnother } = require('../support/warnings.js');
const { settleRecovered } = require('./recovery.js');
const { share, sharedBy } = require('./shared-socket.js');

/** Where a namespace has the sharing whose sockets it serves. */
const SHARING = Symbol('io-session sharing');

/**
 * The Socket.IO middleware: a socket that connects is bound, if it can show whose it is.
 *
 * @param {import('./socket-sharing.js').SocketSharing} sharing
 * @returns {(socket: any, next: (error?: any) => void) => void}
 */
function socketMiddleware(sharing) {
  return (socket, next) => {
    // Socket.IO has the middleware still. The namespace is another sharing's by now, perhaps.
    if (sharing.closed) {
      next();
      return;
    }
    if (!serves(sharing, socket.nsp)) {
      next(servedByAnother(sharing, socket.nsp));
      return;
    }
    if (sharedBy(socket) !== undefined) {
      next();
      return;
    }
    const { allowedOrigins, required, trustProxy } = sharing.options;
    if (allowedOrigins.length > 0 && isForeign(socket.handshake.headers ?? {}, allowedOrigins, trustProxy)) {
      debug('refused a connection of %j: not one of allowedOrigins', socket.handshake.headers.origin);
      next(refusal(failure('ERR_BAD_ORIGIN')));
      return;
    }
    settle(share(sharing, socket), (error) => next(error && required ? refusal(error) : undefined));
  };
}

/**
 * Serves a namespace before a socket has connected to it: this process reaches the sockets of others there at once.
 *
 * @param {import('./socket-sharing.js').SocketSharing} sharing
 * @param {any} server what the middleware is for: a Socket.IO server, for its main namespace, or a namespace
 */
function serveFromStart(sharing, server) {
  const namespace = server?.sockets?.server === server ? server.sockets : server;
  if (typeof namespace?.server?.of !== 'function') {
    throw new TypeError('io-session: sharing.socket(io): io must be a Socket.IO server or a namespace.');
  }
  if (sharing.closed) return;
  sharing.join(namespace.server);
  // A parent of dynamic namespaces has no sockets; its children are served when they are there.
  if (namespace.children === undefined && !serves(sharing, namespace))
    throw servedByAnother(sharing, namespace);
}

/**
 * Sees to it that the `connection` listeners of a namespace run as an event of their socket.
 *
 * @param {import('./socket-sharing.js').SocketSharing} sharing
 * @param {any} namespace
 * @returns {boolean} false when it is another sharing's
 */
function serves(sharing, namespace) {
  const known = namespace[SHARING];
  if (known !== undefined) return known === sharing;
  // Socket.IO 4 tells of a new socket by `emitReserved`, Socket.IO 2 by `emit`.
  const method = typeof namespace.emitReserved === 'function' ? 'emitReserved' : 'emit';
  const tell = namespace[method];
  Object.defineProperty(namespace, SHARING, { configurable: true, value: sharing });
  Object.defineProperty(namespace, method, {
    configurable: true,
    writable: true,
    /** @this {any} @param {string} event @param {...any} args */
    value(event, ...args) {
      const [socket] = args;
      if ((event !== 'connect' && event !== 'connection') || socket?.nsp !== this) {
        return tell.call(this, event, ...args);
      }
      welcome(sharing, socket, event);
      return this;
    },
  });
  sharing.serve(namespace, () => {
    delete namespace[method];
    delete namespace[SHARING];
  });
  return true;
}

/**
 * A socket is there: the app's listeners are told, `connect` first.
 *
 * @param {import('./socket-sharing.js').SocketSharing} sharing
 * @param {any} socket
 * @param {'connect' | 'connection'} event
 */
function welcome(sharing, socket, event) {
  const connection = sharedBy(socket);
  if (connection === undefined) settleRecovered(sharing, socket);
  // The events of one that is being recovered come when it is known whose it is, both.
  else if (connection.held === undefined) connection.open(event);
}

/**
 * What Socket.IO sends as a `connect_error`.
 *
 * @param {any} error
 */
function refusal(error) {
  const { code, message } = error.status === undefined ? failure('ERR_STORE_UNAVAILABLE') : error;
  return Object.assign(new Error(message), { data: { code, message } });
}

module.exports.serveFromStart = serveFromStart;
module.exports.socketMiddleware = socketMiddleware;
