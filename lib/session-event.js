'use strict';

const { AsyncResource } = require('node:async_hooks');
const { UNREAD } = require('./adopted-store.js');
const { ask, NO_LINE, queue } = require('./ask.js');
const { join, run } = require('./batch.js');
const { commitSession } = require('./commit.js');
const { begin, publish } = require('./diagnostics.js');
const { originOf } = require('./origin.js');
const { markOwn } = require('./own-session.js');
const { UnparsedText } = require('./redis-load.js');
const { meansMissing, sessionData } = require('./session-data.js');

/** One event of a socket: its session is loaded, its handler runs, what the handler changed is committed. */
class SessionEvent {
  /**
   * @param {import('./connection.js').Connection} connection
   * @param {string} name the event's own
   */
  constructor(connection, name) {
    this.connection = connection;
    this.name = name;
    this.adopted = /** @type {import('./adopted-store.js').AdoptedStore} */ (connection.sharing.adopted);
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
    /** The async context in which it came, while it waits: it is loaded together with others, and must not run in theirs. @type {AsyncResource | undefined} */
    this.caller = undefined;
    /** When its load began, where somebody wants to know, in ms. */
    this.began = 0;
    /** The `Session` of the request, once `opened`. @type {any} */
    this.session = undefined;
    /** @type {(import('./event-request.js').EventRequest & { session?: any }) | undefined} */
    this.request = undefined;
    /** Whether the session was looked at, or one was put in its place. */
    this.opened = false;
  }

  /**
   * Runs the handler, or tells its host of a failure.
   *
   * @abstract
   * @param {unknown} [_error]
   * @returns {any} what the handler returned
   */
  run(_error) {}

  /** What stands for what the handler will have returned; nothing where nobody waits for it. @returns {any} */
  expected() {}

  /** What that becomes. @param {any} _handled */
  returned(_handled) {}

  /**
   * Dispatches the event.
   *
   * @returns {any} what the handler returned, or a promise for it
   */
  dispatch() {
    const { adopted, connection } = this;
    const id = this.storedId();
    // A stranger whose own session is empty needs no store; where nobody is in front of it, not even a wait.
    if (id === undefined && connection.loading === 0) return this.handle();
    connection.loading += 1;
    this.caller = new AsyncResource('io-session');
    this.began = begin('load');
    const promise = this.expected();
    if (adopted.isAtHand() && connection.loading === connection.batched + 1) {
      connection.batched += 1;
      join(this);
      return promise;
    }
    // Those in front of it first: they need not wait for the store.
    if (connection.batched > 0) run();
    const { storeTimeout } = connection.sharing.options;
    if (id === undefined) queue(this, connection.line, storeTimeout);
    else if (adopted.store.get !== adopted.followed.get) {
      // The app has put its own method in place: it is the one to ask.
      ask(this, connection.line, storeTimeout, adopted.store, 'get', id);
    } else {
      this.clock = adopted.clock();
      ask(this, connection.line, storeTimeout, adopted.plain, 'get', id, undefined, adopted.callsBack);
    }
    return promise;
  }

  /** Under which id this event's session is stored; undefined when it is not. */
  storedId() {
    return this.sid ?? (this.connection.written ? this.connection.id : undefined);
  }

  /** Its turn in the batch: the session is read now, with all that the events before it have written. */
  turn() {
    const { adopted, connection } = this;
    connection.batched -= 1;
    const id = this.storedId();
    if (id !== undefined) {
      this.text = adopted.peek(id);
      this.clock = adopted.clock();
    }
    this.proceed(this.text !== undefined);
  }

  /**
   * The store has answered, and it is this event's turn.
   *
   * @param {any} error
   * @param {any} data
   */
  answered(error, data) {
    if (error && !meansMissing(error)) {
      this.returned(this.inContext(this.refuse, error));
      this.connection.loaded();
      return;
    }
    if (data instanceof UnparsedText) {
      this.text = data.text;
      this.proceed(true);
      return;
    }
    this.data = error ? undefined : sessionData(data);
    this.proceed(this.data !== undefined);
  }

  /**
   * Runs the handler.
   *
   * @param {boolean} found whether there is a stored session
   */
  proceed(found) {
    const { connection, sid } = this;
    if (sid !== undefined) {
      this.adopted.counts.loads += 1;
      publish('load', sid, { event: this.name, found }, this.began);
    }
    if (sid !== undefined && !found) {
      // Logged out elsewhere, or expired: the socket is a stranger from this event on.
      if (connection.sid === sid) connection.end('expire');
      this.sid = undefined;
    }
    let handled;
    try {
      // What the handler throws, and no `onError` takes, goes on from here to Node.js: once, as it would without us.
      handled = this.inContext(this.handle);
    } finally {
      this.returned(handled);
      connection.loaded();
    }
  }

  /**
   * Runs one of its methods in the async context in which it came: an app's own `AsyncLocalStorage` may say there whose event
   * it is.
   *
   * @param {(...args: any[]) => any} method
   * @param {unknown} [error]
   */
  inContext(method, error) {
    const caller = /** @type {AsyncResource} */ (this.caller);
    this.caller = undefined;
    return caller.runInAsyncScope(method, this, error);
  }

  /**
   * The store failed: the host's chain hears of it, and the handler does not run.
   *
   * @param {unknown} error
   */
  refuse(error) {
    this.report(error);
    try {
      return this.run(error);
    } catch (thrown) {
      // ZappaJS throws what its `next` is called with; it has just been reported.
      if (thrown !== error) throw thrown;
      return undefined;
    }
  }

  /** Runs the handler and commits after it. */
  handle() {
    let returned;
    try {
      returned = this.run();
    } catch (error) {
      return this.failed(error);
    }
    if (returned !== null && typeof returned === 'object' && typeof returned.then === 'function') {
      return returned.then(
        (/** @type {any} */ value) => this.commit(value),
        (/** @type {unknown} */ error) => this.failed(error),
      );
    }
    return this.commit(returned);
  }

  /** A session has been made, or put in the place of the one that was there. @param {any} session */
  accept(session) {
    this.opened = true;
    this.session = session;
  }

  /** What its session can do besides. @returns {import('./session-methods.js').Methods | undefined} */
  get methods() {
    return undefined;
  }

  /** Makes the `Session`, at the first look at it. */
  open() {
    if (this.text === UNREAD) this.read();
    const { adopted, request, sid, text } = this;
    if (sid !== undefined && text !== undefined) {
      const { clock, methods, version } = this;
      const sliced = adopted.slice(request, text, /** @type {number} */ (clock), version, methods);
      if (sliced !== undefined) {
        this.opened = true;
        this.session = sliced;
        return sliced;
      }
    }
    const data = text === undefined ? this.data : JSON.parse(text);
    const stored = data ?? { cookie: { __io: true } };
    const session = adopted.openSession(request, stored, text, this.clock, this.version);
    if (sid === undefined) markOwn(session, data === undefined);
    return session;
  }

  /** Reads the session that was there when the event was dispatched. */
  read() {
    const id = /** @type {string} */ (this.storedId());
    const { text, version } = this.adopted.read(id);
    this.text = text;
    this.version = version;
    // Gone since: what the handler sees is empty, and what it writes is dropped.
    if (text === undefined && this.sid !== undefined) this.data = { cookie: {} };
  }

  /**
   * Its handler has come to its end: writes what that has changed.
   *
   * @abstract
   * @param {any} _value what the handler returned
   * @returns {any} the value, or a promise for it
   */
  commit(_value) {}

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
   * @param {import('./origin.js').Origin | undefined} origin
   * @param {string} text
   * @param {(error?: unknown) => void} done
   */
  save(session, origin, text, done) {
    const { followed, store, timeout } = this.adopted;
    // Where the app has put its own `set` in place, it is the one to call.
    if (origin && store.set === followed.set) commitSession(this.adopted, session, false, done, text);
    else ask({ answered: done }, NO_LINE, timeout, store, 'set', session.id, session);
  }

  /** @param {unknown} error */
  report(error) {
    const { connection, name } = this;
    connection.sharing.report(error, { socket: connection.socket, event: name });
  }

  /**
   * The app's handler threw or rejected: nothing is saved. Without an `onError`, Node.js shows it once, as it would
   * without us.
   *
   * @param {unknown} error
   */
  failed(error) {
    if (!this.connection.sharing.options.onError) throw error;
    this.report(error);
    return undefined;
  }
}

module.exports.SessionEvent = SessionEvent;
