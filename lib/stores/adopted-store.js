'use strict';

const native = require('../../native.js');
const { publish } = require('../support/diagnostics.js');
const { isEmbeddedStore } = require('./drivers/embedded.js');
const { TABLE } = require('../embedded-store.js');
const { sessionClass } = require('../session/express-session.js');
const { follow } = require('./follow.js');
const { remember, renew, sources, textOf } = require('../session/snapshot.js');
const { targetClass } = require('../session/session-target.js');
const { isLive, meansMissing } = require('../session/session-data.js');
const { isMemoryStore } = require('./drivers/memory.js');
const { isRedisStore } = require('./drivers/redis.js');
const { Slices } = require('../session/slices.js');
const { SlicedSession } = require('../session/lazy-session.js');
const { StoreCalls } = require('./store-calls.js');
const { commitFor } = require('./drivers/index.js');

/** What `peek` gives for a session that is there and whose text is read when it is looked at. */
const UNREAD = '';

/**
 * A session has been destroyed.
 *
 * @typedef {object} SessionEnded
 * @property {string} sid
 * @property {string[]} sockets the ids of those that were bound to it in this process
 * @property {'destroy' | 'regenerate'} reason
 * @property {(() => void)[]} [after] called once the store has destroyed it; undefined when another process has
 *
 * @typedef {(end: SessionEnded) => void} EndListener
 */

/**
 * A session store of the app's, adopted in place as express-session itself does when it sets `store.generate`: its
 * methods are followed on the instance, so that every load, save and logout is seen, whoever makes it.
 */
class AdoptedStore extends StoreCalls {
  /** @param {any} store */
  constructor(store) {
    super(store, isRedisStore(store));
    /** Told of each session that this process destroys. @type {Set<EndListener>} */
    this.onEnd = new Set();
    /** The id of the session that `regenerate` is destroying right now. @type {string | undefined} */
    this.regenerating = undefined;
    /** What it has done in this process. */
    this.counts = { loads: 0, commits: 0, merges: 0, drops: 0 };
    /** What the sessions of HTTP requests can do besides. @type {import('../session/methods.js').Methods | undefined} */
    this.methods = undefined;
    /** The commits that wait for each other, by session. @type {Map<string, ((stored?: string) => void)[]>} */
    this.lanes = new Map();
    /** How many of them there are. */
    this.waiting = 0;
    /** The one-time keys that are being used right now. @type {Set<string>} */
    this.claimed = new Set();
    const { commitTo, exact } = commitFor(store);
    this.commitTo = commitTo;
    /** Between whom a commit or an update is exact: all `processes` that use the store, or only those of this `process`. */
    this.exact = exact;
    this.keepsTexts = isMemoryStore(store) || isEmbeddedStore(store);
    /** The table of an `EmbeddedStore`. @type {import('./embedded-table.js').EmbeddedTable | undefined} */
    this.table = isEmbeddedStore(store) ? store[TABLE] : undefined;
    /** How each of them is given back. @type {(() => void)[]} */
    this.restores = [];
    /** How many sharings use it. */
    this.users = 0;
    const Session = sessionClass(store, this.table !== undefined);
    /** What sliced sessions are made of, where the store makes its sessions as express-session does. */
    this.Target = Session && targetClass(Session);
    /** A session's `Cookie`. @param {any} cookie as it is stored */
    this.makeCookie = (cookie) => this.original.createSession.call(store, {}, { cookie }).cookie;
    follow(this);
  }

  /** One sharing less uses it; after the last, the store is as it was. */
  release() {
    this.users -= 1;
    if (this.users > 0) return;
    adoptions.delete(this.store);
    for (const restore of this.restores) restore();
    native.disown(this.number);
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
   * @param {import('../session/methods.js').Methods} [methods] what it can do besides
   * @returns {any}
   */
  slice(req, text, began, version, methods) {
    const { followed, keepsTexts, store } = this;
    const Target = this.Target && methods ? methods.over(this.Target) : this.Target;
    if (Target === undefined || store.createSession !== followed.createSession) return undefined;
    const slices = new Slices(text, !keepsTexts);
    const sliced = new SlicedSession(req.sessionID, slices, began, version, new Target(req), this.makeCookie);
    sliced.isForeign = !keepsTexts;
    return sliced.session;
  }

  /** Whether sessions can be read with `peek`: nothing has to be waited for. */
  isAtHand() {
    const { followed, keepsTexts, store } = this;
    return keepsTexts && this.hasOwnGet && store.createSession === followed.createSession;
  }

  /**
   * The text of a live session, from a store that keeps texts in this process; undefined when there is none, and
   * `UNREAD` when `read` gives it.
   *
   * @param {string} sid
   * @returns {string | undefined}
   */
  peek(sid) {
    if (this.table) {
      const text = this.table.get(sid);
      return text?.includes('"cookie":{') ? text : undefined;
    }
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
    return { text, version: 0 };
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
    this.original.set.call(this.store, sid, session, (/** @type {unknown} */ error) => {
      answered(error);
      if (!error && text !== undefined) {
        renew(session, sid, text, text, this.clock(), 0);
      }
    });
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
    /** @type {(() => void)[]} */
    const after = [];
    if (known) this.end(sid, sid === this.regenerating ? 'regenerate' : 'destroy', after);
    return this.original.destroy.call(this.store, sid, (/** @type {unknown} */ error) => {
      if (error && known && !meansMissing(error)) native.notEnded(this.number, sid);
      else for (const listener of after.splice(0)) listener();
      callback(error);
    });
  }

  /**
   * A session is being destroyed.
   *
   * @param {string} sid
   * @param {'destroy' | 'regenerate'} reason
   * @param {(() => void)[]} [after] where listeners put what is to follow; undefined when another process has done it
   */
  end(sid, reason, after) {
    const { sockets, keys } = native.end(this.number, sid);
    for (const key of keys) this.discard(key);
    publish('end', sid, { reason, sockets: sockets.length, elsewhere: after === undefined });
    for (const listener of this.onEnd) listener({ sid, sockets, reason, after });
  }

  /** The text under an id, where the store keeps texts in this process. @param {string} sid */
  textOf(sid) {
    if (this.table) return this.table.get(sid);
    return this.keepsTexts ? this.store.sessions[sid] : undefined;
  }
}

/** @type {WeakMap<object, AdoptedStore>} */
const adoptions = new WeakMap();

/**
 * Adopts a session store, once, for one more sharing.
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
  adopted.users += 1;
  return adopted;
}

module.exports.AdoptedStore = AdoptedStore;
module.exports.UNREAD = UNREAD;
module.exports.adopt = adopt;
module.exports.adoptedBy = (/** @type {object} */ store) => adoptions.get(store);
