'use strict';

const { AppObjects } = require('./app-objects.js');
const { LEFT_OUT, copyOf, isJson, isObject, spellValue } = require('./session-data.js');

/** @import { Update } from '../stores/commit.js' */

/** By this name a lazy session gives its snapshot, which is behind it: to be put into a table would cost it more than all the rest. */
const SNAPSHOT = Symbol('io-session snapshot');
/** Where the request of a socket's session has the `SocketSession` that it belongs to. */
const HOLDER = Symbol('io-session holder');
/** Those of all other sessions. @type {WeakMap<object, Snapshot>} */
const snapshots = new WeakMap();
/** The session that a cookie is of, and what that was when the cookie was given to an app's own `set`. @type {WeakMap<object, Origin>} */
const sessions = new WeakMap();

/**
 * @typedef {{ session: any, base?: string, save?: Save }} Origin the session that something was made of, what that is measured against, and the
 *   save that has made it
 * @typedef {{ data: any, base?: string, save?: Save, text?: string }} Copy what an app's own `set` has made of a session, with the same
 * @typedef {{ isQuiet?: boolean, round?: number }} Telling who hears of a change: `isQuiet`: nobody, or at least somebody (false); `round`: how many
 *   calls of `onSessionChange` have led to it
 * @typedef {{ trusting: boolean, reads: boolean, telling: Telling | undefined, copy: Copy | undefined, update: Update | undefined }} SaveOptions as `commitSession` has them
 *
 * A save that is under way.
 *
 * @typedef {object} Save
 * @property {string} text the session's own text, which is not in `base` yet
 * @property {Set<string>} assigned as `Snapshot` has them
 * @property {SaveOptions} options
 * @property {((error?: unknown) => void)[]} waiting for its end
 * @property {number} joined how many others it writes as well
 * @property {boolean} isWriting whether it has the lock of the session
 */

/** @type {Save[]} */
const NO_SAVES = [];

/** @type {Set<any>} */
const NONE = new Set();

/** What a `Session` was when it was loaded: what its changes are measured against. */
class Snapshot {
  /**
   * @param {string} sid
   * @param {string | null} stored the text in the store at that time; null for a session that is not stored yet
   * @param {number} clock
   * @param {boolean} maySpellOtherwise whether another program may have spelt `stored`, and in another way than JavaScript
   */
  constructor(sid, stored, clock, maySpellOtherwise) {
    this.sid = sid;
    this.stored = stored;
    this.clock = clock;
    this.maySpellOtherwise = maySpellOtherwise;
    /** The session's own text when it was made. `stored` may be spelt otherwise, or have changes of others after a save. */
    this.base = stored ?? '';
    /** The stored cookie, as long as the session's says the same. @type {any} */
    this.rawCookie = undefined;
    /** The text of the session's cookie. */
    this.cookie = '';
    /** Whether another session object of its socket has taken its place. App code may have kept it. */
    this.isReplaced = false;
    /** Whether the session is a socket's own, which has no end of its own. */
    this.isOwn = false;
    /** Whether the app's function of an update is changing the session right now: it is the update that saves it. */
    this.updating = false;
    /** The update that is writing the session. @type {Update | undefined} */
    this.update = undefined;
    /** The saves that are under way, in order. @type {Save[]} */
    this.saves = NO_SAVES;
    /** Whether the last save has merged it with changes of others, which the session does not have. */
    this.isMerged = false;
    this.appObjects = new AppObjects(sid);
    /**
     * The fields that app code has deleted, or given a text, a number or the like, since the session was saved last: they are to be so,
     * though they may have been so before, and not in the store. @type {Set<string>}
     */
    this.assigned = NONE;
    /** What the last save has found in the store. @type {string | null} */
    this.replaced = stored;
    /** The text that could not be saved. A change in it gives way where others have written the same field since. @type {string | undefined} */
    this.failed = undefined;
  }

  /** The last save, while it is under way. @returns {Save | undefined} */
  get save() {
    return this.saves.at(-1);
  }

  /** Whether the session has been changed, and a save under way does not write that. @param {string} text what `spell` gave */
  isChanged(text) {
    return this.save === undefined ? this.differs(this.base, text) : text !== this.save.text;
  }

  /** Whether a text says something else than all or a part of `base`. @param {string} before @param {string} text */
  differs(before, text) {
    return before !== text && !(this.maySpellOtherwise && JSON.stringify(JSON.parse(before)) === text);
  }

  /** A save that waits for the lock, and can write what comes after it, too: each has all of the session. @param {SaveOptions} options @returns {Save | undefined} */
  waitingSave({ copy, update }) {
    const { save } = this;
    if (save === undefined || save.isWriting || save.options.update || update) return undefined;
    return save.options.copy || copy ? undefined : save;
  }

  /** App code has given a field a value, or deleted it. @param {string} key @param {any} value */
  noteAssigned(key, value) {
    // An object with the same content says nothing of what is not in it: another may have added that.
    if (isObject(value)) this.assigned.delete(key);
    else if (this.assigned === NONE) this.assigned = new Set([key]);
    else this.assigned.add(key);
  }

  /** What was assigned is what is stored. */
  forgetAssigned() {
    this.assigned = NONE;
  }

  /**
   * A save begins.
   * @param {string} text what it writes @param {SaveOptions} options @param {Save} [outer] the one that has called an app's own `set` for
   *   it: what was changed since is not in it
   * @returns {Save}
   */
  beginSave(text, options, outer) {
    const { assigned } = outer ?? this;
    const save = { text, assigned, options, waiting: [], joined: 0, isWriting: false };
    if (outer) {
      const at = this.saves.indexOf(outer) + 1;
      this.saves = [...this.saves.slice(0, at), save, ...this.saves.slice(at)];
    } else {
      this.saves = [...this.saves, save];
      this.assigned = NONE;
    }
    return save;
  }

  /** A save that waits for the lock gets more to write, and is for each what it needs. @param {Save} save @param {string} text @param {SaveOptions} more */
  joinSave(save, text, more) {
    const { reads, telling, trusting } = save.options;
    save.options.trusting = trusting || more.trusting;
    save.options.reads = reads || more.reads;
    save.options.telling = tellingBoth(telling, more.telling);
    save.text = text;
    save.assigned = new Set([...save.assigned, ...this.assigned]);
    save.joined += 1;
    this.assigned = NONE;
  }

  /** A save has ended. @param {Save} save */
  endSave(save) {
    this.saves = this.saves.filter((one) => one !== save);
  }

  /** Whether the session itself has nothing that its text does not show: it is not frozen, and no field is left out. @param {any} session */
  isShown(session) {
    try {
      return (
        Object.isExtensible(session) &&
        Object.keys(session).every((key) => !LEFT_OUT.has(typeof session[key]))
      );
    } catch {
      // A getter of the app's has thrown.
      return false;
    }
  }

  /**
   * Sees to it that the session says no more than its text: a `Date` has given way to a text, and an object that the app has put
   * there, may have put elsewhere, or has frozen, to what is stored of it. No handler is running.
   * @param {any} session
   */
  settle(session) {
    const fields = Object.entries(session);
    if (this.appObjects.arePlain(fields)) return;
    const saved = JSON.parse(this.savedText);
    const seen = new Set();
    for (const [key, value] of fields)
      if (key !== 'cookie' && Object.hasOwn(saved, key))
        session[key] = this.appObjects.settle(session, key, value, saved[key], seen);
  }

  /**
   * Puts in what the store has handed out besides JSON: a `Date`, say, in the place of its text. What has been changed since stays.
   * @param {any} session @param {any} data as the store has handed them out
   */
  takeObjects(session, data) {
    for (const [key, given] of Object.entries(data)) {
      if (key === 'cookie' || isJson(given) || spellValue(key, session[key]) !== spellValue(key, given))
        continue;
      const value = copyOf(given);
      this.appObjects.addParsed(value);
      this.put(session, key, value);
    }
  }

  /** Gives a field what the store has there: that is no change. @param {any} session @param {string} key @param {any} value */
  put(session, key, value) {
    if (Object.hasOwn(session, key)) session[key] = value;
  }

  /** The text that the session was saved as last, or is being saved as. */
  get savedText() {
    return this.save?.text ?? this.base;
  }

  /** Notes whose the objects are that the app has put into the session. @param {any} session */
  claimObjects(session) {
    for (const value of Object.values(session)) this.appObjects.claim(value);
  }

  /** Sees to it that the session has all of its data. @param {any} session @returns {any} what has them */
  whole(session) {
    return session;
  }

  /** The session object that stands in its place for code that has kept it. @returns {any} undefined as long as it stands for itself */
  newer() {
    return undefined;
  }

  /** Notes the session's cookie, and the stored one that it was made of. @param {any} cookie @param {any} raw */
  noteCookie(cookie, raw) {
    this.cookie = JSON.stringify(cookie);
    this.rawCookie = raw;
    this.isOwn = cookie?.__io === true;
  }

  /** Whether nobody has touched the session's cookie since. @param {any} session */
  hasCookie({ cookie }) {
    return JSON.stringify(cookie) === this.cookie;
  }

  /** Whether the session has a cookie still, whatever it says. @param {any} session */
  keepsCookie({ cookie }) {
    return isObject(cookie);
  }

  /** Whether a save gives the session's time to live anew. @param {any} session */
  renews(session) {
    return this.isOwn || !this.hasCookie(session);
  }

  /** The session's text now. An untouched cookie is spelled as it is stored. @param {any} session @returns {string} */
  spell(session) {
    this.appObjects.takeUp();
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
    this.base = mine;
    this.stored = stored;
    this.clock = clock;
    this.failed = undefined;
    try {
      if (!this.hasCookie(session)) this.noteCookie(session.cookie, undefined);
    } catch {
      // The cookie was changed meanwhile, and has no JSON text any more: the next save says so.
    }
  }

  /** The store is told of the new end of a session's cookie by a touch: it is no change to be saved. @param {any} session */
  touched({ cookie }) {
    this.cookie = JSON.stringify(cookie);
  }
}

/** Who hears of two changes that are written as one: whoever hears of one of them. @param {Telling} [one] @param {Telling} [other] @returns {Telling | undefined} */
function tellingBoth(one, other) {
  const isTold = one?.isQuiet === false || other?.isQuiet === false;
  // Of one of them that is not known before it is written.
  if (!isTold && !(one && other)) return undefined;
  const round = Math.min(one?.round ?? 0, other?.round ?? 0);
  return { isQuiet: isTold ? false : one?.isQuiet && other?.isQuiet, round };
}

/** The `SocketSession` whose request it is; undefined for a request of HTTP. @param {any} req @returns {any} */
function holderOf(req) {
  return req?.[HOLDER];
}

/** What a session was when it was loaded, if from an adopted store. @param {any} session @returns {Snapshot | undefined} */
function snapshotOf(session) {
  return session?.[SNAPSHOT] ?? snapshots.get(session);
}

/** The session to use for one that app code may have kept since another object took its place. @param {any} session @returns {any} */
function newestOf(session) {
  return snapshotOf(session)?.newer() ?? session;
}

/** Notes which session a cookie is of: an app's own `set` may make something of a session, and keeps the cookie. @param {any} cookie @param {Origin} origin */
function noteSession(cookie, origin) {
  if (isObject(cookie)) sessions.set(cookie, origin);
}

/** The session that something was made of, if it has the cookie. @param {any} made */
function sessionOf(made) {
  return sessions.get(made?.cookie);
}

/** Notes where a session that was made a moment ago came from. @param {any} session @param {Snapshot} snapshot */
function remember(session, snapshot) {
  snapshots.set(session, snapshot);
  noteSession(session.cookie, { session });
  return snapshot;
}

/**
 * Makes a session that was opened a moment ago a socket's own: it is stored with the mark that the original gives it, which
 * tells it from a browser's, spells its cookie in that way alone, and may not be stored yet.
 *
 * @param {any} session @param {boolean} isNew
 */
function markOwn(session, isNew) {
  const { cookie } = session;
  cookie.__io = true;
  Object.defineProperty(cookie, 'toJSON', { value: () => ({ __io: true }) });
  const snapshot = snapshotOf(session);
  if (snapshot === undefined) return;
  snapshot.noteCookie(cookie, undefined);
  snapshot.base = JSON.stringify(session);
  if (isNew) snapshot.stored = null;
}

module.exports = {
  HOLDER,
  SNAPSHOT,
  Snapshot,
  holderOf,
  markOwn,
  newestOf,
  noteSession,
  remember,
  sessionOf,
  snapshotOf,
};
