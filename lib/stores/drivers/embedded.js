'use strict';

const { EmbeddedStore, TABLE } = require('../embedded-store.js');

/** The methods that a subclass or an app may have put its own in place of. */
const METHODS = /** @type {const} */ (['get', 'set', 'destroy', 'touch', 'createSession']);

/**
 * Our own EmbeddedStore, untouched by subclass or app: its sessions can be read and committed on this thread.
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
  /** @type {import('../embedded-table.js').EmbeddedTable} */
  const table = store[TABLE];
  return {
    exact: 'processes',
    readText: (sid) => table.get(sid),
    compareAndSet(sid, expected, { text, renew }, callback) {
      callback(null, table.compareAndSet(sid, expected, text, renew));
    },
  };
}

module.exports.embeddedDriver = embeddedDriver;
module.exports.isEmbeddedStore = isEmbeddedStore;
