'use strict';

/** Where a host's context keeps its event. */
const EVENT = Symbol('io-session');
/** Where a request has whether its session was its own. */
const HAD = Symbol('io-session had');

/** `session` on a host's context: whatever the event's request has. */
const FORWARD = {
  configurable: true,
  enumerable: true,
  /** @this {any} */
  get() {
    return this[EVENT].request.session;
  },
  /** @this {any} @param {any} value */
  set(value) {
    this[EVENT].request.session = value;
  },
};

/** `sessionID` on a host's own request. */
const FORWARD_ID = {
  configurable: true,
  enumerable: true,
  /** @this {any} */
  get() {
    return this[EVENT].request.sessionID;
  },
};

/** `session` on the event's own request, once something was looked for there. */
const OWN = {
  configurable: true,
  enumerable: true,
  /** @this {any} */
  get() {
    const event = this[EVENT];
    return event.opened ? event.session : event.open();
  },
  /** @this {any} @param {any} value */
  set(value) {
    this[EVENT].accept(value);
  },
};

/** The request of an event, as Express would give it: express-session's methods read and write these. */
class EventRequest {
  /** @type {any} */
  [EVENT];

  /** Whether it has had a `session` of its own. */
  [HAD] = false;

  /**
   * @param {import('./session-event.js').SessionEvent} event
   * @param {string} sid
   */
  constructor(event, sid) {
    this[EVENT] = event;
    this.sessionID = sid;
    /** @type {any} */
    this.sessionStore = event.adopted.store;
  }

  /**
   * Made when it is first looked at, since most handlers never do. From then on it is the request's own, so that
   * express-session can delete it: to define it for every event would cost more than all the rest that an event costs whose
   * handler does not look.
   *
   * @returns {any}
   */
  get session() {
    // Deleted.
    if (this[HAD]) return undefined;
    own(this, OWN);
    return this.session;
  }

  set session(session) {
    if (this[HAD]) own(this, { configurable: true, enumerable: true, writable: true, value: session });
    else {
      own(this, OWN);
      this.session = session;
    }
  }

  /** A failure that nobody waits for. @param {unknown} error */
  report(error) {
    this[EVENT].report(error);
  }

  /** For `store.generate`, which asks whether the connection is secure. */
  get headers() {
    return this[EVENT].connection.socket.handshake?.headers ?? {};
  }
}

/** @param {any} request @param {PropertyDescriptor} property */
function own(request, property) {
  request[HAD] = true;
  Object.defineProperty(request, 'session', property);
}

/**
 * Puts the session where the handler looks for it: on the host's context, and on its request.
 *
 * @param {import('./host-event.js').HostEvent} event
 * @param {string} sid
 * @returns {EventRequest}
 */
function expose(event, sid) {
  const { context } = event;
  const request = new EventRequest(event, sid);
  context[EVENT] = event;
  Object.defineProperty(context, 'session', FORWARD);
  const { req } = context;
  if (req === undefined || req === null || isEmpty(req)) {
    context.req = request;
    return request;
  }
  // The host's own request, which may be the same for all events of the socket.
  req[EVENT] = event;
  req.sessionStore = request.sessionStore;
  Object.defineProperty(req, 'sessionID', FORWARD_ID);
  Object.defineProperty(req, 'session', FORWARD);
  return request;
}

/** @param {object} object */
function isEmpty(object) {
  for (const _key in object) return false;
  return object.constructor === Object;
}

module.exports.EventRequest = EventRequest;
module.exports.expose = expose;
