'use strict';

const native = require('../../native.js');
const { failure } = require('../support/errors.js');

/** The calls of this copy of the JavaScript. @type {native.StoreCalls} */
const calls = new native.StoreCalls(expire);

/** What `answer` says; see src/store_calls.rs. */
const IGNORE = 0;
const HOLD = 1;
const RUN_AND_RELEASE = 3;
/** For calls that are in no socket's queue. */
const NO_QUEUE = -1;

/**
 * Who waits for a store's answer.
 *
 * @typedef {{ answered(error: unknown, value: unknown): void }} Asker
 */

/**
 * Those who wait, by their ticket.
 *
 * @type {Map<number, { asker: Asker, timeout: number, queued: number, error: unknown, value: unknown }>}
 */
const waiting = new Map();
/** How many calls were not answered in time. */
let timeouts = 0;

/**
 * Goes on outside of the store's callback: there, what app code throws makes some stores call back twice, and one
 * (connect-pg-simple) destroy the session.
 *
 * @param {{ asker: Asker, error: unknown, value: unknown }} entry
 */
function proceed(entry) {
  entry.asker.answered(entry.error, entry.value);
}

/**
 * A store answered, or its deadline passed.
 *
 * @param {number} ticket
 * @param {unknown} error
 * @param {unknown} [value]
 * @param {number} [queued]
 */
function answered(ticket, error, value, queued = NO_QUEUE) {
  const what = calls.answer(ticket);
  if (what === IGNORE) return;
  const entry = waiting.get(ticket);
  if (entry === undefined) return;
  entry.error = error;
  entry.value = value;
  if (what === HOLD) return;
  waiting.delete(ticket);
  process.nextTick(proceed, entry);
  if (what === RUN_AND_RELEASE) releaseQueue(queued);
}

/** @param {number} queued */
function releaseQueue(queued) {
  for (let next = calls.release(queued); next !== 0; next = calls.release(queued)) {
    const entry = waiting.get(next);
    waiting.delete(next);
    if (entry) process.nextTick(proceed, entry);
  }
}

/**
 * Takes a ticket for a store call, calls the store, and hands its first answer (an error, `ERR_STORE_TIMEOUT` or
 * `ERR_OVERLOADED` included) to the asker, once, after the current operation, in the order of the queue.
 *
 * @param {Asker} asker
 * @param {number} queued the queue of the socket, or `NO_QUEUE`
 * @param {number} timeout ms
 * @param {{ [method: string]: any }} store called as `this`
 * @param {'get' | 'set' | 'destroy' | 'touch'} method looked up now: an app may have put its own in place
 * @param {string} id
 * @param {unknown} [record] for `set` and `touch`
 * @param {boolean} [callsBack] whether the store is known to answer by callback, so that its promise need not be heard
 */
function ask(asker, queued, timeout, store, method, id, record, callsBack = false) {
  const ticket = calls.open(queued, timeout);
  if (ticket === 0) {
    process.nextTick(proceed, { asker, error: failure('ERR_OVERLOADED'), value: undefined });
    return;
  }
  const entry = { asker, timeout, queued, error: undefined, value: undefined };
  waiting.set(ticket, entry);
  /** @param {unknown} error @param {unknown} [value] */
  const callback = (error, value) => answered(ticket, error, value, queued);
  try {
    const returned = record === undefined ? store[method](id, callback) : store[method](id, record, callback);
    if (!callsBack) hear(returned, callback);
  } catch (error) {
    callback(thrown(error));
  }
}

/**
 * Hears stores that answer by promise as well, or only so.
 *
 * @param {any} returned what the store's method returned
 * @param {(error: unknown, value?: unknown) => void} callback
 */
function hear(returned, callback) {
  if (typeof returned?.then !== 'function') return;
  returned.then(
    (/** @type {unknown} */ value) => {
      // `undefined` is no answer: the callback is still to come.
      if (value !== undefined) callback(null, value);
    },
    (/** @type {unknown} */ error) => callback(rejected(error)),
  );
}

/** What a store rejected with, as an error. @param {unknown} error */
function rejected(error) {
  return error ?? new Error('The session store rejected.');
}

/** What a store threw, as an error. @param {unknown} error */
function thrown(error) {
  return error ?? new Error(`The session store threw ${error}.`);
}

/**
 * Takes a place in a socket's queue without calling a store: for an event that needs nothing but its place there.
 *
 * @param {Asker} asker
 * @param {number} queued
 * @param {number} timeout ms
 */
function queue(asker, queued, timeout) {
  const ticket = calls.open(queued, timeout);
  const entry = { asker, timeout, queued, error: /** @type {unknown} */ (undefined), value: undefined };
  if (ticket === 0) {
    entry.error = failure('ERR_OVERLOADED');
    process.nextTick(proceed, entry);
    return;
  }
  waiting.set(ticket, entry);
  answered(ticket, undefined, undefined, queued);
}

/** @param {number[]} tickets whose deadline has passed */
function expire(tickets) {
  for (const ticket of tickets) {
    const entry = waiting.get(ticket);
    if (!entry) continue;
    timeouts += 1;
    const error = failure(
      'ERR_STORE_TIMEOUT',
      `The session store did not answer within ${entry.timeout} ms.`,
    );
    answered(ticket, error, undefined, entry.queued);
  }
}

/** Opens the queue of a socket: its events run in order. @returns {number} */
function openQueue() {
  return calls.openQueue();
}

/** Closes the queue of a socket. @param {number} queue */
function closeQueue(queue) {
  calls.closeQueue(queue);
}

module.exports.ask = ask;
module.exports.closeQueue = closeQueue;
module.exports.countTimeouts = () => timeouts;
module.exports.hear = hear;
module.exports.openQueue = openQueue;
module.exports.queue = queue;
module.exports.rejected = rejected;
module.exports.thrown = thrown;
module.exports.NO_QUEUE = NO_QUEUE;
