'use strict';

const debug = require('debug')('io-session:store');
const native = require('../../native.js');
const { ask, firstAnswer } = require('./tickets.js');
const { attempt, traceOf } = require('../support/errors.js');
const { GatheredLoads } = require('./gathered-loads.js');
const { driverOf } = require('./drivers/index.js');
const { Probe } = require('./drivers/probe.js');
const { converting, storedOf } = require('./stored.js');
const { meansMissing } = require('../session/session-data.js');
const { originalOf } = require('./original.js');

/** @import { Done, StoreUser } from './adopted-store.js' */
/** @import { Commit, Driver, Outcome } from './drivers/index.js' */
/** @import { Stored } from './stored.js' */

/** What `native.since` says. */
const SINCE = /** @type {const} */ (['unchanged', 'changed', 'gone']);
/** The methods of a store that are followed. */
const FOLLOWED = ['get', 'set', 'touch', 'destroy', 'regenerate', 'clear', 'createSession'];
/** How often a session is loaded for one event at most, where saves of its own end meanwhile. */
const MOST_LOADS = 3;
/** How long a store call may take where no app has said so, in ms. */
const TIMEOUT = 10_000;

/** Of what another copy of this package follows, too, these are called past it: to it, what we write is what it has loaded. */
const PAST_OTHERS = new Set(['set', 'createSession']);

/**
 * A store's method as the store itself has it. A Proxy around it may give another, which may call what we put in its place.
 *
 * @param {any} store @param {string} method
 */
function methodOf(store, method) {
  let found = store[method];
  for (let at = store; at !== null; at = Object.getPrototypeOf(at)) {
    const own = Object.getOwnPropertyDescriptor(at, method);
    if (own === undefined) continue;
    found = own.value ?? found;
    break;
  }
  return PAST_OTHERS.has(method) ? originalOf(found) : found;
}

/** Our calls to a session store: each has a deadline and one answer, and writes of sessions are in the native side's versions. */
class StoreCalls {
  /** @param {any} store */
  constructor(store) {
    this.store = store;
    /** What its own methods are called on: inside of a Proxy, what is in that. */
    this.self = store;
    /** The number under which the native side remembers this store. */
    this.number = native.adopt();
    /** The clock of this store's versions. It ticks with each call that notes something there. */
    this.clock = native.clock(this.number);
    /** ms; the app's `storeTimeout` once it is known. */
    this.timeout = TIMEOUT;
    /** The sharings that use it. @type {Set<StoreUser>} */
    this.users = new Set();
    /** A failure that nobody waits for. */
    this.onError = (/** @type {unknown} */ error) => {
      if (this.users.size === 0) debug('%s', traceOf(error));
      for (const user of this.users) user.storeFailed(error);
    };
    /** @type {{ [method: string]: any }} */
    this.original = {};
    for (const method of FOLLOWED) this.original[method] = methodOf(store, method);
    /** Ours, to see whether the app has put others in their place. @type {{ [method: string]: any }} */
    this.followed = {};
    /** What the store is writing right now. @type {Set<any>} */
    this.writing = new Set();
    /** The sessions whose destroy after a late write has failed, and is tried again. @type {Set<string>} */
    this.undone = new Set();
    /** The store's next adoption. @type {StoreCalls | undefined} */
    this.successor = undefined;
    /** The clock when the store had been cleared last. */
    this.clearedAt = 0;
    /** Whether no sharing uses it any more, and it has its own methods again: what is under way goes on. */
    this.isReleased = false;
    /** A session's `Cookie`. @param {any} cookie as it is stored */
    this.makeCookie = (cookie) => this.original.createSession.call(this.self, {}, { cookie }).cookie;
    const { driver, candidate } = driverOf(store);
    /** @type {Driver} */
    this.driver = driver;
    this.probe = candidate && new Probe(this, candidate);
    this.loads = new GatheredLoads(this);
  }

  /** Whether sessions are read, compared and set without waiting for anything. */
  get readsAtOnce() {
    return this.driver.readText !== undefined;
  }

  /** The same right now: the store has not been closed. */
  isReadable() {
    return this.readsAtOnce && this.driver.isOpen?.() !== false;
  }

  /** The same, and the app has put no `get` of its own on the store. */
  isAtHand() {
    return this.isReadable() && this.hasOwn('get');
  }

  /** Between whom a commit or an update is exact right now: all `processes` that use the store, or only those of this `process`. */
  get exact() {
    return this.hasOwn('set') ? this.driver.exact : 'process';
  }

  /** Whether a method is the store's own, as we follow it. Where the app has put another in its place, that is the one to call. @param {string} method */
  hasOwn(method) {
    const { driver, followed, isReleased, original, store } = this;
    const now = store[method];
    if (now === (isReleased ? original : followed)[method]) return true;
    // Of another copy of this package, which does the same. Its `set` is to see what it would not find by comparing.
    const isAnothers = PAST_OTHERS.has(method) && originalOf(now) === original[method];
    return isAnothers && (method !== 'set' || driver.compareAndSet !== undefined);
  }

  /**
   * A store may have worked off a destroy before a write, though it was called after it: then there is another destroy.
   *
   * @param {string} id
   * @param {number} began the clock when the write began
   * @param {number} [loaded] the clock when its session was loaded
   */
  discardIfGone(id, began, loaded = began) {
    // What answers at once works off everything in order.
    const isGone = !this.readsAtOnce && (began < this.clearedAt || this.since(id, loaded) === 'gone');
    if (isGone) this.destroyAgain(id);
    return isGone;
  }

  /** Destroys a session that was written after its end. @abstract @param {string} _id */
  destroyAgain(_id) {}

  /** Destroys a record, or a session, by the store's own `destroy`. A failure is reported. @param {string} id @param {(failed: boolean) => void} [done] */
  discard(id, done) {
    ask(
      (error) => {
        const failed = Boolean(error) && !meansMissing(error);
        if (failed) this.onError(error);
        done?.(failed);
      },
      this,
      (done) => this.original.destroy.call(this.self, id, done),
    );
  }

  /**
   * Loads a session or a record.
   *
   * @param {string} sid
   * @param {{ queue?: number, timeout: number, mayBeOlder?: (stored: Stored | undefined, clock: number) => boolean }} options the
   *   queue of the socket in whose order it is answered; ms; whether what was found may be older than what is known, so that it is
   *   loaded once more
   * @param {(error: unknown, stored: Stored | undefined, clock: number) => void} done gets the clock when the store was asked
   */
  load(sid, options, done) {
    this.probe?.begin();
    let clock = this.clock;
    let left = MOST_LOADS;
    const get = (/** @type {(error: unknown, stored?: Stored) => void} */ callback) => {
      this.loads.get(sid, (error, stored, sent) => {
        clock = sent;
        left -= 1;
        if (!error && left > 0 && options.mayBeOlder?.(stored, sent)) get(callback);
        else callback(error, stored);
      });
    };
    const ofApp = (/** @type {(error: unknown, stored?: Stored) => void} */ callback) => {
      firstAnswer((answered) => this.store.get(sid, answered), converting(storedOf, callback));
    };
    const answered = (/** @type {unknown} */ error, /** @type {Stored | undefined} */ stored) =>
      done(error && meansMissing(error) ? null : error, stored, clock);
    ask(answered, options, this.hasOwn('get') ? get : ofApp);
  }

  /**
   * Reads a session, which may be at hand.
   *
   * @param {string} sid
   * @param {(error: unknown, stored: Stored | undefined, clock: number) => void} done called now if the session is at hand
   */
  read(sid, done) {
    if (this.isAtHand()) {
      const text = this.driver.readText?.(sid);
      done(undefined, text === undefined ? undefined : { text }, this.clock);
      return;
    }
    this.load(sid, this, done);
  }

  /** Writes a session with the store's own `set`. @param {Commit} commit @param {(error: unknown, outcome: true) => void} done */
  put({ clock, expected, session, sid, timeout }, done) {
    if (expected === null) this.writesNew(sid);
    else this.written(sid);
    this.putAndCheck(sid, session, clock, timeout, (error) => {
      this.written(sid);
      done(error, true);
    });
  }

  /**
   * Writes a key's record. It is new: its write is in no version. Where the app has put its own `set` in place, that is called: it may
   * encrypt what its `get` reads.
   * @param {string} key @param {any} record @param {Done} done
   */
  putRecord(key, record, done) {
    const { cookie: data } = record;
    // A store may ask of it what express-session's `Cookie` has: `maxAge`, or `expires` as a date. The record is spelt as it was.
    const cookie = attempt(() => this.makeCookie({ ...data }), undefined) ?? { ...data };
    Object.defineProperty(cookie, 'toJSON', { value: () => data });
    const made = { ...record, cookie };
    if (this.hasOwn('set')) this.putAndCheck(key, made, this.clock, this.timeout, done);
    else this.set(key, made, done);
  }

  /** Writes by the store's own `set`. What turns out to have ended meanwhile is destroyed again. @param {string} id @param {any} record @param {number} clock @param {number} timeout ms @param {Done} done */
  putAndCheck(id, record, clock, timeout, done) {
    this.probe?.begin();
    const began = this.clock;
    let isAnswered = false;
    const answered = (/** @type {unknown} */ error) => {
      isAnswered = true;
      this.writing.delete(record);
      this.discardIfGone(id, began, clock);
      done(error);
    };
    this.writing.add(record);
    ask(answered, { timeout }, (callback) => {
      firstAnswer(
        (stored) => this.original.set.call(this.self, id, record, stored),
        (error) => {
          // After the deadline it may have been written all the same.
          if (isAnswered) this.discardIfGone(id, began, clock);
          else callback(error);
        },
      );
    });
  }

  /** Writes by the `set` that the store has now, which may be the app's own. @param {string} id @param {any} session @param {Done} done */
  set(id, session, done) {
    ask(done, this, (callback) => this.store.set(id, session, callback));
  }

  /** Extends a session's life in the store. @param {string} sid @param {any} session @param {Done} done */
  touch(sid, session, done) {
    ask(done, this, (callback) => this.store.touch(sid, session, callback));
  }

  /**
   * Writes a session if the expected text is stored, as the driver does, or by a read and a write.
   *
   * @param {Commit} commit
   * @param {(error: unknown, outcome?: Outcome) => void} done called now where nothing has to be waited for
   */
  compareAndSet(commit, done) {
    const { compareAndSet } = this.driver;
    const { expected, sid } = commit;
    if (compareAndSet === undefined) return this.readThenWrite(commit, done);
    const run = (/** @type {any} */ callback) =>
      compareAndSet(sid, /** @type {string} */ (expected), commit, callback);
    if (!this.mayBeLate) return run(done);
    const answered = (/** @type {unknown} */ error, /** @type {any} */ outcome) => {
      this.written(sid);
      done(error, outcome);
    };
    this.written(sid);
    if (this.readsAtOnce) run(answered);
    else ask(answered, commit, run);
  }

  /**
   * The same of a store that cannot compare and set. Between that read and write another process may still write; commits of
   * this process cannot, since those of one session wait for each other.
   *
   * @param {Commit} commit @param {(error: unknown, outcome?: Outcome) => void} done
   */
  readThenWrite(commit, done) {
    const { clock, expected, isKnown, sid, timeout } = commit;
    const isGone = () => this.since(sid, clock) === 'gone';
    if (isGone()) done(null, null);
    else if (isKnown) this.put(commit, done);
    else {
      this.load(sid, { timeout }, (error, stored) => {
        if (error) done(error);
        // Missing, or destroyed while it was read.
        else if (stored === undefined || isGone()) done(null, null);
        else if (stored.text !== expected) done(null, stored.text);
        else this.put(commit, done);
      });
    }
  }

  /** Something was noted on the native side, which knows no clock of a store that was given back. */
  ticked(clock = native.clock(this.number)) {
    if (!this.isReleased) this.clock = clock;
  }

  /** Whether what is loaded may be older than a write by the time it is there: not where all is read at once, by the store's own `get`. */
  get mayBeLate() {
    return !this.readsAtOnce || !this.hasOwn('get');
  }

  /** A write to an id begins or has ended. @param {string} id */
  written(id) {
    if (this.mayBeLate) this.ticked(native.written(this.number, id));
  }

  /** The same of a session that is new: nobody has loaded it. @param {string} id */
  writesNew(id) {
    this.undone.delete(id);
    if (this.mayBeLate) this.ticked(native.newSession(this.number, id));
  }

  /** Whether this process knows that another text of a session is stored by now. @param {string} sid @param {string | null} text @param {number} clock when it was loaded */
  isOther(sid, text, clock) {
    if (this.isAtHand()) return this.driver.readText?.(sid) !== text;
    return this.since(sid, clock) !== 'unchanged';
  }

  /** What has happened to a session since a load. @param {string} id @param {number} since */
  since(id, since) {
    if (this.successor?.since(id, 0) === 'gone') return 'gone';
    return SINCE[native.since(this.number, id, since)];
  }
}

module.exports.StoreCalls = StoreCalls;
