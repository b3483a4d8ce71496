'use strict';

const { Connection } = require('./connection.js');
const { SocketEvent } = require('./socket-event.js');
const { LEAVING } = require('./socket-io.js');

/** @import { Sharing } from './sharing/sharing.js' */
/** @import { AdoptedStore } from '../stores/adopted-store.js' */

/** Where a socket has its connection. */
const CONNECTION = Symbol('io-session connection');
/** Where a host's context, and a request of the host's own, have the session object of their event. */
const SESSION = Symbol('io-session');

/** `session` on a host's context and on its request. @type {PropertyDescriptor & ThisType<any>} */
const FORWARD = {
  configurable: true,
  enumerable: true,
  get() {
    return this[SESSION].value;
  },
  set(value) {
    this[SESSION].value = value;
  },
};

/** `sessionID` on the host's request. @type {PropertyDescriptor & ThisType<any>} */
const FORWARD_ID = {
  configurable: true,
  enumerable: true,
  get() {
    return this[SESSION].asRequest().sessionID;
  },
};

/** A connection of a Zappa host, whose client object holds the binding, as `__session_id`. */
class HostConnection extends Connection {
  /** @param {Sharing} sharing @param {any} socket @param {any} client the host's object */
  constructor(sharing, socket, client) {
    super(sharing, socket);
    this.client = client;
  }

  get sid() {
    return this.client.__session_id;
  }

  set sid(sid) {
    if (sid === undefined) delete this.client.__session_id;
    else this.client.__session_id = sid;
  }
}

/** The connection of a host's socket, made at its first event. @param {Sharing} sharing @param {any} socket @param {any} client */
function hostConnection(sharing, socket, client) {
  const known = /** @type {HostConnection | undefined} */ (socket[CONNECTION]);
  if (known !== undefined) {
    // The app may have named another store since.
    known.adopted = /** @type {AdoptedStore} */ (sharing.adopted);
    return known;
  }
  const connection = new HostConnection(sharing, socket, client);
  Object.defineProperty(socket, CONNECTION, { value: connection });
  sharing.connections.set(socket.id, connection);
  // Behind the host's own listener, which was there first.
  socket.on('disconnect', () => connection.leave());
  return connection;
}

/** One event of a Zappa host: its context gets the session, and its chain of middlewares runs the handler. */
class HostEvent extends SocketEvent {
  /** @param {Connection} connection @param {any} context the host's @param {(error?: unknown) => any} next runs the handler */
  constructor(connection, context, next) {
    super(connection, context.event);
    this.context = context;
    this.next = next;
  }

  dispatch() {
    // A socket leaves immediately, whatever the store does.
    if (!LEAVING.has(this.name)) return super.dispatch();
    this.connection.startPending();
    return this.startNow();
  }

  /** @param {unknown} [error] */
  run(error) {
    if (error !== undefined) return this.next(error);
    this.expose();
    const { context } = this;
    const { ack } = context;
    // The acknowledgement waits until what was changed before it is saved. The handler's own words are sent even if that
    // fails, as with the original: the app's `onError` hears of it.
    if (typeof ack === 'function') context.ack = this.acknowledgement((_error, values) => ack(...values));
    return this.next();
  }

  /** Puts the session where the host's handlers look for it: on the context, and on its request. */
  expose() {
    const { context, first } = this;
    context[SESSION] = first;
    Object.defineProperty(context, 'session', FORWARD);
    const { req } = context;
    if (req === undefined || req === null || isEmpty(req)) {
      context.req = first.asRequest();
      return;
    }
    req[SESSION] = first;
    req.sessionStore = this.connection.adopted.store;
    Object.defineProperty(req, 'sessionID', FORWARD_ID);
    Object.defineProperty(req, 'session', FORWARD);
  }

  /** @param {any} value */
  save(value) {
    let isSaved = false;
    const saved = new Promise((resolve) => {
      this.commit(() => {
        isSaved = true;
        resolve(value);
      });
    });
    return isSaved ? value : saved;
  }
}

/** @param {object} object */
function isEmpty(object) {
  for (const _key in object) return false;
  return object.constructor === Object;
}

module.exports = { HostEvent, hostConnection };
