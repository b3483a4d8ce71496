'use strict';

const debug = require('debug')('io-session:store');
const native = require('../../native.js');
const { ask, NO_LINE } = require('./ask.js');
const { traceOf } = require('../support/errors.js');
const { GatheredLoads } = require('./gathered-loads.js');
const { RedisPair } = require('./drivers/redis-pair.js');
const { RedisLoads } = require('./drivers/redis-load.js');
const { meansMissing } = require('../session/session-data.js');

/** What `native.since` says. */
const SINCE = /** @type {const} */ (['unchanged', 'changed', 'gone']);
/** The methods of a store that are followed. */
const FOLLOWED = /** @type {const} */ ([
  'get',
  'set',
  'touch',
  'destroy',
  'regenerate',
  'clear',
  'createSession',
]);
/** How long a store call may take where no app has said so, in ms. */
const TIMEOUT = 10_000;

/** Calls to a session store: each has a deadline and one answer, and each write is in the native side's versions. */
class StoreCalls {
  /**
   * @param {any} store
   * @param {boolean} isRedis whether it is connect-redis, so that texts can be loaded by its client
   */
  constructor(store, isRedis) {
    this.store = store;
    /** The number under which the native side remembers this store. */
    this.number = native.adopt();
    /** Whether the store keeps JSON texts in this process that can be looked at. */
    this.keepsTexts = false;
    /** ms; the app's `storeTimeout` once it is known. */
    this.timeout = TIMEOUT;
    /** Who is told of failures that nobody waits for: each of its sharings. @type {Set<(error: unknown) => void>} */
    this.reporters = new Set();
    this.onError = (/** @type {unknown} */ error) => {
      if (this.reporters.size === 0) debug('%s', traceOf(error));
      for (const report of this.reporters) report(error);
    };
    /** Whether its `get` is known to call back always, and its promise never to reject. */
    this.callsBack = isRedis;
    /** @type {{ [method: string]: any }} */
    this.original = {};
    for (const method of FOLLOWED) this.original[method] = store[method];
    /** Ours, to see whether the app has put others in their place. @type {{ [method: string]: any }} */
    this.followed = {};
    /** How a key's record is read together with the session that it is remembered to name. */
    this.pair = isRedis ? new RedisPair(this) : undefined;
    const loads = isRedis
      ? new RedisLoads(this)
      : new GatheredLoads((sid, callback) => this.original.get.call(store, sid, callback));
    /** The store's own methods, for `ask`; `get` may give an `UnparsedText`. */
    this.plain = {
      get: (/** @type {string} */ sid, /** @type {any} */ callback) => loads.get(sid, callback),
      set: (/** @type {any[]} */ ...args) => this.original.set.apply(store, args),
      destroy: (/** @type {any[]} */ ...args) => this.original.destroy.apply(store, args),
    };
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
    ask({ answered: present(done) }, NO_LINE, this.timeout, this.store, 'get', id);
  }

  /** Whether its `get` is the one that is followed. Where the app has put its own in place, that is the one to ask. */
  get hasOwnGet() {
    return this.store.get === this.followed.get;
  }

  /**
   * Asks for what is stored under an id, as events do: its text may do.
   *
   * @param {import('./ask.js').Asker} asker may get an `UnparsedText`
   * @param {number} line
   * @param {number} timeout ms
   * @param {string} id
   * @returns {number | undefined} the clock when the load began; undefined when the app's own `get` is asked
   */
  request(asker, line, timeout, id) {
    if (!this.hasOwnGet) {
      ask(asker, line, timeout, this.store, 'get', id);
      return undefined;
    }
    const began = this.clock();
    ask(asker, line, timeout, this.plain, 'get', id, undefined, this.callsBack);
    return began;
  }

  /**
   * Reads what is stored under an id, as events do.
   *
   * @param {string} id
   * @param {(error: unknown, data: any) => void} done may get an `UnparsedText`
   */
  load(id, done) {
    this.request({ answered: present(done) }, NO_LINE, this.timeout, id);
  }

  /** How two ids are read at once; undefined where they are read one by one. */
  get atOnce() {
    return this.pair?.works && this.hasOwnGet ? this.pair : undefined;
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
    this.putUnlessGone(id, record, clock ?? begun, (error) => {
      this.written(id);
      done(error);
    });
  }

  /**
   * Writes a key's record. It is new: nobody has loaded it before, so this write is in no version.
   *
   * @param {string} key
   * @param {any} record
   * @param {(error: unknown) => void} done
   */
  putRecord(key, record, done) {
    this.putUnlessGone(key, record, this.clock(), done);
  }

  /**
   * @param {string} id
   * @param {any} record
   * @param {number} clock
   * @param {(error: unknown) => void} done
   */
  putUnlessGone(id, record, clock, done) {
    const answered = (/** @type {unknown} */ error) => {
      // A store may have worked off a destroy before this set, though it was called after it.
      if (this.since(id, clock) === 'gone') this.discard(id);
      done(error);
    };
    ask({ answered }, NO_LINE, this.timeout, this.plain, 'set', id, record);
  }

  /**
   * Extends a session's life in the store.
   *
   * @param {string} sid
   * @param {any} session
   * @param {(error: unknown) => void} done
   */
  touch(sid, session, done) {
    ask({ answered: done }, NO_LINE, this.timeout, this.store, 'touch', sid, session);
  }

  /**
   * Waits for a call to the store's own database client, as for a call to the store.
   *
   * @param {string} sid
   * @param {(callback: (error: unknown, reply?: any) => void) => unknown} call calls back, or gives a promise
   * @param {(error: unknown, reply: any) => void} done
   */
  askClient(sid, call, done) {
    const answered = (/** @type {unknown} */ error, /** @type {any} */ reply) => {
      this.written(sid);
      done(error, reply);
    };
    this.written(sid);
    const client = { get: (/** @type {string} */ _id, /** @type {any} */ callback) => call(callback) };
    ask({ answered }, NO_LINE, this.timeout, client, 'get', sid);
  }

  /** The clock of this store's versions. */
  clock() {
    return native.clock(this.number);
  }

  /**
   * Notes that a write to an id begins or has ended; gives the clock after it. Of a store that keeps its texts in this process
   * nobody asks for that: a commit looks at what is there, and writes, in one go.
   *
   * @param {string} id
   */
  written(id) {
    return this.keepsTexts ? this.clock() : native.written(this.number, id);
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

/**
 * What a store answered to a `get`, with one answer for all that means nothing.
 *
 * @param {(error: unknown, data: any) => void} done
 * @returns {(error: any, data: any) => void}
 */
function present(done) {
  return (error, data) => {
    if (error && !meansMissing(error)) done(error, undefined);
    else done(null, error || typeof data !== 'object' || data === null ? undefined : data);
  };
}

module.exports.StoreCalls = StoreCalls;
