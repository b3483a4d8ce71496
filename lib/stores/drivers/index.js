'use strict';

const { ORIGINAL, originalOf } = require('../original.js');
const { copies } = require('../../session/express-session.js');
const { EmbeddedStore, embeddedDriver } = require('../embedded-store.js');
const { memoryDriver } = require('./memory.js');
const { looksLikePostgres, postgresDriver } = require('./postgres.js');
const { looksLikeRedis, redisDriver } = require('./redis.js');

/**
 * @typedef {import('../../../index.js').SessionChange} Change what a compare and set has to write
 * @typedef {import('../../../index.js').CompareAndSetOutcome} Outcome
 *
 * The only thing that knows what kind of store a store is.
 *
 * @typedef {object} Driver
 * @property {'processes' | 'process'} exact between whom a commit is exact: all `processes` that use the store, or this `process`
 * @property {(sid: string) => string | undefined} [readText] the text of a live session, where nothing has to be waited for; then
 *   `compareAndSet` answers before it returns
 * @property {() => boolean} [isOpen] whether `readText` may be called right now: it throws when the store has been closed
 * @property {(sid: string, callback: (error: unknown, text?: any) => void, asked?: () => void) => unknown} [loadText] loads a session's JSON
 *   text; calls `asked` when it asks for it, if that is later
 * @property {(sids: string[], callback: (error: unknown, texts?: any[]) => void) => void} [loadTexts] the same in one call
 * @property {(sid: string, callback: () => void) => void} [tell] calls back when caches have been told of earlier writes
 * @property {(sid: string, expected: string, change: Change,
 *   callback: (error: unknown, outcome?: Outcome) => void) => unknown} [compareAndSet]
 *
 * One write of a session.
 *
 * @typedef {object} Writing
 * @property {string} sid
 * @property {string | null} expected the text that was loaded; null when nothing is stored yet
 * @property {boolean} isKnown whether `expected` is known to be stored still, so that it need not be read again
 * @property {number} clock when the session was loaded
 * @property {number} timeout ms
 *
 * @typedef {Change & Writing} Commit
 */

/** The methods that a subclass or an app may have put its own in place of. */
const METHODS = ['get', 'set', 'destroy', 'touch', 'createSession'];

/** Whether a store is of a class, and has all of that class's methods. @param {any} store @param {any} Class */
function isPlain(store, Class) {
  const isClassOwn = (/** @type {string} */ method) => originalOf(store[method]) === Class.prototype[method];
  return store instanceof Class && METHODS.every(isClassOwn);
}

/** Whether a store is the MemoryStore of a copy of express-session. @param {any} store */
function isMemoryStore(store) {
  if (typeof store.sessions !== 'object' || store.sessions === null) return false;
  return [...copies()].some(({ MemoryStore }) => isPlain(store, MemoryStore));
}

/** Whether the methods of a store stand where nobody has tampered with them: on one class, once each. @param {any} store */
function isOfOneClass(store) {
  /** @type {Set<object>} */
  const holders = new Set();
  for (const method of ['get', 'set', 'destroy', 'touch']) {
    for (let at = store; at !== null; at = Object.getPrototypeOf(at)) {
      const own = Object.getOwnPropertyDescriptor(at, method);
      if (own === undefined || own.value?.[ORIGINAL]) continue;
      holders.add(at);
      // A Proxy may give another.
      if (own.value !== originalOf(store[method])) return false;
    }
  }
  return holders.size === 1 && !holders.has(store);
}

/** Whether a store's `compareAndSet` knows its `get` and `set`: no subclass or app has put others before. @param {any} store */
function comparesItself(store) {
  for (let at = store; at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, 'compareAndSet')) return typeof store.compareAndSet === 'function';
    // Another copy of this package follows the store as well.
    const isPutThere = (/** @type {string} */ method) => Object.hasOwn(at, method) && !at[method]?.[ORIGINAL];
    if (isPutThere('get') || isPutThere('set')) return false;
  }
  return false;
}

/**
 * Makes the driver of a store, and where it may be of a known kind, a candidate, which takes its place if a probe finds it right.
 *
 * @param {any} store not followed yet
 * @returns {{ driver: Driver, candidate?: Driver }}
 */
function driverOf(store) {
  if (isPlain(store, EmbeddedStore)) return { driver: embeddedDriver(store) };
  if (isMemoryStore(store)) return { driver: memoryDriver(store) };
  /** @type {Driver} */
  const driver = { exact: 'process' };
  if (comparesItself(store)) {
    driver.exact = 'processes';
    driver.compareAndSet = (...args) => store.compareAndSet(...args);
  }
  if (!isOfOneClass(store)) return { driver };
  // What the store itself has comes first.
  const own = driver.compareAndSet ? driver : undefined;
  if (looksLikeRedis(store)) return { driver, candidate: { ...redisDriver(store), ...own } };
  if (looksLikePostgres(store) && !own) return { driver, candidate: postgresDriver(store) };
  return { driver };
}

module.exports.driverOf = driverOf;
