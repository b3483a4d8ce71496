'use strict';

const native = require('../../native.js');
const { failure, timedOut } = require('../support/errors.js');

/** The calls of this copy of the JavaScript. @type {native.StoreCalls} */
const calls = new native.StoreCalls(expire);

/** What `answer` says; see src/store_calls.rs. */
const IGNORE = 0;
const HOLD = 1;
const RUN_AND_RELEASE = 3;
/** For calls that are in no socket's queue. */
const NO_QUEUE = 0;

/**
 * Who waits for a store's answer.
 *
 * @typedef {{ answered(error: unknown, value: unknown): void }} Asker
 * @typedef {{ ticket: number, asker: Asker, timeout: number, queued: number, error: unknown, value: unknown }} Entry
 */

/** Those who wait, by their ticket. @type {Map<number, Entry>} */
const waiting = new Map();
/** How many calls were not answered in time. */
let timeouts = 0;

/**
 * Goes on outside of the store's callback: there, what app code throws makes some stores call back twice, and one
 * (connect-pg-simple) destroy the session.
 *
 * @param {Entry} entry
 */
function proceed(entry) {
  const { asker, error, value } = entry;
  // V8 may have made it in old space, where even a dead one keeps what it has until the next full collection.
  entry.value = undefined;
  asker.answered(error, value);
}

/** Takes a ticket; undefined where there is none, and the asker is told so. @param {Asker} asker @param {number} queued @param {number} timeout ms */
function enter(asker, queued, timeout) {
  const ticket = calls.open(queued, timeout);
  /** @type {Entry} */
  const entry = { ticket, asker, timeout, queued, error: undefined, value: undefined };
  if (ticket !== 0) {
    waiting.set(ticket, entry);
    return entry;
  }
  entry.error = failure('ERR_OVERLOADED');
  process.nextTick(proceed, entry);
}

/** A store answered, or its deadline passed. @param {Entry} entry @param {unknown} error @param {unknown} [value] */
function answered(entry, error, value) {
  const { queued, ticket } = entry;
  const what = calls.answer(ticket);
  if (what === IGNORE) return;
  entry.error = error;
  entry.value = value;
  if (what === HOLD) return;
  go(ticket);
  if (what !== RUN_AND_RELEASE) return;
  for (let next = calls.release(queued); next !== 0; next = calls.release(queued)) go(next);
}

/** An answer's turn has come. @param {number} ticket */
function go(ticket) {
  const entry = waiting.get(ticket);
  waiting.delete(ticket);
  if (entry) process.nextTick(proceed, entry);
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
  const entry = enter(asker, queued, timeout);
  if (entry === undefined) return;
  /** @param {unknown} error @param {unknown} [value] */
  const callback = (error, value) => answered(entry, error, value);
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
  const entry = enter(asker, queued, timeout);
  if (entry !== undefined) answered(entry, undefined);
}

/** @param {number[]} tickets whose deadline has passed */
function expire(tickets) {
  for (const ticket of tickets) {
    const entry = waiting.get(ticket);
    // Answered meanwhile.
    if (entry === undefined) continue;
    timeouts += 1;
    answered(entry, timedOut(entry.timeout));
  }
}

module.exports = {
  NO_QUEUE,
  ask,
  /** Closes the queue of a socket. @param {number} queue */
  closeQueue: (queue) => calls.closeQueue(queue),
  countTimeouts: () => timeouts,
  hear,
  /** Opens the queue of a socket: its events run in order. */
  openQueue: () => calls.openQueue(),
  queue,
  rejected,
  thrown,
};
