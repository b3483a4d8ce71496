'use strict';

const { handshakeRequest, put } = require('./socket-io.js');

/** @import { SharedConnection } from './shared-connection.js' */

/** Where a socket has its connection. */
const CONNECTION = Symbol('io-session connection');
/** Where a request has the socket whose session is its own. */
const SOCKET = Symbol('io-session socket');
/** Where it has what its `session` was before. */
const BEFORE = Symbol('io-session before');

/** The connection of a socket that shares its session. @param {any} socket @returns {SharedConnection | undefined} */
function connectionOf(socket) {
  return socket[CONNECTION];
}

/** `socket.session` @type {PropertyDescriptor & ThisType<any>} */
const SESSION = {
  configurable: true,
  get() {
    return this[CONNECTION].session;
  },
  set(session) {
    this[CONNECTION].session = session;
  },
};

/** `socket.request.session`, for code written for `io.engine.use(session())`. @type {PropertyDescriptor & ThisType<any>} */
const REQUEST_SESSION = {
  configurable: true,
  enumerable: true,
  get() {
    return this[SOCKET].session;
  },
  set(session) {
    this[SOCKET].session = session;
  },
};

/**
 * Gives a socket `session`, and its request too. The namespaces of one connection have one request between them: the first
 * one's socket takes it, and each later one gets a request of its own that has all the rest from there.
 *
 * @param {any} socket
 * @param {SharedConnection} connection
 */
function giveSession(socket, connection) {
  put(socket, CONNECTION, connection);
  Object.defineProperty(socket, 'session', SESSION);
  let { request } = socket;
  if (!request) return;
  if (Object.hasOwn(request, SOCKET)) {
    request = Object.create(request);
    put(socket, 'request', request);
  }
  put(request, SOCKET, socket);
  // A session middleware may have been there before, by `io.engine.use(session())`: its session would never change again.
  const before = Object.getOwnPropertyDescriptor(request, 'session');
  if (before?.configurable === false) return;
  put(request, BEFORE, before);
  Object.defineProperty(request, 'session', REQUEST_SESSION);
}

/** Takes it back. @param {any} socket */
function takeSession(socket) {
  delete socket.session;
  delete socket[CONNECTION];
  const { request } = socket;
  if (request?.[SOCKET] !== socket) return;
  delete request[SOCKET];
  if (isOurs(request)) {
    const before = request[BEFORE];
    if (before === undefined) delete request.session;
    else Object.defineProperty(request, 'session', before);
  }
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

module.exports = { connectionOf, giveSession, takeSession };
