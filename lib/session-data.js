'use strict';

/**
 * What a store answered to a `get`, as session data; undefined when there is none, or what is there is no session.
 *
 * @param {any} data
 * @returns {any}
 */
function sessionData(data) {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  return typeof data.cookie === 'object' && data.cookie !== null ? data : undefined;
}

/**
 * Whether session data is a browser's session, and not a socket's own or the record of a key.
 *
 * @param {any} data
 * @returns {boolean}
 */
function isBrowserSession(data) {
  return sessionData(data) !== undefined && data.cookie.__io !== true && data.__io_session === undefined;
}

/**
 * Whether an error of a store's `get` only says that there is nothing (session-file-store).
 *
 * @param {any} error
 * @returns {boolean}
 */
function meansMissing(error) {
  return error?.code === 'ENOENT';
}

module.exports.isBrowserSession = isBrowserSession;
module.exports.meansMissing = meansMissing;
module.exports.sessionData = sessionData;
