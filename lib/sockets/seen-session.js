'use strict';

const { ask, NO_LINE } = require('../stores/ask.js');
const { commitSession } = require('../stores/commit.js');
const { originOf } = require('../session/snapshot.js');
const { markOwn } = require('../session/own-session.js');

/** The session that an event of a socket sees: made of what the store holds at the first look, and written where it has changed. */
class SeenSession {
  /**
   * @param {import('./connection.js').Connection} connection
   * @param {string} name the event's own
   */
  constructor(connection, name) {
    this.connection = connection;
    this.name = name;
    this.adopted = /** @type {import('../stores/adopted-store.js').AdoptedStore} */ (
      connection.sharing.adopted
    );
    /** The session the socket was bound to when the event was dispatched. */
    this.sid = connection.sid;
    /** What the store holds. @type {any} */
    this.data = undefined;
    /** Its text, where there is no object yet. @type {string | undefined} */
    this.text = undefined;
    /** The clock when it was read, where we have read it. @type {number | undefined} */
    this.clock = undefined;
    /** Its version, in an `EmbeddedStore`. */
    this.version = 0;
    /** The `Session` of the request, once `opened`. @type {any} */
    this.session = undefined;
    /** @type {(import('./event-request.js').EventRequest & { session?: any }) | undefined} */
    this.request = undefined;
    /** Whether the session was looked at, or one was put in its place. */
    this.opened = false;
  }

  /** Under which id this event's session is stored; undefined when it is not. */
  storedId() {
    return this.sid ?? (this.connection.written ? this.connection.id : undefined);
  }

  /** A session has been made, or put in the place of the one that was there. @param {any} session */
  accept(session) {
    this.opened = true;
    this.session = session;
  }

  /** What its session can do besides. @returns {import('../session/methods.js').Methods | undefined} */
  get methods() {
    return undefined;
  }

  /** Makes the `Session`, at the first look at it. */
  open() {
    const { adopted, clock, data, methods, request, sid } = this;
    const isNew = this.text === undefined;
    const text = this.text ?? JSON.stringify(data ?? { cookie: { __io: true } });
    const whole = sid === undefined ? JSON.parse(text) : data;
    const session = adopted.openSession(
      request,
      { text, data: whole },
      clock ?? (isNew ? adopted.clock() : undefined),
      methods,
    );
    if (sid === undefined) markOwn(session, isNew);
    return session;
  }

  /**
   * Writes what is another than it was loaded.
   *
   * @param {(error?: unknown) => void} done called at once where nothing has to be waited for
   */
  write(done) {
    const session = this.changeable();
    if (session === undefined) {
      done();
      return;
    }
    const origin = originOf(session);
    if (origin === undefined && typeof session.id !== 'string') {
      done(
        new TypeError(
          'io-session: what was put in the place of the session is none: change its fields instead.',
        ),
      );
      return;
    }
    let text;
    try {
      text = origin ? origin.spell(session) : JSON.stringify(session);
    } catch (error) {
      done(error);
      return;
    }
    // A session that `regenerate` has made is saved, as in Express, if something was put into it.
    if (origin ? !origin.isChanged(text) : Object.keys(session).length < 2) {
      done();
      return;
    }
    if (this.sid === undefined && origin?.sid === this.connection.id) this.connection.wrote();
    this.save(session, origin, text, done);
  }

  /** The session that the handler may have changed. @returns {any} undefined when there is none */
  changeable() {
    // A socket that has left has no session of its own any more.
    if (!this.opened || (this.sid === undefined && this.connection.hasLeft())) return undefined;
    return this.request?.session ?? undefined;
  }

  /**
   * @param {any} session
   * @param {import('../session/snapshot.js').Origin | undefined} origin
   * @param {string} text
   * @param {(error?: unknown) => void} done
   */
  save(session, origin, text, done) {
    const { followed, store, timeout } = this.adopted;
    // Where the app has put its own `set` in place, it is the one to call.
    if (origin && store.set === followed.set)
      commitSession(this.adopted, session, { trusting: false, text }, done);
    else ask({ answered: done }, NO_LINE, timeout, store, 'set', session.id, session);
  }

  /** @param {unknown} error */
  report(error) {
    const { connection, name } = this;
    connection.sharing.report(error, { socket: connection.socket, event: name });
  }
}

module.exports.SeenSession = SeenSession;
