'use strict';

const debug = require('debug')('io-session:store');
const native = require('../native.js');
const { ask, NO_LINE } = require('./ask.js');
const { isEmbeddedStore } = require('./embedded-commit.js');
const { TABLE } = require('./embedded-store.js');
const { sessionClass } = require('./express-session.js');
const { follow } = require('./follow.js');
const { remember, renew, sources, textOf } = require('./origin.js');
const { targetClass } = require('./session-target.js');
const { isLive, meansMissing } = require('./session-data.js');
const { isMemoryStore } = require('./memory-commit.js');
const { commitToRedis } = require('./redis-commit.js');
const { RedisLoads } = require('./redis-load.js');
const { Slices } = require('./slices.js');
const { SlicedSession } = require('./sliced-session.js');
const { commitFor } = require('./store-kind.js');

const { clock } = native.hot();
/** What `native.since` says. */
const SINCE = /** @type {const} */ (['unchanged', 'changed', 'gone']);
/** The methods of a store that are followed. */
const FOLLOWED = /** @type {const} */ (['get', 'set', 'touch', 'destroy', 'clear', 'createSession']);
/** What `peek` gives for a session that is there and whose text is read when it is looked at. */
const UNREAD = '';
/** How long a store call may take where no app has said so, in ms. */
const TIMEOUT = 10_000;

/**
 * A session store of the app's, adopted in place as express-session itself does when it sets `store.generate`: its
 * methods are followed on the instance, so that every load, save and logout is seen, whoever makes it.
 */
class AdoptedStore {
  /** @param {any} store */
  constructor(store) {
    this.store = store;
    /** The number under which the native side remembers this store. */
    this.number = native.adopt();
    /** ms; the app's `storeTimeout` once it is known. */
    this.timeout = TIMEOUT;
    /** Told when a session ends: the ids of the sockets that lose it. @type {Set<(sockets: string[]) => void>} */
    this.onEnd = new Set();
    /** The commits that wait for each other, by session. @type {Map<string, (() => void)[]>} */
    this.lanes = new Map();
    /** The one-time keys that are being used right now. @type {Set<string>} */
    this.claimed = new Set();
    /** Where failures go that nobody waits for. @type {(error: unknown) => void} */
    this.onError = (error) => debug('%s', error);
    this.commitTo = commitFor(store);
    /** Whether the store keeps JSON texts in this process that can be looked at. */
    this.keepsTexts = isMemoryStore(store) || isEmbeddedStore(store);
    /** The table of an `EmbeddedStore`. @type {import('./embedded-table.js').EmbeddedTable | undefined} */
    this.table = isEmbeddedStore(store) ? store[TABLE] : undefined;
    /** Whether its `get` is known to call back always, and its promise never to reject. */
    this.callsBack = this.commitTo === commitToRedis;
    /** @type {{ [method: string]: any }} */
    this.original = {};
    for (const method of FOLLOWED) this.original[method] = store[method];
    const Session = sessionClass(store, this.table !== undefined);
    /** What sliced sessions are made of, where the store makes its sessions as express-session does. */
    this.Target = Session && targetClass(Session);
    /** A session's `Cookie`. @param {any} cookie as it is stored */
    this.makeCookie = (cookie) => this.original.createSession.call(store, {}, { cookie }).cookie;
    /** Ours, to see whether the app has put others in their place. @type {{ [method: string]: any }} */
    this.followed = {};
    const loads = this.callsBack ? new RedisLoads(this) : undefined;
    /** The store's own methods, for `ask`; `get` may give an `UnparsedText`. */
    this.plain = {
      get: (/** @type {string} */ sid, /** @type {any} */ callback) =>
        loads ? loads.get(sid, callback) : this.original.get.call(store, sid, callback),
      set: (/** @type {any[]} */ ...args) => this.original.set.apply(store, args),
      destroy: (/** @type {any[]} */ ...args) => this.original.destroy.apply(store, args),
    };
    follow(this);
  }

  /**
   * Makes the `Session` of an event.
   *
   * @param {any} req
   * @param {any} data
   * @param {string | undefined} text the data's own text, where it is known
   * @param {number | undefined} began the clock when its load began; undefined when the app's own `get` was asked
   * @param {number} [version] the version of the text, in an `EmbeddedStore`
   */
  openSession(req, data, text, began, version) {
    const { followed, store } = this;
    if (began === undefined || store.createSession !== followed.createSession)
      return store.createSession(req, data);
    return this.makeSession(req, data, text ?? sources.get(data)?.text ?? textOf(data), began, version);
  }

  /**
   * Makes a `Session` of stored data, and notes where it came from.
   *
   * @param {any} req
   * @param {any} data
   * @param {string | undefined} text the data's own text; undefined when it has none
   * @param {number} began the clock when its load began
   * @param {number} [version] the version of the text, in an `EmbeddedStore`
   */
  makeSession(req, data, text, began, version = 0) {
    const rawCookie = data.cookie;
    const keys = Object.keys(data).length;
    const session = this.original.createSession.call(this.store, req, data);
    if (text !== undefined) {
      const origin = remember(session, req.sessionID, text, began, rawCookie, keys, version);
      origin.isForeign = !this.keepsTexts;
    }
    return session;
  }

  /**
   * Makes the `Session` of an event of its text, to be parsed as far as the handler looks at it; undefined where it has
   * to be made by the store's `createSession`.
   *
   * @param {any} req
   * @param {string} text
   * @param {number} began the clock when its load began
   * @param {number} version
   * @returns {any}
   */
  slice(req, text, began, version) {
    const { followed, keepsTexts, store, Target } = this;
    if (Target === undefined || store.createSession !== followed.createSession) return undefined;
    const slices = new Slices(text, !keepsTexts);
    const sliced = new SlicedSession(req.sessionID, slices, began, version, new Target(req), this.makeCookie);
    sliced.isForeign = !keepsTexts;
    return sliced.session;
  }

  /** Whether sessions can be read with `peek`: nothing has to be waited for. */
  isAtHand() {
    const { followed, keepsTexts, store } = this;
    // Where the app has put its own method in place, it is the one to ask.
    return keepsTexts && store.get === followed.get && store.createSession === followed.createSession;
  }

  /**
   * The text of a live session, from a store that keeps texts in this process; undefined when there is none, and
   * `UNREAD` when `read` gives it.
   *
   * @param {string} sid
   * @returns {string | undefined}
   */
  peek(sid) {
    if (this.table) return this.table.has(sid) ? UNREAD : undefined;
    const text = this.store.sessions[sid];
    if (text === undefined) return undefined;
    return isLive(text) ? text : undefined;
  }

  /**
   * The text of a session that `peek` has seen, and its version; no text when it has gone since.
   *
   * @param {string} sid
   * @returns {{ text: string | undefined, version: number }}
   */
  read(sid) {
    const table = /** @type {import('./embedded-table.js').EmbeddedTable} */ (this.table);
    const text = table.get(sid);
    return { text, version: table.version() };
  }

  /**
   * Calls the store's own `set` for a new session, and notes it as the origin of the session's next save.
   *
   * @param {string} sid
   * @param {any} session
   * @param {(error?: unknown) => void} answered
   */
  remembering(sid, session, answered) {
    const isSession = typeof session?.req === 'object' && typeof session.cookie === 'object';
    const text = isSession ? textOf(session) : undefined;
    let version = 0;
    this.original.set.call(this.store, sid, session, (/** @type {unknown} */ error) => {
      answered(error);
      if (!error && text !== undefined) {
        renew(session, sid, text, text, this.clock(), version);
      }
    });
    // Written by now; its callback comes later.
    if (this.table) version = this.table.version();
  }

  /**
   * Destroys a session: its sockets are unbound, its keys' records go with it, and nothing loaded before is written
   * back.
   *
   * @param {string} sid
   * @param {(error?: unknown) => void} callback
   */
  destroy(sid, callback) {
    const known = typeof sid === 'string';
    if (known) {
      const { sockets, keys } = native.end(this.number, sid);
      for (const key of keys) this.discard(key);
      if (sockets.length > 0) for (const listener of this.onEnd) listener(sockets);
    }
    return this.original.destroy.call(this.store, sid, (/** @type {unknown} */ error) => {
      if (error && known && !meansMissing(error)) native.notEnded(this.number, sid);
      callback(error);
    });
  }

  /** Destroys a record that nobody waits for. @param {string} id */
  discard(id) {
    const asker = { answered: (/** @type {unknown} */ error) => error && this.onError(error) };
    ask(asker, NO_LINE, this.timeout, this.plain, 'destroy', id);
  }

  /**
   * Reads what is stored under an id; undefined when there is nothing.
   *
   * @param {string} id
   * @param {(error: unknown, data: any) => void} done
   */
  get(id, done) {
    const answered = (/** @type {any} */ error, /** @type {any} */ data) => {
      if (error && !meansMissing(error)) done(error, undefined);
      else done(null, error || typeof data !== 'object' || data === null ? undefined : data);
    };
    ask({ answered }, NO_LINE, this.timeout, this.store, 'get', id);
  }

  /**
   * Writes a session or a record with the store's own `set`, as it is.
   *
   * @param {string} id
   * @param {any} record
   * @param {(error: unknown) => void} done
   * @param {number} [clock] when what is written was loaded
   */
  put(id, record, done, clock) {
    const begun = this.written(id);
    const answered = (/** @type {unknown} */ error) => {
      // A store may have worked off a destroy before this set, though it was called after it.
      if (this.since(id, clock ?? begun) === 'gone') this.discard(id);
      this.written(id);
      done(error);
    };
    ask({ answered }, NO_LINE, this.timeout, this.plain, 'set', id, record);
  }

  /**
   * Waits for a call to the store's own database client, as for a call to the store.
   *
   * @param {string} sid
   * @param {() => Promise<any>} call
   * @param {(error: unknown, reply: any) => void} done
   */
  askClient(sid, call, done) {
    const answered = (/** @type {unknown} */ error, /** @type {any} */ reply) => {
      this.written(sid);
      done(error, reply);
    };
    this.written(sid);
    // `null` is an answer here, and no promise is pending without it.
    const client = {
      get: (/** @type {string} */ _id, /** @type {Function} */ callback) => {
        call().then(
          (reply) => callback(null, reply),
          (error) => callback(error ?? new Error('The session store rejected.')),
        );
      },
    };
    ask({ answered }, NO_LINE, this.timeout, client, 'get', sid);
  }

  /** The text under an id, where the store keeps texts in this process. @param {string} sid */
  textOf(sid) {
    return this.keepsTexts && !this.table ? this.store.sessions[sid] : undefined;
  }

  /** The clock of this store's versions. */
  clock() {
    return clock(this.number);
  }

  /** Notes that a write to an id begins or has ended; gives the clock after it. @param {string} id */
  written(id) {
    return native.written(this.number, id);
  }

  /**
   * Notes a write that the app makes, at its beginning and its end.
   *
   * @param {string} id
   * @param {(...args: any[]) => void} callback
   * @returns {(...args: any[]) => void}
   */
  writing(id, callback) {
    if (typeof id === 'string') this.written(id);
    return (...args) => {
      if (typeof id === 'string') this.written(id);
      callback(...args);
    };
  }

  /** What has happened to a session since a load. @param {string} id @param {number} since */
  since(id, since) {
    return SINCE[native.since(this.number, id, since)];
  }
}

/** @type {WeakMap<object, AdoptedStore>} */
const adoptions = new WeakMap();

/**
 * Adopts a session store, once.
 *
 * @param {any} store
 * @param {string} where how the app knows it, for the error
 * @returns {AdoptedStore}
 * @throws {TypeError} when it is no express-session store
 */
function adopt(store, where) {
  for (const method of ['get', 'set', 'destroy', 'createSession']) {
    if (typeof store?.[method] !== 'function') {
      throw new TypeError(`io-session: ${where} is not an express-session store: it has no ${method}().`);
    }
  }
  let adopted = adoptions.get(store);
  if (!adopted) {
    adopted = new AdoptedStore(store);
    adoptions.set(store, adopted);
  }
  return adopted;
}

module.exports.AdoptedStore = AdoptedStore;
module.exports.UNREAD = UNREAD;
module.exports.adopt = adopt;
