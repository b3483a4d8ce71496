'use strict';

const { AsyncResource } = require('node:async_hooks');
const { NO_QUEUE, ask, openQueue } = require('../stores/tickets.js');
const { begin, publish } = require('../support/diagnostics.js');
const { Loaded } = require('../stores/stored.js');
const { asSentNow } = require('./sent-values.js');
const { hasOwnParser } = require('./socket-io.js');

/** @import { Connection } from './connection.js' */
/** @import { Stored } from '../stores/stored.js' */

/** One event of a socket: the stored session is loaded, the handlers run, and what they have changed is saved. */
class SocketEvent {
  /** @param {Connection} connection @param {string} name the event's own */
  constructor(connection, name) {
    this.connection = connection;
    this.name = name;
    /** The session object that was current when the handlers began. It leads to those that were current since. */
    this.link = connection.link;
    /** What its changes could not be saved for. @type {unknown} */
    this.failure = undefined;
    /** Whether it has an acknowledgement that was not called. */
    this.isUnanswered = false;
    /** Whether a handler has thrown or rejected. */
    this.hasFailed = false;
    /** Runs the handlers before the store has answered. @type {(() => void) | undefined} */
    this.startEarly = undefined;
  }

  /** The session object that was current when the handlers began. */
  get first() {
    return this.link.session;
  }

  /** Runs the handlers, or tells their host of a failure. @abstract @param {unknown} [_error] @returns {any} what they returned */
  run(_error) {}

  /** Saves after the handlers. @param {any} [_value] what they returned @returns {any} it, or a promise */
  save(_value) {
    this.commit(() => {});
  }

  /** Loads the session, then runs the handlers. @returns {any} what they returned, or a promise for it */
  dispatch() {
    const { adopted, storedId, waiting } = this.connection;
    // A stranger whose own session is empty needs no store.
    if (waiting === 0 && (storedId === undefined || adopted.isAtHand())) return this.startNow();
    return this.wait(storedId);
  }

  /** Runs the handlers immediately, with what is known of the session. @returns {any} what they returned */
  startNow() {
    this.isUnread = !this.connection.adopted.isAtHand();
    this.look();
    return this.start();
  }

  /** Waits for the store, and for its place in the queue. @param {string | undefined} storedId @returns {Promise<any>} */
  wait(storedId) {
    const { connection } = this;
    const { adopted, sid } = connection;
    const timeout = connection.sharing.options.storeTimeout;
    const began = begin('load');
    // An app's own AsyncLocalStorage may say here whose event it is. The store answers in another context.
    const caller = new AsyncResource('io-session');
    connection.waiting += 1;
    connection.pending ??= new Set();
    connection.pending.add(this);
    return new Promise((resolve) => {
      const inContext = (/** @type {() => any} */ run) => {
        let result;
        try {
          // What a handler throws, and no `onError` takes, goes on to Node.js from here: once, as it would without us.
          result = caller.runInAsyncScope(run);
        } finally {
          resolve(result);
        }
      };
      let isStarted = false;
      this.startEarly = () => {
        isStarted = true;
        inContext(() => this.start());
      };
      /** @type {(error: unknown, stored?: Stored, clock?: number) => void} */
      const go = (error, stored, clock) => {
        try {
          if (isStarted) return;
          inContext(() => {
            if (error) return this.refuse(error);
            if (clock === undefined) this.look();
            else this.loaded(new Loaded(sid, stored, clock), began);
            // Its session has ended, and the app has its sockets disconnected then: it has been started meanwhile.
            return isStarted ? undefined : this.start();
          });
        } finally {
          connection.pending?.delete(this);
          if (connection.pending?.size === 0) connection.pending = undefined;
          connection.stopWaiting();
        }
      };
      if (connection.queue === NO_QUEUE) connection.queue = openQueue();
      // It needs nothing but its place there.
      if (storedId === undefined || adopted.isAtHand())
        ask(go, { queue: connection.queue, timeout }, (done) => done(undefined));
      else {
        const mayBeOlder = (/** @type {Stored | undefined} */ stored, /** @type {number} */ sent) =>
          connection.sid === sid && connection.current.mayBeOlder(stored, sent);
        adopted.load(storedId, { queue: connection.queue, timeout, mayBeOlder }, go);
      }
    });
  }

  /** Reads the session, if it is at hand. */
  look() {
    const { adopted, sid, storedId } = this.connection;
    if (storedId === undefined || !adopted.isAtHand()) return;
    const text = adopted.driver.readText?.(storedId);
    this.loaded(new Loaded(sid, text === undefined ? undefined : { text }, adopted.clock), 0);
  }

  /** Makes the loaded session the current one. @param {Loaded} loaded @param {number} began ms, or 0 */
  loaded(loaded, began) {
    const { connection } = this;
    const { sid, stored } = loaded;
    if (sid !== undefined) {
      connection.adopted.counts.loads += 1;
      publish('load', sid, { event: this.name, found: stored !== undefined }, began);
    }
    // Bound to another session, or to none, since the load began.
    if (connection.sid !== sid) return;
    if (sid !== undefined && stored === undefined) {
      const { bound } = connection;
      connection.lose('expire');
      // Its other sockets have lost it as well.
      if (bound !== undefined) connection.sharing.watch.gone(bound);
    } else connection.makeCurrent(loaded);
  }

  /** Runs the handlers with the current session object, and saves after them. @returns {any} */
  start() {
    const { connection } = this;
    connection.takeNext();
    this.link = connection.link;
    connection.running.push(this);
    if (!this.mayNeverEnd) connection.sharing.handlers += 1;
    if (this.round > connection.round) connection.round = this.round;
    const { starting } = connection;
    connection.starting = this;
    let result;
    let isLater;
    try {
      result = this.run();
      isLater = typeof result === 'object' && typeof result?.then === 'function';
    } catch (error) {
      return this.failed(error);
    } finally {
      connection.starting = starting;
    }
    if (!isLater) return this.finish(result);
    // What its `then` throws is a rejection.
    return Promise.resolve(result).then(
      (value) => this.finish(value),
      (error) => this.failed(error),
    );
  }

  /** The handlers have ended. @param {any} value */
  finish(value) {
    try {
      return this.save(value);
    } finally {
      this.connection.end(this);
    }
  }

  /**
   * A handler threw or rejected: what it changed is not saved, unless a handler that is still running shares the session
   * object. Without an `onError`, Node.js shows the error once, as it would without us.
   * @param {unknown} error
   */
  failed(error) {
    const { connection } = this;
    this.hasFailed = true;
    connection.end(this);
    connection.drop();
    if (!connection.sharing.options.onError) throw error;
    connection.report(error, this.name);
    return undefined;
  }

  /** The store failed: the host hears of it, and the handlers do not run. @param {unknown} error */
  refuse(error) {
    this.connection.report(error, this.name);
    try {
      return this.run(error);
    } catch (thrown) {
      // ZappaJS throws what its `next` is called with. It has just been reported.
      if (thrown !== error) throw thrown;
      return undefined;
    }
  }

  /** Saves what was changed in what the handlers may hold. A failure is reported, once. @param {(error?: unknown) => void} done */
  commit(done) {
    const { connection, name } = this;
    connection.commit(this, (error) => {
      if (error) {
        // What could not be saved is not what the next event sees.
        connection.drop();
        // The acknowledgement and the end of the handler may have waited for the same save.
        if (error !== this.failure) connection.report(error, name);
        this.failure = error;
      }
      done(error);
    });
  }

  /** It acknowledges, or another event does so in its place. */
  answered() {
    const { connection, hasFailed, isUnanswered, link } = this;
    this.isUnanswered = false;
    if (isUnanswered && !hasFailed && !connection.running.includes(this)) connection.answered(link);
  }

  /**
   * An acknowledgement that is sent when what was changed before it is saved: the client that has it finds the change in the store.
   * What cannot be sent throws in the handler, as without us, or is reported if the handler has gone on since.
   * @param {(error: unknown, values: any[]) => void} send @returns {(...values: any[]) => void}
   */
  acknowledgement(send) {
    this.isUnanswered = true;
    return (...given) => {
      const { connection } = this;
      this.answered();
      let values = given;
      let isSent = false;
      let isLater = false;
      /** @type {unknown[]} */
      const thrown = [];
      this.commit((error) => {
        if (isSent) return;
        isSent = true;
        try {
          send(error, values);
        } catch (failed) {
          if (isLater) connection.report(failed, this.name);
          else thrown.push(failed);
        }
        if (isLater) connection.sent();
      });
      isLater = true;
      if (thrown.length > 0) throw thrown[0];
      if (isSent) return;
      const isJson = !hasOwnParser(connection.socket);
      try {
        values = given.map((value, at) => asSentNow(value, at, isJson));
      } catch (failed) {
        // It cannot be sent later, either.
        isSent = true;
        throw failed;
      }
      connection.unsent += 1;
    };
  }
}

/** Whether what it saves is told to nobody. @type {boolean} */
SocketEvent.prototype.isQuiet = false;
/** Whether it tells the app that the socket has connected: such a handler may go on for as long as the socket is there. @type {boolean} */
SocketEvent.prototype.mayNeverEnd = false;
/** How many calls of `onSessionChange` have led to this one, itself included: two sockets would answer each other for ever. */
SocketEvent.prototype.round = 0;
/** Whether the session was not loaded for it: the socket leaves. @type {boolean} */
SocketEvent.prototype.isUnread = false;

module.exports.SocketEvent = SocketEvent;
