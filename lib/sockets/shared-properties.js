'use strict';

const { handshakeRequest, put } = require('./socket-io.js');

/** @typedef {import('./shared-connection.js').SharedConnection} SharedConnection */

/** Where a socket has its connection. */
const CONNECTION = Symbol('io-session connection');
/** Where a request has the socket whose session is its own. */
const SOCKET = Symbol('io-session socket');

/**
 * The connection of a socket; undefined when it shares no session.
 *
 * @param {any} socket
 * @returns {SharedConnection | undefined}
 */
function connectionOf(socket) {
  return socket[CONNECTION];
}

/** The session of what an object has under a symbol. @param {symbol} where @param {boolean} enumerable */
const sessionAt = (where, enumerable) => ({
  configurable: true,
  enumerable,
  /** @this {any} */
  get() {
    return this[where].session;
  },
  /** @this {any} @param {any} session */
  set(session) {
    this[where].session = session;
  },
});

/** `socket.session` */
const SESSION = sessionAt(CONNECTION, false);
/** `socket.request.session`, for code written for `io.engine.use(session())`. */
const REQUEST_SESSION = sessionAt(SOCKET, true);

/** Gives a socket `session`, and its request too. @param {any} socket @param {SharedConnection} connection */
function giveSession(socket, connection) {
  put(socket, CONNECTION, connection);
  Object.defineProperty(socket, 'session', SESSION);
  giveToRequest(socket);
}

/** Takes it back. @param {any} socket */
function takeSession(socket) {
  delete socket.session;
  delete socket[CONNECTION];
  takeFromRequest(socket);
}

/**
 * Gives a socket's request the socket's session. The namespaces of one connection have one request between them: the first
 * one's socket takes it, and each later one gets a request of its own that has all the rest from there.
 *
 * @param {any} socket
 */
function giveToRequest(socket) {
  let { request } = socket;
  if (!request) return;
  const isFree = Object.hasOwn(request, SOCKET) ? isOurs(request) : !Object.hasOwn(request, 'session');
  if (Object.hasOwn(request, SOCKET)) {
    request = Object.create(request);
    put(socket, 'request', request);
  }
  put(request, SOCKET, socket);
  if (isFree) Object.defineProperty(request, 'session', REQUEST_SESSION);
}

/** @param {any} socket */
function takeFromRequest(socket) {
  const { request } = socket;
  if (request?.[SOCKET] !== socket) return;
  delete request[SOCKET];
  if (isOurs(request)) delete request.session;
  const shared = handshakeRequest(socket);
  if (request === shared) return;
  delete socket.request;
  // Socket.IO 4 finds it by a getter; in Socket.IO 2 each socket has it.
  if (socket.request === undefined) socket.request = shared;
}

/** Whether its `session` is what we have put there, and not the app's. @param {any} request */
function isOurs(request) {
  return Object.getOwnPropertyDescriptor(request, 'session')?.get === REQUEST_SESSION.get;
}

module.exports.connectionOf = connectionOf;
module.exports.giveSession = giveSession;
module.exports.takeSession = takeSession;
