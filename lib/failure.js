'use strict';

const { errors } = require('../native.js');

/** @typedef {Error & { code: string, status: number }} Failure */

/** The errors of the library, in the order of the indices that native functions give. */
const TABLE = errors();
const BY_CODE = new Map(TABLE.map((entry) => [entry.code, entry]));

/**
 * Makes one of the library's errors.
 *
 * @param {number | string} which the index that a native function gave, or the code
 * @param {string} [message] other words than the table's, for more detail
 * @returns {Failure}
 */
function failure(which, message) {
  const entry = typeof which === 'number' ? TABLE[which] : BY_CODE.get(which);
  if (!entry) throw new RangeError(`io-session: there is no error ${which}`);
  return Object.assign(new Error(message ?? entry.message), { code: entry.code, status: entry.status });
}

/**
 * The words of whatever a store failed with, as the original puts them on the wire: `error.toString()`.
 *
 * @param {unknown} error
 * @returns {string}
 */
function words(error) {
  try {
    // An error of ours says its words alone, as the original's `error` texts do.
    if (error instanceof Error && BY_CODE.has(/** @type {Failure} */ (error).code)) return error.message;
    return String(error);
  } catch {
    // An object without a usable toString: it must not take the process along.
    return 'Error';
  }
}

module.exports = { failure, words };
