'use strict';

const { Loaded } = require('../stores/stored.js');
const { handshakeRequest } = require('./socket-io.js');

/** @import { Snapshot } from '../session/snapshot.js' */
/** @import { Stored } from '../stores/stored.js' */
/** @import { SocketSession } from './socket-session.js' */

/** Where a request has the session object that it belongs to. */
const SESSION = Symbol('io-session');

/** `session` on the request of a session object: the `Session`, made at the first look. @type {PropertyDescriptor & ThisType<any>} */
const OWN = {
  configurable: true,
  enumerable: true,
  get() {
    const held = this[SESSION];
    return held.isOpen ? held.session : held.open();
  },
  set(session) {
    this[SESSION].accept(session);
  },
};

/**
 * The request that a session of a socket belongs to. express-session's methods read and write it, and an app's `genid` or
 * `cookie` function may read it as it reads Express's request.
 */
class SocketRequest {
  /** @param {SocketSession} held */
  constructor(held) {
    Object.defineProperty(this, SESSION, { value: held });
    // Its own, so that express-session can delete it.
    Object.defineProperty(this, 'session', OWN);
    this.sessionID = held.id;
    this.sessionStore = held.connection.adopted.store;
  }

  /** A failure that nobody waits for. @param {unknown} error */
  report(error) {
    heldOf(this).connection.report(error);
  }

  /** Who hears of what is changed right now. */
  get telling() {
    return heldOf(this).connection.telling;
  }

  /** Whether its socket has disconnected, or was refused. */
  get hasLeft() {
    return heldOf(this).connection.hasLeft;
  }

  /** An `update()` has written the session. An event may have made an older one current meanwhile. @param {Snapshot} written */
  updated({ clock, stored }) {
    const held = heldOf(this);
    const { connection, sid } = held;
    if (sid === undefined || stored === null || connection.sid !== sid || connection.current === held) return;
    connection.makeCurrent(new Loaded(sid, { text: stored }, clock));
  }

  /** The session for code that has kept another object. @param {any} session it @returns {any} undefined while a handler may hold it */
  newer(session) {
    const held = heldOf(this);
    const { connection } = held;
    // By a `reload()`. A `regenerate()` gives another id.
    if (held.session && held.session !== session)
      return held.session.id === session.id ? held.session : undefined;
    if (held === connection.current || (held.session && connection.standsForItself(held))) return undefined;
    return connection.current.value;
  }

  /** Its session is being written. @param {Snapshot} snapshot @returns {boolean} false where it is not to be */
  mayStore(snapshot) {
    const { connection, sid } = heldOf(this);
    if (sid !== undefined || snapshot.sid !== connection.id) return true;
    if (!connection.isGone) connection.isStored = true;
    return !connection.isGone;
  }

  /** Makes the session anew, of what was loaded; nothing for a socket's own session. @param {Stored} [stored] @param {number} [clock] */
  openAgain(stored, clock) {
    heldOf(this).openAgain(stored, clock);
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

/** The session object that a request of ours belongs to; undefined for one of HTTP. @param {any} req @returns {SocketSession} */
function heldOf(req) {
  return req?.[SESSION];
}

/** The Socket.IO socket. @param {any} req */
function socketOf(req) {
  return heldOf(req).connection.socket;
}

/** The HTTP request of the handshake. @param {any} req */
function handshakeOf(req) {
  const socket = socketOf(req);
  return handshakeRequest(socket) ?? socket.request ?? {};
}

module.exports = { SocketRequest, heldOf };
