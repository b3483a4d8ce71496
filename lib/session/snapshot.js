'use strict';

const { isJson } = require('./session-data.js');

/** By this name a lazy session gives its snapshot, which is behind it. */
const SNAPSHOT = Symbol('io-session snapshot');

/** Types of values that JSON leaves out: a save does not show that their field is there, nor its place among the others. */
const LEFT_OUT = new Set(['undefined', 'function', 'symbol']);

/**
 * A save that is under way.
 *
 * @typedef {{ waiting: ((error?: unknown) => void)[] | undefined }} Save those who wait for its end
 */

/** What a `Session` was when it was loaded: what its changes are measured against. */
class Snapshot {
  /**
   * @param {string} sid
   * @param {string | null} stored the text in the store at that time; null for a session that is not stored yet
   * @param {number} clock
   */
  constructor(sid, stored, clock) {
    this.sid = sid;
    this.stored = stored;
    this.clock = clock;
    /**
     * The session's own text when it was made. It differs from `stored` where the store held another spelling, or,
     * after a save, the changes of others.
     */
    this.base = stored ?? '';
    /** The stored cookie, of which the session's `Cookie` was made. @type {any} */
    this.rawCookie = undefined;
    /** When that `Cookie` expired, in ms. @type {number | undefined} */
    this.expires = undefined;
    /** The text of the session's cookie, where there is no `rawCookie`. */
    this.cookie = '';
    /** Whether an update is changing the session right now: it is the update that saves it. */
    this.updating = false;
    /** How often an update has changed the session, so that a text that was made before is an old one. */
    this.updates = 0;
    /** How many saves are on their way: what they write is not in `base` yet. */
    this.saving = 0;
    /** The session's own text in the last of them. */
    this.pending = '';
    /** Whether the session can be made again of what was saved. If not, the next event sees what is stored: a text in place of a `Date`. */
    this.isExact = true;
    /** The last save that has begun. @type {Save | undefined} */
    this.save = undefined;
    /** Whether the last save has merged it with changes of others, which the session does not have. */
    this.isMerged = false;
    /** Whether another program may have spelled `base`, and in another way than JavaScript. */
    this.isUncertain = false;
  }

  /**
   * Whether the session has been changed, and a save on its way does not write that.
   *
   * @param {string} text what `spell` gave
   */
  isChanged(text) {
    return this.saving > 0 ? text !== this.pending : this.differs(this.base, text);
  }

  /**
   * Whether a text says something else than all or a part of `base`.
   *
   * @param {string} before
   * @param {string} text
   */
  differs(before, text) {
    return before !== text && !(this.isUncertain && JSON.stringify(JSON.parse(before)) === text);
  }

  /** A save begins. @param {any} session @param {string} text what it writes @returns {Save} */
  beginSave(session, text) {
    this.isExact = this.isFaithful(session);
    this.saving += 1;
    this.pending = text;
    this.save = { waiting: undefined };
    return this.save;
  }

  /** Calls back when the last save that is under way has ended. @param {(error?: unknown) => void} done */
  whenSaved(done) {
    const save = /** @type {Save} */ (this.save);
    if (save.waiting === undefined) save.waiting = [done];
    else save.waiting.push(done);
  }

  /** Whether the session has nothing that its text does not show: it is not frozen, and no field is left out. @param {any} session */
  isShown(session) {
    if (!this.isExact || !Object.isExtensible(session)) return false;
    return Object.keys(session).every((key) => !LEFT_OUT.has(typeof session[key]));
  }

  /** Whether the session can be made again of its text: a `Date` comes back as a text. @param {any} session */
  isFaithful(session) {
    return Object.keys(session).every((key) => key === 'cookie' || isJson(session[key]));
  }

  /** The session's own text is another one by now. @param {string} text */
  saved(text) {
    this.base = text;
  }

  /** Sees to it that the session has all of its data. */
  whole() {}

  /**
   * Whether nobody has touched the session's cookie since.
   *
   * @param {any} session
   */
  hasCookie({ cookie }) {
    const raw = this.rawCookie;
    if (raw === undefined) return JSON.stringify(cookie) === this.cookie;
    return (
      cookie?.originalMaxAge === raw.originalMaxAge &&
      cookie.expires?.getTime?.() === this.expires &&
      cookie.path === (raw.path ?? '/') &&
      cookie.httpOnly === (raw.httpOnly ?? true) &&
      cookie.secure === raw.secure &&
      cookie.sameSite === raw.sameSite &&
      cookie.domain === raw.domain &&
      cookie.priority === raw.priority &&
      cookie.partitioned === raw.partitioned
    );
  }

  /**
   * Whether a save gives the session's time to live anew: its cookie was touched, or it is a socket's own, which has no
   * end of its own.
   *
   * @param {any} session
   */
  renews(session) {
    return !this.hasCookie(session) || session.cookie.__io === true;
  }

  /**
   * The session's text now. A cookie that nobody touched is spelled as it is stored, byte for byte, which is also
   * cheaper than to ask express-session's `Cookie` for it.
   *
   * @param {any} session
   * @returns {string}
   */
  spell(session) {
    const { cookie } = session;
    if (this.rawCookie === undefined || !this.hasCookie(session)) return JSON.stringify(session);
    // An app may have frozen it.
    if (Object.isFrozen(session)) return JSON.stringify({ ...session, cookie: this.rawCookie });
    session.cookie = this.rawCookie;
    try {
      return JSON.stringify(session);
    } finally {
      session.cookie = cookie;
    }
  }

  /**
   * Notes that the session has just been written.
   *
   * @param {any} session
   * @param {string} mine the session's own text
   * @param {string} stored what the store holds now
   * @param {number} clock
   */
  wrote(session, mine, stored, clock) {
    if (!this.hasCookie(session)) {
      this.rawCookie = undefined;
      this.cookie = JSON.stringify(session.cookie);
    }
    this.saved(mine);
    this.stored = stored;
    this.clock = clock;
  }

  /** The store is told of the new end of a session's cookie by a touch: it is no change to be saved. @param {any} session */
  touched({ cookie }) {
    this.expires = cookie.expires?.getTime?.();
  }

  /** Takes over what is known of the cookie. @param {Snapshot} other */
  takeCookie({ cookie, expires, rawCookie }) {
    this.cookie = cookie;
    this.expires = expires;
    this.rawCookie = rawCookie;
  }
}

/** @type {WeakMap<object, Snapshot>} */
const snapshots = new WeakMap();

/**
 * What a session was when it was loaded; undefined when it is not one that was loaded from an adopted store.
 *
 * @param {any} session
 * @returns {Snapshot | undefined}
 */
function snapshotOf(session) {
  return session?.[SNAPSHOT] ?? snapshots.get(session);
}

/**
 * Notes where a fresh `Session` came from.
 *
 * @param {any} session made by `createSession` a moment ago
 * @param {string} sid
 * @param {string} stored
 * @param {number} clock
 * @param {any} rawCookie the stored cookie, before a `Cookie` was made of it
 * @param {number} keys how many top-level keys the stored data had
 * @returns {Snapshot}
 */
function remember(session, sid, stored, clock, rawCookie, keys) {
  const snapshot = new Snapshot(sid, stored, clock);
  snapshot.rawCookie = rawCookie;
  snapshot.expires = session.cookie.expires?.getTime?.();
  // express-session leaves out what its prototype has: then the session's own spelling is the base, so that this is no
  // change.
  if (Object.keys(session).length !== keys) snapshot.base = snapshot.spell(session);
  snapshots.set(session, snapshot);
  return snapshot;
}

/**
 * Notes that a session has just been saved.
 *
 * @param {any} session
 * @param {string} sid
 * @param {string} mine the session's own text
 * @param {string} stored what the store holds now
 * @param {number} clock
 */
function renew(session, sid, mine, stored, clock) {
  let snapshot = snapshotOf(session);
  if (snapshot === undefined) {
    snapshot = new Snapshot(sid, stored, clock);
    snapshots.set(session, snapshot);
    snapshot.cookie = JSON.stringify(session.cookie);
  }
  snapshot.wrote(session, mine, stored, clock);
}

/**
 * The JSON text of what a store handed over; undefined when it has none, and cannot be followed then.
 *
 * @param {any} data
 * @returns {string | undefined}
 */
function textOf(data) {
  try {
    return JSON.stringify(data);
  } catch {
    return undefined;
  }
}

module.exports.LEFT_OUT = LEFT_OUT;
module.exports.SNAPSHOT = SNAPSHOT;
module.exports.Snapshot = Snapshot;
module.exports.snapshotOf = snapshotOf;
module.exports.remember = remember;
module.exports.renew = renew;
module.exports.textOf = textOf;
