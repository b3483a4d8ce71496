'use strict';

const native = require('../../native.js');
const { endOfCookie } = require('../session/session-data.js');
const { failure } = require('../support/errors.js');

/** "After the store's `ttl`." */
const TTL = -1;
/** The last moment that a `Date` can hold, in ms. */
const LAST = 8.64e15;

let flushesAtExit = false;

/** The sessions of one embedded store, as texts: the native table, with this library's errors. */
class EmbeddedTable {
  /** @param {ReturnType<typeof import('./embedded-options.js').readEmbeddedOptions>} options */
  constructor(options) {
    try {
      this.table = new native.EmbeddedTable(options);
    } catch (error) {
      throw openFailure(options, error);
    }
    if (options.path !== undefined && !flushesAtExit) {
      flushesAtExit = true;
      process.once('exit', native.flushStores);
    }
  }

  get isOpen() {
    return this.table.isOpen;
  }

  /** @param {string} sid */
  get(sid) {
    return call(() => this.table.get(sid)) ?? undefined;
  }

  /** @param {string} sid @param {string} text */
  set(sid, text) {
    withEnd(
      (end) => this.table.set(sid, text, end),
      () => JSON.parse(text).cookie,
      text,
    );
  }

  /** Gives a session another cookie; the rest of it is not looked at. Nothing happens where there is none. @param {string} sid @param {any} cookie */
  touch(sid, cookie) {
    const text = JSON.stringify(cookie);
    if (!text?.startsWith('{')) throw new TypeError('io-session: a session has no cookie.');
    withEnd(
      (end) => this.table.touch(sid, text, end),
      () => JSON.parse(text),
    );
  }

  /** @param {string} sid */
  destroy(sid) {
    call(() => this.table.destroy(sid));
  }

  /**
   * Writes a session if the stored text is the expected one.
   *
   * @param {string} sid
   * @param {string} expected
   * @param {string} text
   * @param {boolean} renew whether the end is counted anew although the cookie is as it was
   * @returns {import('./drivers/index.js').Outcome}
   */
  compareAndSet(sid, expected, text, renew) {
    return withEnd(
      (end) => this.table.compareAndSet(sid, expected, text, renew, end),
      () => JSON.parse(text).cookie,
      text,
    );
  }

  /** The ids and texts of all sessions, alternating. */
  all() {
    return call(() => this.table.all());
  }

  length() {
    return call(() => this.table.length());
  }

  clear() {
    call(() => this.table.clear());
  }

  stats() {
    return call(() => this.table.stats());
  }

  /** @returns {Promise<void>} */
  async close() {
    written(await this.table.close());
  }

  /** Writes the changes that the file has not got yet. @returns {Promise<void>} */
  async flush() {
    if (!this.isOpen) throw failure('ERR_STORE_CLOSED');
    written(await this.table.flush());
  }
}

/**
 * Calls the native table; errors are this library's.
 *
 * @template T
 * @param {() => T} run
 * @param {string} [text] what is to be written
 * @returns {T}
 */
function call(run, text) {
  try {
    return run();
  } catch (error) {
    throw asFailure(error, text);
  }
}

/**
 * Writes a session whose cookie says when it ends, in whatever spelling `Date` can read.
 *
 * @template T
 * @param {(end?: number) => T} write
 * @param {() => any} cookie the cookie as JSON has it
 * @param {string} [text] what is written
 * @returns {T}
 */
function withEnd(write, cookie, text) {
  try {
    return write();
  } catch (/** @type {any} */ error) {
    if (error?.code !== 'UNKNOWN_END') throw asFailure(error, text);
  }
  const end = endOfCookie(cookie() ?? {});
  return call(() => write(end === Infinity ? TTL : Math.min(Math.max(end, 0), LAST)), text);
}

/** @param {any} error of the native table @param {string} [text] what was to be written */
function asFailure(error, text) {
  if (!error?.code?.startsWith('ERR_')) return error;
  if (error.code !== 'ERR_SESSION_TOO_LARGE' || text === undefined) return failure(error.code);
  const bytes = Buffer.byteLength(text);
  return failure(
    error.code,
    `The session has ${bytes} bytes, more than the session store takes (maxSessionBytes).`,
  );
}

/** @param {string | null} reason why the file could not be written */
function written(reason) {
  if (reason !== null)
    throw failure('ERR_STORE_FAILED', `The file of the session store could not be written: ${reason}`);
}

/** @param {{ name?: string, path?: string }} options @param {any} error of the native table */
function openFailure({ name, path }, error) {
  if (error.code === 'OTHER_OPTIONS') {
    const which = name === undefined ? `path '${path}'` : `name '${name}'`;
    return new TypeError(`io-session: an EmbeddedStore with the ${which} is open with other options.`);
  }
  const made = asFailure(error);
  if (made !== error) made.message = `${made.message.slice(0, -1)}: ${path}: ${error.message}.`;
  return made;
}

module.exports.EmbeddedTable = EmbeddedTable;
