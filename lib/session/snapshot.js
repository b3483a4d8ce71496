'use strict';

/**
 * Where a piece of session data came from: noted when a store's `get` hands it over.
 *
 * @typedef {object} Source
 * @property {string | undefined} text the JSON text it was parsed from, where that is known
 * @property {number} clock the clock of the store's versions when the `get` began
 * @property {number} [version] the version that an `EmbeddedStore` gives it
 */

/** @type {WeakMap<object, Source>} */
const sources = new WeakMap();

/** By this name a sliced session gives its origin, which it is itself. */
const ORIGIN = Symbol('io-session origin');

/**
 * A save that is under way.
 *
 * @typedef {{ waiting: ((error?: unknown) => void)[] | undefined }} Save those who wait for its end
 */

/** What a `Session` was when it was loaded: what its changes are measured against. */
class Origin {
  /**
   * @param {string} sid
   * @param {string | null} stored the text in the store at that time; null for a session that is not stored yet
   * @param {number} clock
   */
  constructor(sid, stored, clock) {
    this.sid = sid;
    this.stored = stored;
    this.clock = clock;
    /** The version of `stored`, in an `EmbeddedStore`; 0 where it is not known. */
    this.version = 0;
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
    /** The last save that has begun. @type {Save | undefined} */
    this.save = undefined;
    /** Whether the last save has merged it with changes of others, which the session does not have. */
    this.isMerged = false;
    /** Whether another program may have spelled `base`, and in another way than JavaScript. */
    this.isForeign = false;
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
    return before !== text && !(this.isForeign && JSON.stringify(JSON.parse(before)) === text);
  }

  /** A save begins. @param {string} text what it writes @returns {Save} */
  beginSave(text) {
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

  /** The session's own text is another one by now. @param {string} text */
  saved(text) {
    this.base = text;
  }

  /** Sees to it that the session has all of its data. */
  whole() {}

  /** Nobody is expected to look at the session soon: what can be made again is let go of. */
  settle() {
    if (this.saving === 0) this.pending = '';
  }

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
   * @param {number} [version] of `stored`, where it is another
   */
  wrote(session, mine, stored, clock, version) {
    if (!this.hasCookie(session)) {
      this.rawCookie = undefined;
      this.cookie = JSON.stringify(session.cookie);
    }
    this.saved(mine);
    this.stored = stored;
    this.clock = clock;
    if (version !== undefined) this.version = version;
  }

  /** Takes over what is known of the cookie. @param {Origin} other */
  takeCookie({ cookie, expires, rawCookie }) {
    this.cookie = cookie;
    this.expires = expires;
    this.rawCookie = rawCookie;
  }
}

/** @type {WeakMap<object, Origin>} */
const origins = new WeakMap();

/**
 * What a session was when it was loaded; undefined when it is not one that was loaded from an adopted store.
 *
 * @param {any} session
 * @returns {Origin | undefined}
 */
function originOf(session) {
  return session?.[ORIGIN] ?? origins.get(session);
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
 * @param {number} [version]
 * @returns {Origin}
 */
function remember(session, sid, stored, clock, rawCookie, keys, version = 0) {
  const origin = new Origin(sid, stored, clock);
  origin.version = version;
  origin.rawCookie = rawCookie;
  origin.expires = session.cookie.expires?.getTime?.();
  // express-session leaves out what its prototype has: then the session's own spelling is the base, so that this is no
  // change.
  if (Object.keys(session).length !== keys) origin.base = origin.spell(session);
  origins.set(session, origin);
  return origin;
}

/**
 * Notes that a session has just been saved.
 *
 * @param {any} session
 * @param {string} sid
 * @param {string} mine the session's own text
 * @param {string} stored what the store holds now
 * @param {number} clock
 * @param {number} [version] of `stored`, where it is another
 */
function renew(session, sid, mine, stored, clock, version) {
  let origin = originOf(session);
  if (origin === undefined) {
    origin = new Origin(sid, stored, clock);
    origins.set(session, origin);
    origin.cookie = JSON.stringify(session.cookie);
  }
  origin.wrote(session, mine, stored, clock, version);
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

module.exports.ORIGIN = ORIGIN;
module.exports.Origin = Origin;
module.exports.originOf = originOf;
module.exports.remember = remember;
module.exports.renew = renew;
module.exports.sources = sources;
module.exports.textOf = textOf;
