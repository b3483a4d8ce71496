'use strict';

const { failure } = require('../support/errors.js');
const { KEY_EVENT, presentKey } = require('./key-event.js');
const { SocketConnection } = require('./socket-connection.js');
const { SocketEvent } = require('./socket-event.js');

/** Where a socket has its connection. */
const CONNECTION = Symbol('io-session connection');
/** In Socket.IO's words, the reason why a socket leaves that the app has disconnected. */
const EXPELLED = 'server namespace disconnect';
/** Where a request has the socket whose session is its own. */
const SOCKET = Symbol('io-session socket');

/**
 * The connection of a socket; undefined when it shares no session.
 *
 * @param {any} socket
 * @returns {SocketConnection | undefined}
 */
function sharedBy(socket) {
  return socket[CONNECTION];
}

/** `socket.session` */
const SESSION = {
  configurable: true,
  enumerable: false,
  /** @this {any} */
  get() {
    return this[CONNECTION].session;
  },
  /** @this {any} @param {any} session */
  set(session) {
    this[CONNECTION].session = session;
  },
};

/** `socket.request.session`, for code written for `io.engine.use(session())`. */
const REQUEST_SESSION = {
  configurable: true,
  enumerable: true,
  /** @this {any} */
  get() {
    return this[SOCKET].session;
  },
  /** @this {any} @param {any} session */
  set(session) {
    this[SOCKET].session = session;
  },
};

/**
 * Gives a socket its session, and sees its events: on the instance, in the place of methods that Socket.IO 2, 3 and 4 call
 * on it.
 *
 * @param {import('./socket-sharing.js').SocketSharing} sharing
 * @param {any} socket
 * @returns {SocketConnection}
 */
function share(sharing, socket) {
  const connection = new SocketConnection(sharing, socket);
  sharing.quieten();
  put(socket, CONNECTION, connection);
  Object.defineProperty(socket, 'session', SESSION);
  put(socket, 'onevent', receive);
  put(socket, '_cleanup', cleanUp);
  // Socket.IO 4 tells of itself by `emitReserved`, Socket.IO 2 by `emit`.
  if (typeof socket.emitReserved === 'function') put(socket, 'emitReserved', tellReserved);
  else put(socket, 'emit', tell);
  giveToRequest(socket);
  return connection;
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

/** Takes it back. @param {any} socket */
function takeFromRequest(socket) {
  const { client, request } = socket;
  if (request?.[SOCKET] !== socket) return;
  delete request[SOCKET];
  if (isOurs(request)) delete request.session;
  if (request === client?.request) return;
  delete socket.request;
  // Socket.IO 4 finds it by a getter; in Socket.IO 2 each socket has it.
  if (socket.request === undefined) socket.request = client?.request;
}

/** Whether its `session` is what we have put there, and not the app's. @param {any} request */
function isOurs(request) {
  return Object.getOwnPropertyDescriptor(request, 'session')?.get === REQUEST_SESSION.get;
}

/** Gives a socket back as it was; in the middle of an event, or of its connecting, it keeps its session. @param {any} socket */
function unshare(socket) {
  const connection = /** @type {SocketConnection} */ (sharedBy(socket));
  for (const name of ['onevent', '_cleanup', 'emitReserved', 'emit']) delete socket[name];
  if (!socket.connected || connection.loading > 0 || !connection.latest.settled) return;
  delete socket.session;
  delete socket[CONNECTION];
  takeFromRequest(socket);
}

/** @param {any} object @param {PropertyKey} name @param {any} value */
function put(object, name, value) {
  Object.defineProperty(object, name, { configurable: true, enumerable: false, writable: true, value });
}

/** The method of a socket that one of ours stands before. @param {any} socket @param {string} name */
function inherited(socket, name) {
  return Object.getPrototypeOf(socket)[name];
}

/**
 * A packet with an event has arrived.
 *
 * @this {any}
 * @param {{ data?: any[], id?: number | null }} packet
 */
function receive(packet) {
  const connection = /** @type {SocketConnection} */ (sharedBy(this));
  if (connection.held?.add(packet)) return;
  const args = packet.data ?? [];
  const ack = packet.id === undefined || packet.id === null ? undefined : this.ack(packet.id);
  if (connection.held) {
    new SocketEvent(connection, this, args).asPacket(ack).refuse(failure('ERR_OVERLOADED'));
    return;
  }
  const [name, data] = args;
  if (name === KEY_EVENT) {
    presentKey(connection.sharing, connection, data, ack);
    return;
  }
  // Nobody listens: that costs the store nothing.
  if (this.listenerCount(name) === 0 && !(this._anyListeners?.length > 0) && !(this.fns?.length > 0)) return;
  process.nextTick(dispatch, new SocketEvent(connection, this, args).asPacket(ack));
}

/** @param {SocketEvent} event */
function dispatch(event) {
  event.dispatch();
}

/**
 * Socket.IO 4 tells the socket's own listeners something.
 *
 * @this {any}
 * @param {string} event
 * @param {...any} args
 */
function tellReserved(event, ...args) {
  if (event === 'disconnecting' || event === 'disconnect') return leave(this, event, args);
  return inherited(this, 'emitReserved').call(this, event, ...args);
}

/**
 * Socket.IO 2 does, or the app sends an event.
 *
 * @this {any}
 * @param {string} event
 * @param {...any} args
 */
function tell(event, ...args) {
  if (event === 'disconnecting' || event === 'disconnect') return leave(this, event, args);
  return inherited(this, 'emit').call(this, event, ...args);
}

/**
 * The socket leaves. `disconnecting` is told at once, while the socket is in its rooms still; `disconnect` after the
 * events that came before it.
 *
 * @param {any} socket
 * @param {string} name
 * @param {any[]} args
 */
function leave(socket, name, args) {
  const connection = /** @type {SocketConnection} */ (sharedBy(socket));
  connection.isExpelled = args[0] === EXPELLED;
  if (socket.listenerCount(name) > 0) {
    const event = new SocketEvent(connection, socket, [name, ...args]);
    if (name === 'disconnecting') event.atOnce();
    else process.nextTick(dispatch, event);
  }
  if (name === 'disconnect') connection.disconnect();
  return socket;
}

/**
 * The socket has left, or has been refused.
 *
 * @this {any}
 */
function cleanUp() {
  const connection = sharedBy(this);
  inherited(this, '_cleanup').call(this);
  connection?.sharing.forgetClosed(this.nsp);
  // Refused: there will be no `disconnect`.
  if (connection && !this.connected) connection.disconnect();
}

module.exports.share = share;
module.exports.sharedBy = sharedBy;
module.exports.unshare = unshare;
