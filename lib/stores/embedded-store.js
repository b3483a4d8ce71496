'use strict';

const { EventEmitter } = require('node:events');
const native = require('../../native.js');
const { DOES_THE_SAME, makersFor } = require('../session/express-session.js');
const { endOf, endOfCookie } = require('../session/session-data.js');
const { failure } = require('../support/errors.js');
const { readEmbeddedOptions } = require('./embedded-options.js');
const { setImmediate } = require('../support/timers.js');

/** @import { EmbeddedStoreOptions, SessionChange } from '../../index.js' */
/** @import { Driver, Outcome } from './drivers/index.js' */

/** Under this symbol a store has its native table, which has sessions as texts. */
const TABLE = Symbol('io-session table');
/** Under this one, whether it has not been closed: its table knows, but to ask that is a native call for each event. */
const OPEN = Symbol('io-session open');
/** Under this one, how long a session lives whose cookie has no end, in ms. */
const TTL = Symbol('io-session ttl');
/** The last moment that a `Date` can hold, in ms. */
const LAST = 8.64e15;

let flushesAtExit = false;

/** express-session's session store for an app on one machine, held in Rust. See index.d.ts. */
class EmbeddedStore extends EventEmitter {
  /** @param {EmbeddedStoreOptions} [options] */
  constructor(options) {
    super();
    const read = readEmbeddedOptions(options);
    Object.defineProperties(this, {
      [TABLE]: { value: open(read) },
      [OPEN]: { value: true, writable: true },
      [TTL]: { value: read.ttl },
    });
    if (read.path !== undefined && !flushesAtExit) {
      flushesAtExit = true;
      process.once('exit', native.flushStores);
    }
  }

  /** @param {any} sid @param {(error: any, session?: any) => void} [callback] */
  get(sid, callback) {
    return answer(callback, () => {
      const text = read(this, key(sid));
      return text === undefined ? undefined : JSON.parse(text);
    });
  }

  /** @param {any} sid @param {any} session @param {(error?: any) => void} [callback] */
  set(sid, session, callback) {
    return answer(callback, () => {
      const text = typeof session === 'object' ? JSON.stringify(session) : undefined;
      if (!text?.startsWith('{')) throw new TypeError('io-session: a session must be an object.');
      call(this, (table) => table.set(key(sid), text, endAt(this, endOf(text)), Date.now()));
    });
  }

  /** @param {any} sid @param {any} session @param {(error?: any) => void} [callback] */
  touch(sid, session, callback) {
    return answer(callback, () => {
      const cookie = session?.cookie;
      const text = JSON.stringify(cookie);
      if (!text?.startsWith('{')) throw new TypeError('io-session: a session has no cookie.');
      call(this, (table) => table.touch(key(sid), text, endAt(this, endOfCookie(cookie)), Date.now()));
    });
  }

  /**
   * @param {any} sid @param {string} expected @param {SessionChange} change
   * @param {(error: any, outcome?: true | string | null) => void} [callback]
   */
  compareAndSet(sid, expected, change, callback) {
    return answer(callback, () => {
      if (typeof expected !== 'string' || typeof change?.text !== 'string')
        throw new TypeError(
          'io-session: compareAndSet(sid, expected, { text, renew }) takes two texts of a session.',
        );
      return compareAndSet(this, key(sid), expected, change);
    });
  }

  /** @param {any} sid @param {(error?: any) => void} [callback] */
  destroy(sid, callback) {
    return answer(callback, () => call(this, (table) => void table.destroy(key(sid))));
  }

  /** @param {(error: any, sessions?: any) => void} [callback] */
  all(callback) {
    return answer(callback, () => {
      const texts = call(this, (table) => table.all(Date.now()));
      const sessions = Object.create(null);
      for (let at = 0; at < texts.length; at += 2) sessions[texts[at]] = JSON.parse(texts[at + 1]);
      return sessions;
    });
  }

  /** @param {(error: any, length?: number) => void} [callback] */
  length(callback) {
    return answer(callback, () => call(this, (table) => table.length(Date.now())));
  }

  /** @param {(error?: any) => void} [callback] */
  clear(callback) {
    return answer(callback, () => call(this, (table) => table.clear()));
  }

  /** @param {any} req @param {(error?: any) => void} callback */
  regenerate(req, callback) {
    this.destroy(req.sessionID, (error) => {
      // Set by express-session.
      /** @type {any} */ (this).generate(req);
      callback(error);
    });
  }

  /** @param {any} sid @param {(error?: any, session?: any) => void} callback */
  load(sid, callback) {
    this.get(sid, (error, data) => {
      if (error) callback(error);
      else if (!data) callback();
      else callback(null, this.createSession({ sessionID: sid, sessionStore: this }, data));
    });
  }

  /** @param {any} req @param {any} data */
  createSession(req, data) {
    const { makeCookie, makeSession } = makersFor(this, req);
    const { expires, originalMaxAge } = data.cookie;
    data.cookie = makeCookie(data.cookie);
    if (typeof expires === 'string') data.cookie.expires = new Date(expires);
    // Setting `expires` has counted it anew.
    data.cookie.originalMaxAge = originalMaxAge;
    req.session = makeSession(req, data);
    return req.session;
  }

  stats() {
    return /** @type {any} */ (call(this, (table) => table.stats()));
  }

  /** Writes the changes that the file has not got yet. @returns {Promise<void>} */
  async flush() {
    const table = tableOf(this);
    if (!(/** @type {any} */ (this)[OPEN])) throw failure('ERR_STORE_CLOSED');
    written(await table.flush());
  }

  async close() {
    const table = tableOf(this);
    if (!(/** @type {any} */ (this)[OPEN])) return;
    /** @type {any} */ (this)[OPEN] = false;
    const closed = table.close();
    this.emit('disconnect');
    written(await closed);
  }
}

Object.defineProperty(EmbeddedStore.prototype.createSession, DOES_THE_SAME, { value: true });

/** @param {any} store @returns {native.EmbeddedTable} */
function tableOf(store) {
  return store[TABLE];
}

/** Calls a store's table; errors are this library's. @template T @param {any} store @param {(table: native.EmbeddedTable) => T} run */
function call(store, run) {
  try {
    return run(tableOf(store));
  } catch (error) {
    const { code, message } = /** @type {any} */ (error);
    throw code?.startsWith('ERR_') ? failure(code, message || undefined) : error;
  }
}

/** The text of a session; undefined when there is none. @param {any} store @param {string} sid */
function read(store, sid) {
  return call(store, (table) => table.get(sid, Date.now())) ?? undefined;
}

/**
 * Writes a session if the stored text is the expected one.
 *
 * @param {any} store @param {string} sid @param {string} expected @param {SessionChange} change
 * @returns {Outcome}
 */
function compareAndSet(store, sid, expected, { text, renew }) {
  const end = endAt(store, endOf(text));
  return call(store, (table) => table.compareAndSet(sid, expected, text, end, renew === true, Date.now()));
}

/** The driver of an EmbeddedStore, which compares and sets in one step for all threads. @param {any} store @returns {Driver} */
function embeddedDriver(store) {
  return {
    exact: 'processes',
    isOpen: () => store[OPEN],
    readText: (sid) => read(store, sid),
    compareAndSet: (sid, expected, change, callback) =>
      callback(null, compareAndSet(store, sid, expected, change)),
  };
}

/** When a session ends that is written now, in ms since 1970. @param {any} store @param {number} end by its cookie; not finite where that has none */
function endAt(store, end) {
  return Number.isFinite(end) ? Math.min(Math.max(end, 0), LAST) : Date.now() + store[TTL];
}

/** @param {ReturnType<typeof readEmbeddedOptions>} options */
function open(options) {
  try {
    return new native.EmbeddedTable(options);
  } catch (error) {
    const { code, message } = /** @type {any} */ (error);
    const { name, path } = options;
    if (code === 'OTHER_OPTIONS') {
      const which = name === undefined ? `path '${path}'` : `name '${name}'`;
      throw new TypeError(`io-session: an EmbeddedStore with the ${which} is open with other options.`);
    }
    if (!code?.startsWith('ERR_')) throw error;
    const made = failure(code);
    made.message = `${made.message.slice(0, -1)}: ${path}: ${message}.`;
    throw made;
  }
}

/** @param {string | null} reason why the file could not be written */
function written(reason) {
  if (reason !== null)
    throw failure('ERR_STORE_FAILED', `The file of the session store could not be written: ${reason}`);
}

/** A session id as MemoryStore takes it: whatever makes a property name, save symbols. @param {any} sid @returns {string} */
function key(sid) {
  if (typeof sid === 'string') return sid;
  if (typeof sid === 'symbol') throw new TypeError('io-session: a session id cannot be a symbol.');
  return String(sid);
}

/**
 * Does it now, and answers after the current operation: to the callback, as MemoryStore does, or by a promise.
 *
 * @param {((error: any, value?: any) => void) | undefined} callback @param {() => any} run
 * @returns {Promise<any> | undefined}
 */
function answer(callback, run) {
  if (typeof callback !== 'function') return new Promise((resolve) => resolve(run()));
  try {
    setImmediate(callback, null, run());
  } catch (error) {
    setImmediate(callback, error);
  }
}

module.exports = { EmbeddedStore, TABLE, embeddedDriver };
