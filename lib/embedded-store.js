'use strict';

const { EventEmitter } = require('node:events');
const native = require('../native.js');
const { readEmbeddedOptions } = require('./stores/embedded-options.js');
const { EmbeddedTable } = require('./stores/embedded-table.js');
const { sessionClasses } = require('./session/express-session.js');

/** Where a store has its table, for the commits of this package. */
const TABLE = Symbol('io-session table');
/** Told of each session that `get` reads: its data, its text and its version. */
const LOADED = Symbol('io-session loaded');

/** express-session's session store for an app on one machine, held in Rust. See index.d.ts. */
class EmbeddedStore extends EventEmitter {
  /** @param {import('../index.js').EmbeddedStoreOptions} [options] */
  constructor(options) {
    super();
    const table = new EmbeddedTable(readEmbeddedOptions(options));
    Object.defineProperty(this, TABLE, { value: table });
    Object.defineProperty(this, LOADED, { value: undefined, writable: true });
  }

  /** @param {any} sid @param {(error: any, session?: any) => void} [callback] */
  get(sid, callback) {
    return answer(callback, () => this.#read(key(sid)));
  }

  /** @param {any} sid @param {any} session @param {(error?: any) => void} [callback] */
  set(sid, session, callback) {
    return answer(callback, () => {
      if (typeof session !== 'object' || session === null)
        throw new TypeError('io-session: a session must be an object.');
      const held = table(this);
      if (held.setShaped(sid, session)) return;
      const text = JSON.stringify(session);
      if (text === undefined || !text.startsWith('{'))
        throw new TypeError('io-session: a session must be an object.');
      held.set(key(sid), text);
    });
  }

  /** @param {any} sid @param {any} session @param {(error?: any) => void} [callback] */
  touch(sid, session, callback) {
    return answer(callback, () => table(this).touch(key(sid), session?.cookie));
  }

  /** @param {any} sid @param {(error?: any) => void} [callback] */
  destroy(sid, callback) {
    return answer(callback, () => table(this).destroy(key(sid)));
  }

  /** @param {(error: any, sessions?: any) => void} [callback] */
  all(callback) {
    return answer(callback, () => {
      const texts = native.allSessions(opened(this));
      const sessions = Object.create(null);
      for (let at = 0; at < texts.length; at += 2) sessions[texts[at]] = JSON.parse(texts[at + 1]);
      return sessions;
    });
  }

  /** @param {(error: any, length?: number) => void} [callback] */
  length(callback) {
    return answer(callback, () => native.countSessions(opened(this)));
  }

  /** @param {(error?: any) => void} [callback] */
  clear(callback) {
    return answer(callback, () => native.clearSessions(opened(this)));
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
    const { Cookie, Session } = sessionClasses(this, req);
    const { expires, originalMaxAge } = data.cookie;
    data.cookie = new Cookie(data.cookie);
    if (typeof expires === 'string') data.cookie.expires = new Date(expires);
    // Setting `expires` has counted it anew.
    data.cookie.originalMaxAge = originalMaxAge;
    req.session = new Session(req, data);
    return req.session;
  }

  stats() {
    return /** @type {any} */ (native.storeStats(opened(this)));
  }

  flush() {
    return table(this).flush();
  }

  async close() {
    if (table(this).number < 0) return;
    const closed = table(this).close();
    this.emit('disconnect');
    await closed;
  }

  /** @param {string} id */
  #read(id) {
    const held = table(this);
    /** @type {any} */
    const loaded = /** @type {any} */ (this)[LOADED];
    if (loaded === undefined) return held.parsed(id);
    const text = held.get(id);
    if (text === undefined) return undefined;
    const data = JSON.parse(text);
    loaded(data, text, held.version());
    return data;
  }
}

/** @param {any} store @returns {EmbeddedTable} */
function table(store) {
  return store[TABLE];
}

/** The number of an open store. @param {any} store */
function opened(store) {
  const held = table(store);
  if (held.number < 0) throw held.failure(-1);
  return held.number;
}

/**
 * A session id as MemoryStore takes it: whatever makes a property name, save symbols.
 *
 * @param {any} sid
 * @returns {string}
 */
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
  if (typeof callback !== 'function') {
    try {
      return Promise.resolve(run());
    } catch (error) {
      return Promise.reject(error);
    }
  }
  let value;
  try {
    value = run();
  } catch (error) {
    setImmediate(callback, error);
    return undefined;
  }
  setImmediate(callback, null, value);
  return undefined;
}

module.exports.EmbeddedStore = EmbeddedStore;
module.exports.LOADED = LOADED;
module.exports.TABLE = TABLE;
