'use strict';

const native = require('../../native.js');
const { failure, timedOut } = require('../support/errors.js');
const { nextTick } = require('../support/timers.js');

/** The tickets of this copy of the JavaScript. @type {native.Tickets} */
const tickets = new native.Tickets(expire);

/** What `answer` says; see src/tickets.rs. */
const IGNORE = 0;
const HOLD = 1;
const RUN_AND_RELEASE = 3;
/** For calls that are in no socket's queue. */
const NO_QUEUE = 0;

/**
 * @typedef {(error: any, value?: any) => void} Answered gets a store's answer
 * @typedef {{ ticket: number, answered: Answered, timeout: number, queue: number, error: unknown, value: unknown }} Entry
 */

/** Those who wait, by their ticket. @type {Map<number, Entry>} */
const waiting = new Map();
/** How many calls were not answered in time. */
let timeouts = 0;

/** Goes on outside of the store's callback, where an error of app code makes some stores call back twice. @param {Entry} entry */
function proceed(entry) {
  const { answered, error, value } = entry;
  // V8 may have made it in old space, where even a dead one keeps what it has until the next full collection.
  entry.value = undefined;
  answered(error, value);
}

/** A store answered, or its deadline passed. @param {Entry} entry @param {unknown} error @param {unknown} [value] */
function answer(entry, error, value) {
  const { queue, ticket } = entry;
  const what = tickets.answer(ticket);
  if (what === IGNORE) return;
  entry.error = error;
  entry.value = value;
  if (what === HOLD) return;
  go(ticket);
  if (what !== RUN_AND_RELEASE) return;
  for (let next = tickets.release(queue); next !== 0; next = tickets.release(queue)) go(next);
}

/** An answer is handed on. @param {number} ticket */
function go(ticket) {
  const entry = waiting.get(ticket);
  waiting.delete(ticket);
  if (entry) nextTick(proceed, entry);
}

/**
 * Takes a ticket for a store call, calls the store, and hands its first answer (an error, `ERR_STORE_TIMEOUT` or
 * `ERR_OVERLOADED` included) on, once, after the current operation, in the order of the queue.
 *
 * @param {Answered} answered
 * @param {{ queue?: number, timeout: number }} options the queue of the socket, or none; ms
 * @param {(callback: Answered) => any} run calls the store, which may answer by promise, too
 */
function ask(answered, { queue = NO_QUEUE, timeout }, run) {
  const ticket = tickets.open(queue, timeout);
  /** @type {Entry} */
  const entry = { ticket, answered, timeout, queue, error: undefined, value: undefined };
  if (ticket === 0) {
    entry.error = failure('ERR_OVERLOADED');
    nextTick(proceed, entry);
    return;
  }
  waiting.set(ticket, entry);
  firstAnswer(run, (error, value) => answer(entry, error, value));
}

/**
 * Calls what answers by callback, by promise, or by both: the first answer counts, and what it throws is one.
 *
 * @param {(done: (error?: any, value?: any) => void) => any} run @param {(...answer: any[]) => void} answered
 * @returns {any} what it returned
 */
function firstAnswer(run, answered) {
  let isAnswered = false;
  const done = (/** @type {any[]} */ ...answer) => {
    if (isAnswered) return;
    isAnswered = true;
    answered(...answer);
  };
  try {
    const returned = run(done);
    if (typeof returned?.then === 'function') {
      returned.then(
        // `undefined` is no answer: the callback is still to come.
        (/** @type {unknown} */ value) => value !== undefined && done(null, value),
        (/** @type {unknown} */ error) => done(error ?? new Error('The session store rejected.')),
      );
    }
    return returned;
  } catch (error) {
    done(thrown(error));
  }
}

/** What a store threw, as an error. @param {unknown} error */
function thrown(error) {
  return error ?? new Error(`The session store threw ${error}.`);
}

/** @param {number[]} passed the tickets whose deadline has passed */
function expire(passed) {
  for (const ticket of passed) {
    const entry = waiting.get(ticket);
    // Answered meanwhile.
    if (entry === undefined) continue;
    timeouts += 1;
    answer(entry, timedOut(entry.timeout));
  }
}

module.exports = {
  NO_QUEUE,
  ask,
  /** Closes the queue of a socket. @param {number} queue */
  closeQueue: (queue) => tickets.closeQueue(queue),
  countTimeouts: () => timeouts,
  firstAnswer,
  /** Opens the queue of a socket: its events run in order. */
  openQueue: () => tickets.openQueue(),
  thrown,
};
