'use strict';

const native = require('../../native.js');
const { publish } = require('../support/diagnostics.js');
const { sessionClass } = require('../session/express-session.js');
const { call, follow } = require('./follow.js');
const { Locks } = require('./lock.js');
const { Snapshot, remember, snapshotOf } = require('../session/snapshot.js');
const { meansMissing, textOf } = require('../session/session-data.js');
const { LazySession } = require('../session/lazy-session.js');
const { setTimeout } = require('../support/timers.js');
const { StoreCalls } = require('./store-calls.js');
const { dataOf } = require('./stored.js');

/** @import { Methods } from '../session/methods.js' */
/** @import { Telling } from '../session/snapshot.js' */
/** @import { Stored } from './stored.js' */

/**
 * A session has been destroyed.
 *
 * @typedef {object} SessionEnded
 * @property {string} sid
 * @property {string[]} sockets the ids of those that were bound to it in this process
 * @property {'destroy' | 'regenerate'} reason
 * @property {(() => void)[]} [after] called once the store has destroyed it; undefined where it has already, or another process has
 *
 * @typedef {(error?: unknown) => void} Done
 *
 * A session has been written by this process.
 *
 * @typedef {object} SessionWritten
 * @property {string} sid
 * @property {any} session the `Session` that was saved
 * @property {string} text what is stored now
 * @property {string | null | undefined} expected what was stored before; undefined where nobody knows
 * @property {Telling} [telling] who hears of it, where that is known
 *
 * A sharing, as far as its store knows it.
 *
 * @typedef {object} StoreUser
 * @property {(end: SessionEnded) => void} sessionEnded
 * @property {(error: unknown) => void} storeFailed nobody else waits for the failure
 * @property {StoreWatcher} watch
 *
 * @typedef {object} StoreWatcher
 * @property {Map<string, any>} sessions those that sockets are bound to, by id
 * @property {(sid: string, text: string, clock: number) => void} knows a session was loaded; when the load began
 * @property {(written: SessionWritten) => void} wrote
 * @property {(sid: string, cookie: any) => void} touched
 */

/**
 * A session store of the app's, adopted in place as express-session itself does when it sets `store.generate`: its
 * methods are followed on the instance, so that every load, save and logout is seen, whoever makes it.
 */
class AdoptedStore extends StoreCalls {
  /** @param {any} store */
  constructor(store) {
    super(store);
    /** The id of the session that `regenerate` is destroying right now. @type {string | undefined} */
    this.regenerating = undefined;
    /** What it has done in this process. */
    this.counts = { loads: 0, commits: 0, merges: 0, drops: 0, lookUps: 0, expirations: 0, changes: 0 };
    /** What the sessions of HTTP requests can do besides. @type {Methods | undefined} */
    this.methods = undefined;
    /** How many commits, updates and packets wait. */
    this.inAll = { waiting: 0 };
    /** For the writes of a session. While it is held, no handler runs and no `onSessionChange`; an update's function only if nobody has to wait for it. */
    this.commits = new Locks(this.inAll);
    /** For the updates of a session, the app's functions included. */
    this.updates = new Locks(this.inAll);
    /** The one-time keys that are being used right now. @type {Set<string>} */
    this.claimed = new Set();
    /** How each method is given back. @type {(() => void)[]} */
    this.restores = [];
    /** The class of its sessions, where it makes them as express-session does: they can be lazy. */
    this.Session = sessionClass(this.original.createSession);
    follow(this);
  }

  /** A sharing uses it no more; after the last, the store is as it was. @param {StoreUser} user */
  release(user) {
    this.users.delete(user);
    if (this.users.size > 0) return;
    for (const restore of this.restores) restore();
    this.isReleased = true;
    native.disown(this.number);
  }

  /** What stands for the request of a session that has none of its own. @param {string} sid @param {any} [like] the request of one like it */
  requestFor(sid, like) {
    const request = { sessionID: sid, sessionStore: this.store, session: undefined };
    return like ? Object.create(like, Object.getOwnPropertyDescriptors(request)) : request;
  }

  /**
   * Makes the `Session` of a request, an event's or one like it, and notes what it was.
   *
   * @param {any} req gets the session
   * @param {Stored} stored
   * @param {number} clock when its load began
   * @param {Methods} [methods] what it can do besides
   * @returns {any}
   */
  openSession(req, stored, clock, methods) {
    const { Session, store } = this;
    const isOurs = this.hasOwn('createSession');
    if (isOurs && Session !== undefined) {
      const prototype = methods ? methods.over(Session.prototype) : Session.prototype;
      const lazy = new LazySession(new Session(req), prototype, stored.text, clock, this);
      if (stored.data !== undefined) lazy.takeObjects(lazy.session, stored.data);
      req.session = lazy.session;
      return lazy.session;
    }
    const data = dataOf(stored);
    const session = isOurs ? this.makeSession(req, data, stored.text, clock) : store.createSession(req, data);
    const snapshot = snapshotOf(session);
    // Made at the first look at it, by the app: what has happened to it since it was loaded counts.
    if (snapshot !== undefined) snapshot.clock = Math.min(snapshot.clock, clock);
    methods?.give(session);
    return session;
  }

  /**
   * Makes a `Session` of stored data, and notes what it was.
   *
   * @param {any} req
   * @param {any} data the session's own from now on
   * @param {string | undefined} text the data's own text; undefined when it has none
   * @param {number} clock when its load began
   */
  makeSession(req, data, text, clock) {
    const rawCookie = data.cookie;
    const keys = Object.keys(data).length;
    const session = this.original.createSession.call(this.self, req, data);
    if (text === undefined) return session;
    const snapshot = remember(session, new Snapshot(req.sessionID, text, clock, !this.readsAtOnce));
    snapshot.noteCookie(session.cookie, rawCookie);
    snapshot.appObjects.addParsed(data);
    // express-session leaves out what its prototype has: that is no change.
    if (Object.keys(session).length !== keys) snapshot.base = snapshot.spell(session);
    return session;
  }

  /** Destroys the session of a socket's own, which nobody waits for. @param {string} id */
  destroyOwn(id) {
    if (!this.isReleased) {
      this.store.destroy(id);
      return;
    }
    // Nothing tells its commits any more that it is gone: the last one goes before.
    this.commits.enter(id, this.timeout, (failed, _stored, leave) => {
      this.discard(id);
      leave(undefined, failed);
    });
  }

  /** A session has been written, and its lock is held: nothing may wait for it. @param {SessionWritten} written */
  wrote(written) {
    for (const { watch } of this.users) watch.wrote(written);
  }

  /** What a session was when it was loaded; made for one that is new. @param {string} sid @param {any} session @returns {Snapshot | undefined} */
  snapshotFor(sid, session) {
    const known = snapshotOf(session);
    const isSession = typeof session?.req === 'object' && typeof session.cookie === 'object';
    if (known !== undefined || typeof sid !== 'string' || !isSession || textOf(session) === undefined)
      return known;
    return remember(session, new Snapshot(sid, null, this.clock, false));
  }

  /** Calls the store's own `set` for what is no session. @param {string} sid @param {any} data @param {Done} callback */
  setAsItIs(sid, data, callback) {
    const isKnown = typeof sid === 'string';
    if (isKnown) this.writesNew(sid);
    const began = this.clock;
    return call(
      (done) => this.original.set.call(this.self, sid, data, done),
      () => {
        if (!isKnown) return;
        this.written(sid);
        this.discardIfGone(sid, began);
      },
      callback,
    );
  }

  /**
   * Destroys a session: its sockets are unbound, its keys' records go with it, and nothing loaded before is written back.
   * @param {string} sid @param {Done} callback
   */
  destroy(sid, callback) {
    const { tell } = this.driver;
    const sids = typeof sid === 'string' ? [sid] : [];
    const reason = sid === this.regenerating ? 'regenerate' : 'destroy';
    const told =
      tell && sids.length > 0 ? (/** @type {unknown} */ error) => tell(sid, () => callback(error)) : callback;
    return this.endAll(sids, reason, (done) => this.original.destroy.call(this.self, sid, done), told);
  }

  /** Destroys all sessions: those that sockets are bound to end as by `destroy`. @param {Done} callback */
  clear(callback) {
    const sids = new Set();
    const add = () => {
      for (const { watch } of this.users) for (const sid of watch.sessions.keys()) sids.add(sid);
    };
    const clear = (/** @type {Done} */ done) =>
      this.original.clear.call(this.self, (/** @type {unknown} */ error) => {
        if (!error) {
          // What was bound and loaded meanwhile is gone, too.
          add();
          this.clearedAt = native.cleared(this.number);
          this.ticked(this.clearedAt);
        }
        done(error);
      });
    add();
    // What was loaded before is read again.
    this.ticked(native.cleared(this.number));
    return this.endAll(sids, 'destroy', clear, callback);
  }

  /**
   * @param {Iterable<string>} sids @param {'destroy' | 'regenerate'} reason
   * @param {(done: Done) => any} run has the store destroy them @param {Done} callback
   */
  endAll(sids, reason, run, callback) {
    /** @type {(() => void)[]} */
    const after = [];
    // What has ended before stays so, whatever becomes of this.
    const alive = [...sids].filter((sid) => this.since(sid, 0) !== 'gone');
    for (const sid of sids) this.end(sid, reason, after);
    const began = this.clock;
    const note = (/** @type {unknown} */ error) => {
      if (error && !meansMissing(error)) {
        for (const sid of alive) native.notEnded(this.number, sid, began);
        return;
      }
      // Until now it was there to be loaded, and sockets to be bound to it.
      if (!this.readsAtOnce) for (const sid of sids) this.endLate(sid, reason, began);
      for (const listener of after.splice(0)) listener();
    };
    return call(run, note, callback);
  }

  /** The store has destroyed a session that had ended before: what came in between ends, too. @param {string} sid @param {'destroy' | 'regenerate'} reason @param {number} began the clock then */
  endLate(sid, reason, began) {
    const wasWritten = this.since(sid, began) === 'changed';
    const sockets = this.forget(native.endLate(this.number, sid, began));
    if (sockets.length > 0) for (const user of this.users) user.sessionEnded({ sid, sockets, reason });
    // The store may have destroyed it before that.
    if (wasWritten && this.since(sid, began) === 'gone') this.destroyAgain(sid);
  }

  /**
   * Destroys a session that was written after its end, again where the store fails. What is loaded until then ends, too.
   *
   * @param {string} sid @param {number} [wait] until the next attempt, in ms
   */
  destroyAgain(sid, wait = FIRST_WAIT) {
    const began = this.clock;
    this.discard(sid, (failed) => {
      if (!failed) this.endLate(sid, 'destroy', began);
      else if (wait < LAST_WAIT && this.since(sid, 0) === 'gone') {
        this.undone.add(sid);
        setTimeout(() => this.undone.delete(sid) && this.destroyAgain(sid, 2 * wait), wait).unref();
      }
    });
  }

  /** Nothing that was loaded before is written back, and the keys of a session go with it. @param {native.Ended} ended @returns {string[]} its sockets */
  forget({ sockets, keys }) {
    this.ticked();
    for (const key of keys) this.discard(key);
    return sockets;
  }

  /**
   * A session is being destroyed.
   *
   * @param {string} sid @param {'destroy' | 'regenerate'} reason
   * @param {(() => void)[]} [after] where listeners put what is to follow; undefined when another process has done it
   */
  end(sid, reason, after) {
    const sockets = this.forget(native.end(this.number, sid));
    publish('end', sid, { reason, sockets: sockets.length, elsewhere: after === undefined });
    for (const user of this.users) user.sessionEnded({ sid, sockets, reason, after });
  }
}

/** How long to wait before a session is destroyed once more, in ms: doubled each time, up to the last. */
const FIRST_WAIT = 100;
const LAST_WAIT = 5000;

/** @type {WeakMap<object, AdoptedStore>} */
const adoptions = new WeakMap();

/** Adopts a session store, once. @param {any} store @param {string} where how the app knows it @returns {AdoptedStore} */
function adopt(store, where) {
  for (const method of ['get', 'set', 'destroy', 'createSession']) {
    if (typeof store?.[method] !== 'function') {
      throw new TypeError(`io-session: ${where} is not an express-session store: it has no ${method}().`);
    }
  }
  const known = adoptions.get(store);
  const adopted = known && !known.isReleased ? known : new AdoptedStore(store);
  if (known !== undefined && adopted !== known) {
    // What is under way goes on: the writes of a session wait for each other, and an end is one for both.
    const { commits, inAll, updates } = known;
    Object.assign(adopted, { commits, inAll, updates });
    known.successor = adopted;
  }
  adoptions.set(store, adopted);
  return adopted;
}

module.exports.AdoptedStore = AdoptedStore;
module.exports.adopt = adopt;
/** The adoption of a store, or its last one: requests that began before it was given back go on. */
module.exports.adoptedBy = (/** @type {object} */ store) => adoptions.get(store);
