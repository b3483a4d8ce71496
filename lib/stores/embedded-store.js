'use strict';

const { EventEmitter } = require('node:events');
const { readEmbeddedOptions } = require('./embedded-options.js');
const { EmbeddedTable } = require('./embedded-table.js');
const { makersFor } = require('../session/express-session.js');

/** Under this symbol a store has its table, for the commits of this package. */
const TABLE = Symbol('io-session table');

/** express-session's session store for an app on one machine, held in Rust. See index.d.ts. */
class EmbeddedStore extends EventEmitter {
  /** @param {import('../../index.js').EmbeddedStoreOptions} [options] */
  constructor(options) {
    super();
    const table = new EmbeddedTable(readEmbeddedOptions(options));
    Object.defineProperty(this, TABLE, { value: table });
  }

  /** @param {any} sid @param {(error: any, session?: any) => void} [callback] */
  get(sid, callback) {
    return answer(callback, () => {
      const text = table(this).get(key(sid));
      return text === undefined ? undefined : JSON.parse(text);
    });
  }

  /** @param {any} sid @param {any} session @param {(error?: any) => void} [callback] */
  set(sid, session, callback) {
    return answer(callback, () => {
      const text = typeof session === 'object' ? JSON.stringify(session) : undefined;
      if (!text?.startsWith('{')) throw new TypeError('io-session: a session must be an object.');
      table(this).set(key(sid), text);
    });
  }

  /** @param {any} sid @param {any} session @param {(error?: any) => void} [callback] */
  touch(sid, session, callback) {
    return answer(callback, () => table(this).touch(key(sid), session?.cookie));
  }

  /**
   * @param {any} sid
   * @param {string} expected
   * @param {import('../../index.js').SessionChange} change
   * @param {(error: any, outcome?: true | string | null) => void} [callback]
   */
  compareAndSet(sid, expected, { text, renew }, callback) {
    return answer(callback, () => table(this).compareAndSet(key(sid), expected, text, renew === true));
  }

  /** @param {any} sid @param {(error?: any) => void} [callback] */
  destroy(sid, callback) {
    return answer(callback, () => table(this).destroy(key(sid)));
  }

  /** @param {(error: any, sessions?: any) => void} [callback] */
  all(callback) {
    return answer(callback, () => {
      const texts = table(this).call((native) => native.all());
      const sessions = Object.create(null);
      for (let at = 0; at < texts.length; at += 2) sessions[texts[at]] = JSON.parse(texts[at + 1]);
      return sessions;
    });
  }

  /** @param {(error: any, length?: number) => void} [callback] */
  length(callback) {
    return answer(callback, () => table(this).call((native) => native.length()));
  }

  /** @param {(error?: any) => void} [callback] */
  clear(callback) {
    return answer(callback, () => table(this).call((native) => native.clear()));
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
    return /** @type {any} */ (table(this).call((native) => native.stats()));
  }

  flush() {
    return table(this).flush();
  }

  async close() {
    if (!table(this).isOpen) return;
    const closed = table(this).close();
    this.emit('disconnect');
    await closed;
  }
}

/** @param {any} store @returns {EmbeddedTable} */
function table(store) {
  return store[TABLE];
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
 * @param {((error: any, value?: any) => void) | undefined} callback
 * @param {() => any} run
 * @returns {Promise<any> | undefined}
 */
function answer(callback, run) {
  const isHeard = typeof callback === 'function';
  try {
    const value = run();
    if (!isHeard) return Promise.resolve(value);
    setImmediate(callback, null, value);
  } catch (error) {
    if (!isHeard) return Promise.reject(error);
    setImmediate(callback, error);
  }
}

module.exports = { EmbeddedStore, TABLE };
