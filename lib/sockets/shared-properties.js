'use strict';

const { handshakeRequest, put } = require('./socket-io.js');

/** @import { SharedConnection } from './shared-connection.js' */

/** Where a socket has its connection, and a request that of the socket whose session is its own. */
const CONNECTION = Symbol('io-session connection');
/** Where a request has what it had before. */
const BEFORE = Symbol('io-session before');

/** The connection of a socket that shares its session. @param {any} socket @returns {SharedConnection | undefined} */
function connectionOf(socket) {
  return socket[CONNECTION];
}

/** `session` of a socket, and of its handshake's request. @type {PropertyDescriptor & ThisType<any>} */
const SESSION = {
  configurable: true,
  get() {
    return this[CONNECTION].session;
  },
  set(session) {
    this[CONNECTION].session = session;
  },
};

/** What express-session gives a request. @type {{ [name: string]: PropertyDescriptor & ThisType<any> }} */
const OF_REQUEST = {
  session: { ...SESSION, enumerable: true },
  sessionID: {
    configurable: true,
    get() {
      return this[CONNECTION].session?.id;
    },
  },
  sessionStore: {
    configurable: true,
    get() {
      return this[CONNECTION].adopted.store;
    },
  },
};

/**
 * Gives a socket `session`, and its request too, for code written for `io.engine.use(session())`. The
 * namespaces of one connection have one request between them: the first one's socket takes it, and each later
 * one gets a request of its own that has all the rest from there.
 * @param {any} socket @param {SharedConnection} connection
 */
function giveSession(socket, connection) {
  put(socket, CONNECTION, connection);
  Object.defineProperty(socket, 'session', SESSION);
  let { request } = socket;
  if (!request) return;
  if (Object.hasOwn(request, CONNECTION)) {
    request = Object.create(request);
    put(socket, 'request', request);
  }
  put(request, CONNECTION, connection);
  // A session middleware may have been there before, by `io.engine.use(session())`: its session would never change again.
  /** @type {[name: string, property: PropertyDescriptor][]} */
  const before = [];
  for (const [name, property] of Object.entries(OF_REQUEST)) {
    const found = Object.getOwnPropertyDescriptor(request, name);
    if (found?.configurable === false) continue;
    if (found !== undefined) before.push([name, found]);
    Object.defineProperty(request, name, property);
  }
  if (before.length > 0) put(request, BEFORE, before);
}

/** Gives a socket `session` back where app code has deleted it, or has so on its request. @param {any} socket @returns {boolean} whether it has */
function undelete(socket) {
  const { request } = socket;
  // For each event, and `in` is the cheap look. What inherits from another request has that one's `session` as well.
  if ('session' in socket && (!request || ('session' in request && request === handshakeRequest(socket))))
    return false;
  if (!Object.hasOwn(socket, CONNECTION)) return false;
  const isOfSocket = !Object.hasOwn(socket, 'session');
  if (isOfSocket) Object.defineProperty(socket, 'session', SESSION);
  if (!request || !Object.hasOwn(request, CONNECTION) || Object.hasOwn(request, 'session')) return isOfSocket;
  Object.defineProperty(request, 'session', OF_REQUEST.session);
  return true;
}

/** Takes it back. @param {any} socket */
function takeSession(socket) {
  delete socket.session;
  delete socket[CONNECTION];
  const { request } = socket;
  if (request?.[CONNECTION]?.socket !== socket) return;
  delete request[CONNECTION];
  // What the app has put in the place of ours since stays.
  for (const [name, { get }] of Object.entries(OF_REQUEST))
    if (Object.getOwnPropertyDescriptor(request, name)?.get === get) delete request[name];
  for (const [name, found] of Object.hasOwn(request, BEFORE) ? request[BEFORE] : [])
    if (!Object.hasOwn(request, name)) Object.defineProperty(request, name, found);
  const shared = handshakeRequest(socket);
  if (request === shared) return;
  delete socket.request;
  // Socket.IO 4 finds it by a getter; in Socket.IO 2 each socket has it.
  if (socket.request === undefined) socket.request = shared;
}

module.exports = { connectionOf, giveSession, takeSession, undelete };
