'use strict';

const { expose } = require('./event-request.js');
const { SessionEvent } = require('./session-event.js');

/** One event of a Zappa host: its context gets the session, and its chain of middlewares runs the handler. */
class HostEvent extends SessionEvent {
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
    this.resolve = undefined;
  }

  /** @param {unknown} [error] */
  run(error) {
    return error === undefined ? this.next() : this.next(error);
  }

  expected() {
    return new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  /** @param {any} handled */
  returned(handled) {
    /** @type {(value: any) => void} */ (this.resolve)(handled);
  }

  handle() {
    this.request = expose(this, this.sid ?? this.connection.id);
    return super.handle();
  }

  /** @param {any} value */
  commit(value) {
    let saved = false;
    /** @type {((value: any) => void) | undefined} */
    let resolve;
    this.write((error) => {
      if (error) this.report(error);
      saved = true;
      resolve?.(value);
    });
    if (saved) return value;
    return new Promise((resolved) => {
      resolve = resolved;
    });
  }
}

module.exports.HostEvent = HostEvent;
