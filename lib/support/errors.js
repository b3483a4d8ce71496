'use strict';

const { errors } = require('../../native.js');

/** The errors of the library. */
const TABLE = errors();

/** One of the library's own errors, with a stable `code` and the `status` of an HTTP answer. */
class Failure extends Error {
  /** @param {{ code: string, message: string, status: number }} entry @param {string} [message] */
  constructor(entry, message = entry.message) {
    super(message);
    this.code = entry.code;
    this.status = entry.status;
  }
}

/**
 * Makes one of the library's errors.
 * @param {string} code
 * @param {string} [message] other words than the table's, for more detail
 */
function failure(code, message) {
  const entry = TABLE.find((entry) => entry.code === code);
  if (!entry) throw new RangeError(`io-session: there is no error ${code}`);
  return new Failure(entry, message);
}

/**
 * What a function gives, or a default where it throws: an error may be a Proxy, or have getters that throw.
 * @template T @param {() => T} look @param {T} otherwise
 */
function attempt(look, otherwise) {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

/** Whether an error is one of ours. @param {unknown} error @returns {error is Failure} */
function isFailure(error) {
  return attempt(() => error instanceof Failure, false);
}

/** The words of whatever a store failed with, as the original puts them on the wire: `error.toString()`. @param {unknown} error */
function words(error) {
  // An error of ours says its words alone, as the original's `error` texts do.
  return isFailure(error) ? error.message : attempt(() => String(error), 'Error');
}

/** Its message, where it has one. @param {any} error */
function messageOf(error) {
  return attempt(() => (error instanceof Error ? String(error.message) : String(error)), 'Error');
}

/** Its code, where it has one. @param {any} error @returns {string | undefined} */
function codeOf(error) {
  return attempt(
    () => (error?.code === undefined || error.code === null ? undefined : String(error.code)),
    undefined,
  );
}

/**
 * A failure for the debug log, without what database clients add: commands and values that have session ids.
 * @param {any} error @returns {string}
 */
function traceOf(error) {
  const stack = attempt(() => error?.stack, undefined);
  return typeof stack === 'string' ? stack : words(error);
}

const NO_SESSION =
  'io-session: the value put in the place of socket.session is no session: change the fields of the session instead.';

/** Why a session cannot be saved: it has no JSON text, say. @param {unknown} error @returns {Failure} */
function unsavable(error) {
  return isFailure(error) ? error : Object.assign(failure('ERR_UNSAVABLE_SESSION'), { cause: error });
}

/** The failure of what an app has put in the place of its session. */
function noSession() {
  return failure('ERR_UNSAVABLE_SESSION', NO_SESSION);
}

/** The failure of a store that has not answered in time. @param {number} timeout ms */
function timedOut(timeout) {
  return failure('ERR_STORE_TIMEOUT', `The session store did not answer within ${timeout} ms.`);
}

/**
 * Calls a function, which may be an asynchronous one: what it throws or rejects with must not end the process.
 * @param {() => any} call @param {(error: unknown) => void} failed
 */
function guard(call, failed) {
  try {
    const returned = call();
    if (typeof returned?.then === 'function') returned.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}

module.exports = {
  attempt,
  codeOf,
  failure,
  guard,
  isFailure,
  messageOf,
  noSession,
  timedOut,
  traceOf,
  unsavable,
  words,
};
