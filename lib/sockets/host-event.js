'use strict';

const { SocketEvent } = require('./socket-event.js');

/** Where a host's context, and a request of the host's own, have the session object of their event. */
const SESSION = Symbol('io-session');

/** `session` on a host's context and on its request: the session of the event's session object. */
const FORWARD = {
  configurable: true,
  enumerable: true,
  /** @this {any} */
  get() {
    return this[SESSION].value;
  },
  /** @this {any} @param {any} value */
  set(value) {
    this[SESSION].value = value;
  },
};

/** `sessionID` on the host's request. */
const FORWARD_ID = {
  configurable: true,
  enumerable: true,
  /** @this {any} */
  get() {
    return this[SESSION].asRequest().sessionID;
  },
};

/** The events by which Socket.IO tells a socket that it leaves. */
const LEAVING = new Set(['disconnecting', 'disconnect']);

/** One event of a Zappa host: its context gets the session, and its chain of middlewares runs the handler. */
class HostEvent extends SocketEvent {
  /**
   * @param {import('./connection.js').Connection} connection
   * @param {any} context the host's context of this event
   * @param {(error?: unknown) => any} next runs the handler and gives what it returned
   */
  constructor(connection, context, next) {
    super(connection, context.event);
    this.context = context;
    this.next = next;
    /** @type {((value: any) => void) | undefined} */
    this.resolveResult = undefined;
  }

  dispatch() {
    // A socket leaves immediately, whatever the store does.
    if (!LEAVING.has(this.name)) return super.dispatch();
    this.connection.startPending();
    const { adopted, storedId } = this.connection;
    if (storedId !== undefined && adopted.isAtHand()) this.look(storedId);
    return this.start();
  }

  expected() {
    return new Promise((resolve) => {
      this.resolveResult = resolve;
    });
  }

  /** @param {any} result */
  resolve(result) {
    this.resolveResult?.(result);
  }

  /** @param {unknown} [error] */
  run(error) {
    if (error !== undefined) return this.next(error);
    this.expose();
    this.holdAck();
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

  /**
   * Has the acknowledgement wait until what was changed before it is saved. The handler's own words are sent even if that
   * fails, as with the original: the app's `onError` hears of it.
   */
  holdAck() {
    const { context } = this;
    const { ack } = context;
    if (typeof ack !== 'function') return;
    context.ack = (/** @type {any[]} */ ...values) => this.commit(() => ack(...values));
  }

  /** @param {any} value */
  save(value) {
    let isSaved = false;
    /** @type {((value: any) => void) | undefined} */
    let resolve;
    this.commit(() => {
      isSaved = true;
      resolve?.(value);
    });
    if (isSaved) return value;
    return new Promise((resolved) => {
      resolve = resolved;
    });
  }
}

/** @param {object} object */
function isEmpty(object) {
  for (const _key in object) return false;
  return object.constructor === Object;
}

module.exports.HostEvent = HostEvent;
