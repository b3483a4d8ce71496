'use strict';

const { isBoxedPrimitive } = require('node:util').types;
const native = require('../../native.js');
const { CookieShapes } = require('./cookie-shape.js');
const { failure } = require('../support/errors.js');
const { loadStoreEngine } = require('./store-engine.js');

/** Where the native side leaves the version of what it has read or written. */
const VERSION = new Float64Array(1);
const hot = native.embeddedHot(VERSION);

/** What the native side gives when only JavaScript's `Date` can tell when a session ends. */
const FOREIGN = -1000;
/** "As the cookie says." */
const AS_COOKIE = Number.NaN;
/** "After the store's `ttl`." */
const TTL = -1;
/** The last moment that a `Date` can hold, in ms. */
const LAST = 8.64e15;

/** Closes what nobody holds any more. @type {FinalizationRegistry<number>} */
const forgotten = new FinalizationRegistry((number) => native.releaseStore(number));
let flushesAtExit = false;

/** The sessions of one embedded store, as texts: what the native side holds. Failures are thrown. */
class EmbeddedTable {
  /** @param {ReturnType<typeof import('./embedded-options.js').readEmbeddedOptions>} options */
  constructor(options) {
    if (options.path !== undefined) loadStoreEngine();
    const { store, error, reason } = native.openStore(options);
    if (store < 0) throw openFailure(options, error, reason);
    /** -1 once it is closed. */
    this.number = store;
    this.shapes = new CookieShapes(store);
    forgotten.register(this, store, this);
    if (options.path !== undefined && !flushesAtExit) {
      flushesAtExit = true;
      process.once('exit', native.flushStores);
    }
  }

  /**
   * @param {string} id
   * @returns {string | undefined}
   */
  get(id) {
    if (this.number < 0) throw failure('ERR_STORE_CLOSED');
    return hot.get(this.number, id);
  }

  /**
   * What is stored, as `JSON.parse` makes it of a session's text.
   *
   * @param {string} id
   * @returns {any}
   */
  parsed(id) {
    if (this.number < 0) throw failure('ERR_STORE_CLOSED');
    const text = hot.getJson(this.number, id);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** Whether there is such a session, with a cookie. @param {string} id */
  has(id) {
    return hot.has(this.number, id) === 1;
  }

  /** The version of what was read or written last. */
  version() {
    return VERSION[0];
  }

  /**
   * @param {string} id
   * @param {string} text
   */
  set(id, text) {
    let code = hot.set(this.number, id, text, AS_COOKIE);
    if (code === FOREIGN) code = hot.set(this.number, id, text, endOf(JSON.parse(text).cookie));
    if (code < 0) throw this.failure(code, text);
  }

  /**
   * Writes a session that begins with a cookie of express-session's, which needs no `JSON.stringify`: it is a third of what
   * that takes. False when the session has to be spelt as a whole.
   *
   * @param {any} id
   * @param {any} session
   */
  setShaped(id, session) {
    if (typeof id !== 'string' || !beginsWithCookie(session)) return false;
    const { cookie, ...rest } = session;
    if (rest.toJSON !== undefined) return false;
    const shape = this.shapes.of(cookie);
    if (shape < 0) return false;
    const { _expires, originalMaxAge } = cookie;
    const code = hot.setShaped(
      this.number,
      id,
      JSON.stringify(rest),
      shape,
      originalMaxAge ?? 0,
      _expires ? _expires.getTime() : Number.NaN,
    );
    if (code === FOREIGN) return false;
    if (code < 0) throw this.failure(code, JSON.stringify(session));
    return true;
  }

  /**
   * Gives a session another cookie; the rest of it is not looked at. Nothing happens where there is none.
   *
   * @param {string} id
   * @param {any} cookie
   */
  touch(id, cookie) {
    const shape = this.shapes.of(cookie);
    let code = FOREIGN;
    if (shape >= 0) {
      const { _expires, originalMaxAge } = cookie;
      code = hot.touch(
        this.number,
        id,
        shape,
        originalMaxAge ?? 0,
        _expires ? _expires.getTime() : Number.NaN,
      );
    }
    if (code === FOREIGN) {
      const text = JSON.stringify(cookie);
      if (text === undefined || !text.startsWith('{'))
        throw new TypeError('io-session: a session has no cookie.');
      code = hot.touchText(this.number, id, text, endOf(JSON.parse(text)));
    }
    if (code < 0) throw this.failure(code);
  }

  /** @param {string} id */
  destroy(id) {
    const code = hot.destroy(this.number, id);
    if (code < 0) throw this.failure(code);
  }

  /**
   * Writes a session, unless somebody has written it since `version`, or it is gone.
   *
   * @param {string} id
   * @param {number} version
   * @param {string} text
   * @param {boolean} renew whether the end is counted anew although the cookie is as it was
   * @returns {'written' | 'gone' | 'changed'}
   */
  replace(id, version, text, renew) {
    let code = hot.replace(this.number, id, version, text, AS_COOKIE, Number(renew));
    if (code === FOREIGN) {
      code = hot.replace(this.number, id, version, text, endOf(JSON.parse(text).cookie), Number(renew));
    }
    if (code < 0) throw this.failure(code, text);
    return code === 0 ? 'written' : code === 1 ? 'gone' : 'changed';
  }

  /**
   * Merges what a session has become with what it is by now, in one step.
   *
   * @param {string} id
   * @param {number} version of `base`; 0 when that is not known
   * @param {string} base
   * @param {string} mine
   * @param {boolean} renew
   * @returns {{ text: string, version: number } | undefined} undefined when the session is gone
   */
  merge(id, version, base, mine, renew) {
    let merged = native.mergeSession(this.number, id, version, base, mine, AS_COOKIE, renew);
    if (merged.code === FOREIGN) {
      const end = endOf(JSON.parse(mine).cookie);
      merged = native.mergeSession(this.number, id, version, base, mine, end, renew);
    }
    if (merged.code < 0) throw this.failure(merged.code, mine);
    return merged.text === undefined ? undefined : { text: merged.text, version: merged.version };
  }

  /** Closes it. @returns {Promise<void>} */
  async close() {
    const { number } = this;
    if (number < 0) return;
    this.number = -1;
    forgotten.unregister(this);
    written(await native.closeStore(number));
  }

  /** Writes to the file what it has not got yet. @returns {Promise<void>} */
  async flush() {
    if (this.number < 0) throw failure('ERR_STORE_CLOSED');
    written(await native.flushStore(this.number));
  }

  /**
   * @param {number} code
   * @param {string} [text]
   */
  failure(code, text) {
    const made = failure(this.number < 0 ? 'ERR_STORE_CLOSED' : -1 - code);
    if (made.code === 'ERR_SESSION_TOO_LARGE' && text !== undefined) {
      made.message = `The session has ${Buffer.byteLength(text)} bytes, more than the session store takes (maxSessionBytes).`;
    }
    return made;
  }
}

/**
 * Whether JSON has a session's own fields, its cookie first. What has a `toJSON` says itself what JSON has.
 *
 * @param {any} session
 */
function beginsWithCookie(session) {
  if (session.toJSON !== undefined || Array.isArray(session) || isBoxedPrimitive(session)) return false;
  for (const first in session) return first === 'cookie' && Object.hasOwn(session, first);
  return false;
}

/** @param {string | null} reason */
function written(reason) {
  if (reason !== null)
    throw failure('ERR_STORE_FAILED', `The file of the session store could not be written: ${reason}`);
}

/**
 * When a cookie ends that express-session has not spelt: as MemoryStore takes it.
 *
 * @param {any} cookie as JSON has it
 * @returns {number}
 */
function endOf(cookie) {
  const expires = cookie?.expires;
  if (!expires) return TTL;
  const end = typeof expires === 'string' ? Date.parse(expires) : Number(expires);
  return Number.isNaN(end) ? TTL : Math.min(Math.max(end, 0), LAST);
}

/**
 * @param {{ name?: string, path?: string }} options
 * @param {number} error
 * @param {string} reason
 */
function openFailure({ name, path }, error, reason) {
  if (error < 0) {
    const what = name === undefined ? `path '${path}'` : `name '${name}'`;
    return new TypeError(`io-session: an EmbeddedStore with the ${what} is open with other options.`);
  }
  const made = failure(error);
  made.message = `${made.message.slice(0, -1)}: ${path}: ${reason}.`;
  return made;
}

module.exports.EmbeddedTable = EmbeddedTable;
