'use strict';

const { HOLDER, holderOf } = require('../session/snapshot.js');
const { handshakeRequest } = require('./socket-io.js');

/** @import { SocketSession } from './socket-session.js' */

/** `session` on the request of a session object: the `Session`, made at the first look. @type {PropertyDescriptor & ThisType<any>} */
const OWN = {
  configurable: true,
  enumerable: true,
  get() {
    const held = this[HOLDER];
    return held.isOpen ? held.session : held.open();
  },
  set(session) {
    this[HOLDER].accept(session);
  },
};

/**
 * The request that a session of a socket belongs to. express-session's methods read and write it, and an app's `genid` or
 * `cookie` function may read it as it reads Express's request.
 */
class SocketRequest {
  /** @param {SocketSession} held */
  constructor(held) {
    Object.defineProperty(this, HOLDER, { value: held });
    // Its own, so that express-session can delete it.
    Object.defineProperty(this, 'session', OWN);
    this.sessionID = held.id;
    this.sessionStore = held.connection.adopted.store;
  }

  /** The header of this name. @param {string} name @returns {any} */
  get(name) {
    const lower = String(name).toLowerCase();
    const { headers } = /** @type {any} */ (this);
    if (lower === 'referer' || lower === 'referrer') return headers.referrer ?? headers.referer;
    return headers[lower];
  }

  /** The same as `get`, as Express has it. @param {string} name */
  header(name) {
    return this.get(name);
  }
}

/** The fields of Express's request that the handshake has. @type {{ [name: string]: (req: any) => any }} */
const FIELDS = {
  headers: (req) => socketOf(req).handshake?.headers ?? {},
  /** The TCP connection. */
  socket: (req) => handshakeOf(req).socket ?? handshakeOf(req).connection ?? {},
  connection: (req) => req.socket,
  /** The client's address. */
  ip: (req) => socketOf(req).handshake?.address,
  ips: () => [],
  method: (req) => handshakeOf(req).method ?? 'GET',
  url: (req) => socketOf(req).handshake?.url ?? '/',
  originalUrl: (req) => req.url,
  query: (req) => socketOf(req).handshake?.query ?? {},
  secure: (req) => socketOf(req).handshake?.secure === true,
  protocol: (req) => (req.secure ? 'https' : 'http'),
  /** The host that the client has named, without its port. */
  hostname: ({ headers: { host } }) => (typeof host === 'string' ? host.replace(/:\d+$/, '') : undefined),
};
for (const [name, read] of Object.entries(FIELDS)) {
  Object.defineProperty(SocketRequest.prototype, name, {
    configurable: true,
    get() {
      return read(this);
    },
  });
}

/** The Socket.IO socket. @param {any} req */
function socketOf(req) {
  return holderOf(req).connection.socket;
}

/** The HTTP request of the handshake. @param {any} req */
function handshakeOf(req) {
  const socket = socketOf(req);
  return handshakeRequest(socket) ?? socket.request ?? {};
}

module.exports.SocketRequest = SocketRequest;
