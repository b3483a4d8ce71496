'use strict';

const native = require('../../native.js');
const { attempt } = require('../support/errors.js');

/**
 * The session that a key's record names; null when it is no record, or one that a store has kept beyond its time.
 *
 * @param {string} text what the store holds under the key
 * @param {string} [channel] the one that the key has to be made for; any without it
 * @returns {string | null}
 */
function sessionOfRecord(text, channel) {
  return attempt(() => {
    const ended = Date.parse(JSON.parse(text).cookie?.expires) <= Date.now();
    return ended ? null : native.sessionOfRecord(text, channel);
  }, null);
}

module.exports.sessionOfRecord = sessionOfRecord;
