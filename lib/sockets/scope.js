'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');

/** The event whose code runs, where two of one socket overlap. @type {AsyncLocalStorage<import('./socket-event.js').SocketEvent>} */
const scopes = new AsyncLocalStorage();

/**
 * Runs an event's handlers, so that `socket.session` is that event's, for their asynchronous code too.
 *
 * AsyncLocalStorage makes every promise of the process dearer on Node.js before 24. So an event that is alone on its
 * socket runs without: as long as no other one of that socket begins, whatever code asks means this one.
 *
 * @template T
 * @param {import('./socket-event.js').SocketEvent} event
 * @param {(event: import('./socket-event.js').SocketEvent) => T} run
 * @returns {T}
 */
function enter(event, run) {
  const { connection } = event;
  const { latest } = connection;
  if (latest !== event && !latest.settled) return scopes.run(event, run, event);
  if (latest !== event) connection.follow(event);
  // A store may have answered from within the scope of another event.
  return scopes.getStore() === undefined ? run(event) : scopes.exit(run, event);
}

/**
 * The event of a socket that the code which is running belongs to, or, outside of any, the one that had it last.
 *
 * @param {import('./socket-connection.js').SocketConnection} connection
 * @returns {import('./socket-event.js').SocketEvent}
 */
function eventOf(connection) {
  const scoped = scopes.getStore();
  return scoped?.connection === connection ? scoped : connection.latest;
}

module.exports.enter = enter;
module.exports.eventOf = eventOf;
