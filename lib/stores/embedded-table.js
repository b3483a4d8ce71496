'use strict';

const native = require('../../native.js');
const { endOf, endOfCookie } = require('../session/session-data.js');
const { failure } = require('../support/errors.js');

/** The last moment that a `Date` can hold, in ms. */
const LAST = 8.64e15;

let flushesAtExit = false;

/** The sessions of one embedded store, as texts: the native table, with this library's errors, and the ends of sessions. */
class EmbeddedTable {
  /** @param {ReturnType<typeof import('./embedded-options.js').readEmbeddedOptions>} options */
  constructor(options) {
    try {
      this.table = new native.EmbeddedTable(options);
    } catch (error) {
      throw openFailure(options, error);
    }
    this.ttl = options.ttl;
    if (options.path !== undefined && !flushesAtExit) {
      flushesAtExit = true;
      process.once('exit', native.flushStores);
    }
  }

  get isOpen() {
    return this.table.isOpen;
  }

  /**
   * Calls the native table; errors are this library's.
   *
   * @template T
   * @param {(table: native.EmbeddedTable) => T} run
   */
  call(run) {
    try {
      return run(this.table);
    } catch (error) {
      throw asFailure(error);
    }
  }

  /** @param {string} sid */
  get(sid) {
    return this.call((table) => table.get(sid)) ?? undefined;
  }

  /** @param {string} sid @param {string} text */
  set(sid, text) {
    this.call((table) => table.set(sid, text, this.endAt(endOf(text))));
  }

  /** Gives a session another cookie; the rest of it is not looked at. Nothing happens where there is none. @param {string} sid @param {any} cookie */
  touch(sid, cookie) {
    const text = JSON.stringify(cookie);
    if (!text?.startsWith('{')) throw new TypeError('io-session: a session has no cookie.');
    this.call((table) => table.touch(sid, text, this.endAt(endOfCookie(cookie))));
  }

  /** @param {string} sid */
  destroy(sid) {
    this.call((table) => table.destroy(sid));
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
    return this.call((table) => table.compareAndSet(sid, expected, text, this.endAt(endOf(text)), renew));
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

  /** When a session ends that is written now, in ms since 1970. @param {number} end by its cookie; not finite where that has none */
  endAt(end) {
    return Number.isFinite(end) ? Math.min(Math.max(end, 0), LAST) : Date.now() + this.ttl;
  }
}

/** @param {any} error of the native table */
function asFailure(error) {
  return error?.code?.startsWith('ERR_') ? failure(error.code, error.message || undefined) : error;
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
  if (!error.code?.startsWith('ERR_')) return error;
  const made = failure(error.code);
  made.message = `${made.message.slice(0, -1)}: ${path}: ${error.message}.`;
  return made;
}

module.exports.EmbeddedTable = EmbeddedTable;
