'use strict';

const { EmbeddedStore, TABLE } = require('../../embedded-store.js');

/** The methods that a subclass or an app may have put its own in place of. */
const METHODS = /** @type {const} */ (['get', 'set', 'destroy', 'touch', 'createSession']);

/**
 * Whether a store is our EmbeddedStore, with all of that class's methods.
 *
 * @param {any} store
 * @returns {boolean}
 */
function isEmbeddedStore(store) {
  return (
    store[TABLE] !== undefined && METHODS.every((method) => store[method] === EmbeddedStore.prototype[method])
  );
}

/**
 * The driver of an EmbeddedStore: its sessions are read, compared and set on this thread, in one step that worker threads
 * cannot come between either.
 *
 * @param {any} store
 * @returns {import('./index.js').Driver}
 */
function embeddedDriver(store) {
  return {
    exact: 'processes',
    readText: (sid) => store[TABLE].get(sid),
    compareAndSet(sid, expected, { text, renew }, callback) {
      callback(null, compareAndSet(store[TABLE], sid, expected, text, renew));
    },
  };
}

/**
 * @param {any} table
 * @param {string} sid
 * @param {string} expected
 * @param {string} text
 * @param {boolean} renew
 * @returns {true | string | null}
 */
function compareAndSet(table, sid, expected, text, renew) {
  if (typeof table.compareAndSet === 'function') return table.compareAndSet(sid, expected, text, renew);
  for (;;) {
    const current = table.get(sid);
    if (current === undefined) return null;
    if (current !== expected) return current;
    const outcome = table.replace(sid, table.version(), text, renew);
    if (outcome === 'written') return true;
    if (outcome === 'gone') return null;
  }
}

module.exports.embeddedDriver = embeddedDriver;
module.exports.isEmbeddedStore = isEmbeddedStore;
