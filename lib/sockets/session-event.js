'use strict';

const { AsyncResource } = require('node:async_hooks');
const { queue } = require('../stores/ask.js');
const { join, run } = require('./batch.js');
const { begin, publish } = require('../support/diagnostics.js');
const { SeenSession } = require('./seen-session.js');

/** One event of a socket: its session is loaded, its handler runs, what the handler changed is committed. */
class SessionEvent extends SeenSession {
  /**
   * @param {import('./connection.js').Connection} connection
   * @param {string} name the event's own
   */
  constructor(connection, name) {
    super(connection, name);
    /** The async context in which it came, while it waits: it is loaded together with others, and must not run in theirs. @type {AsyncResource | undefined} */
    this.caller = undefined;
    /** When its load began, where somebody wants to know, in ms. */
    this.began = 0;
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
    else {
      const options = { queue: connection.line, timeout: storeTimeout };
      this.clock = adopted.load(id, options, (error, stored) => this.answered(error, stored));
    }
    return promise;
  }

  /** Its turn in the batch: the session is read now, with all that the events before it have written. */
  turn() {
    const { adopted, connection } = this;
    connection.batched -= 1;
    const id = this.storedId();
    if (id !== undefined) {
      this.text = adopted.readText(id);
      this.clock = adopted.clock();
    }
    this.proceed(this.text !== undefined);
  }

  /**
   * The store has answered, and it is this event's turn.
   *
   * @param {any} error
   * @param {import('../stores/stored.js').Stored} [stored]
   */
  answered(error, stored) {
    if (error) {
      this.returned(this.inContext(this.refuse, error));
      this.connection.loaded();
      return;
    }
    this.text = stored?.text;
    this.data = stored?.data;
    this.proceed(stored !== undefined);
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

  /**
   * Its handler has come to its end: writes what that has changed.
   *
   * @abstract
   * @param {any} _value what the handler returned
   * @returns {any} the value, or a promise for it
   */
  commit(_value) {}

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
