'use strict';

const { TABLE } = require('../embedded-store.js');

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
