'use strict';

const native = require('../native.js');

/**
 * The session that a key's record names; null when it is no record, or one that a store has kept beyond its time.
 *
 * @param {any} record what the store holds under the key; undefined for nothing
 * @returns {string | null}
 */
function sessionOfRecord(record) {
  if (record === undefined) return null;
  let text;
  try {
    text = JSON.stringify(record);
  } catch {
    return null;
  }
  if (Date.parse(record.cookie?.expires) <= Date.now()) return null;
  return native.sessionOfRecord(text);
}

module.exports.sessionOfRecord = sessionOfRecord;
