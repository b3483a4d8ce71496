'use strict';

/**
 * The driver of an EmbeddedStore: its sessions are read, compared and set on this thread, in one step that worker threads
 * cannot come between either.
 *
 * @param {import('../embedded-table.js').EmbeddedTable} table
 * @returns {import('./index.js').Driver}
 */
function embeddedDriver(table) {
  return {
    exact: 'processes',
    readText: (sid) => table.get(sid),
    compareAndSet(sid, expected, { text, renew }, callback) {
      callback(null, table.compareAndSet(sid, expected, text, renew));
    },
  };
}

module.exports.embeddedDriver = embeddedDriver;
