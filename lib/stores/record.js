'use strict';

const native = require('../../native.js');
const { textOf } = require('./stored.js');

/**
 * The session that a key's record names; null when it is no record, or one that a store has kept beyond its time.
 *
 * @param {any} record what the store holds under the key; undefined for nothing
 * @param {string} [channel] the one that the key has to be made for; any without it
 * @returns {string | null}
 */
function sessionOfRecord(record, channel) {
  const text = record === undefined ? undefined : textOf(record);
  return text === undefined ? null : named(record, text, channel);
}

/**
 * The same of the record's text.
 *
 * @param {string} text
 * @param {string} [channel]
 * @returns {string | null}
 */
function sessionOfRecordText(text, channel) {
  try {
    return named(JSON.parse(text), text, channel);
  } catch {
    return null;
  }
}

/** @param {any} record @param {string} text @param {string | undefined} channel */
function named(record, text, channel) {
  if (Date.parse(record?.cookie?.expires) <= Date.now()) return null;
  return native.sessionOfRecord(text, channel);
}

module.exports.sessionOfRecordText = sessionOfRecordText;
module.exports.sessionOfRecord = sessionOfRecord;
