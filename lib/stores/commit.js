'use strict';

const { inspect } = require('node:util');
const debug = require('debug')('io-session:commit');
const native = require('../../native.js');
const { begin, publish } = require('../support/diagnostics.js');
const { codeOf, failure, guard, messageOf, timedOut } = require('../support/errors.js');
const { copyOfSession, isLive, isObject, sessionData, textOf } = require('../session/session-data.js');
const { holderOf, markOwn, noteSession, snapshotOf } = require('../session/snapshot.js');

/** @import { Copy, Save, Snapshot, Telling } from '../session/snapshot.js' */
/** @import { AdoptedStore } from './adopted-store.js' */
/** @import { Commit, Outcome } from './drivers/index.js' */
/** @import { Locks } from './lock.js' */

/**
 * An update that is writing its session. It merges nothing: where somebody else has written meanwhile, it is told so.
 *
 * @typedef {object} Update
 * @property {any} session the session of the caller, if it has one
 * @property {boolean} believesRead whether it has lost so often that the store may hand out another text each time (of how much time is
 *   left, say), though nobody has written
 * @property {boolean} isHeld whether it has the lock of the session
 * @property {() => void} written called when it is written, before anybody else writes the session
 * @property {Outcome} [outcome]
 * @property {Telling} [telling]
 *
 * Commits what was changed in a session with a snapshot since it was loaded.
 *
 * @callback CommitSession
 * @param {AdoptedStore} adopted @param {any} session
 * @param {{ trusting?: boolean, reads?: boolean, text?: string, telling?: Telling, copy?: Copy }} options `trusting`: whether it is the app that
 *   saves, so that an unchanged clock is enough to write without reading again; `reads`: not even then; `text`: the session's text, when it has been made already;
 *   `telling`: who hears of the change, where that is known; `copy`: what the app has made of the session, to be
 *   written in its place
 * @param {(error?: unknown) => void} callback called now where nothing has to be waited for; no app code
 * @returns {void}
 */

const NO_COOKIE =
  'The session has no cookie any more: change its fields, and leave session.cookie an object.';
/** What an app's own `set` was given. */
const GIVEN = { trusting: false, reads: false, telling: undefined, update: undefined };
/** After so many conflicts in a row something else is wrong. */
const MOST_ATTEMPTS = 100;

/** Commits a session. Where the app has put its own `set` in place, that is called. @type {CommitSession} */
function commitSession(adopted, session, options, callback) {
  if (adopted.hasOwn('set')) commit(adopted, session, options, callback);
  else callSet(adopted, session, options.text, callback);
}

/**
 * Calls the app's own `set`, which may take its time, and calls ours with what it was given, or with something that it has made of it.
 * It is given a copy, by which the session is known then, and what it was.
 *
 * @param {AdoptedStore} adopted @param {any} session @param {string | undefined} text @param {(error?: unknown) => void} callback
 */
function callSet(adopted, session, text, callback) {
  const snapshot = /** @type {Snapshot} */ (snapshotOf(session));
  const { sid } = snapshot;
  /** @type {any} */
  let copy;
  /** @type {string | undefined} */
  let next;
  // Where its `get` is another one as well, what it hands on may be anything but the session itself.
  if (adopted.hasOwn('get')) {
    try {
      next = text ?? snapshot.spell(session);
      const data = copyOfSession(session, next);
      if (sessionData(data) !== undefined) copy = copyFor(adopted, session, data);
    } catch {
      // Ours says what is wrong with it.
    }
  }
  if (copy === undefined) {
    adopted.set(sid, session, callback);
    return;
  }
  const base = snapshot.savedText;
  // It is under way already, whenever that will call ours.
  const save = snapshot.beginSave(/** @type {string} */ (next), { ...GIVEN, copy: { data: copy } });
  save.waiting.push(callback);
  noteSession(copy.cookie, { session, base, save });
  const answered = (/** @type {unknown} */ error) => {
    snapshot.endSave(save);
    Object.setPrototypeOf(copy.req, Object.prototype);
    for (const done of save.waiting) done(error);
  };
  adopted.set(sid, copy, answered);
}

/** A session like another one, with data of its own: a store may keep it. @param {AdoptedStore} adopted @param {any} session @param {any} data */
function copyFor(adopted, session, data) {
  const isOwn = data.cookie.__io === true;
  const request = adopted.requestFor(session.id, session.req);
  const copy = adopted.original.createSession.call(adopted.self, request, data);
  if (isOwn) markOwn(copy, false);
  return copy;
}

/** The same, without a look at the store's `set`. @type {CommitSession} */
function commit(adopted, session, { trusting = false, reads = false, text, telling, copy }, callback) {
  adopted.probe?.begin();
  const snapshot = /** @type {Snapshot} */ (snapshotOf(session));
  const { update } = snapshot;
  /** @type {Save} */
  let save;
  try {
    if (snapshot.updating)
      throw new Error(
        'io-session: update() saves what its function has changed; do not save() inside of it.',
      );
    // Not one that has ended meanwhile, in a timeout: nobody has kept that up to date.
    const outer = copy && snapshot.saves.find((one) => one === copy.save);
    const mine = text ?? outer?.text ?? snapshot.spell(session);
    // Such a session could not be opened again: each request of its browser would fail.
    if (!mine?.startsWith('{')) throw failure('ERR_UNSAVABLE_SESSION');
    if (!snapshot.keepsCookie(session)) throw failure('ERR_UNSAVABLE_SESSION', NO_COOKIE);
    if (!snapshot.hasCookie(session)) checkCookie(adopted, session.cookie);
    // A socket that has left has no session of its own any more.
    if (holderOf(session.req)?.mayStore(snapshot) === false) {
      callback(null);
      return;
    }
    // Until the lock is free, the session may be brought up to what others have written, and the copy may not.
    if (copy) Object.assign(copy, { base: copy.base ?? snapshot.base, text: textOf(copy.data) });
    if (copy && typeof copy.text !== 'string') throw failure('ERR_UNSAVABLE_SESSION');
    const options = { trusting: trusting && update === undefined, reads, telling, copy, update };
    snapshot.claimObjects(session);
    const earlier = snapshot.waitingSave(options);
    if (earlier !== undefined) {
      adopted.commits.join(snapshot.sid);
      snapshot.joinSave(earlier, mine, options);
      earlier.waiting.push(callback);
      return;
    }
    save = snapshot.beginSave(mine, options, outer);
    save.waiting.push(callback);
  } catch (error) {
    callback(error);
    return;
  }
  /** @type {Parameters<Locks['enter']>[2]} */
  const start = (failed, stored, leave) => {
    save.isWriting = true;
    const committing = new Committing(adopted, session, snapshot, save, (error, written) => {
      adopted.commits.part(snapshot.sid, save.joined);
      leave(written, error);
      for (const done of save.waiting) done(error);
    });
    if (failed) committing.finish(failed);
    else committing.begin(stored);
  };
  if (update?.isHeld) start(undefined, undefined, () => {});
  else adopted.commits.enter(snapshot.sid, adopted.timeout, start);
}

/** Throws if express-session could not make the cookie again that a request would need. @param {AdoptedStore} adopted @param {any} cookie */
function checkCookie(adopted, cookie) {
  try {
    const made = adopted.makeCookie(JSON.parse(JSON.stringify(cookie)));
    made.maxAge = made.originalMaxAge;
    made.serialize?.('name', 'value');
  } catch (error) {
    throw failure('ERR_UNSAVABLE_SESSION', `The session's cookie is none: ${messageOf(error)}.`);
  }
}

/** A commit on its way. It is merged with what others have written meanwhile, and dropped when the session has been destroyed. */
class Committing {
  /**
   * @param {AdoptedStore} adopted @param {any} session @param {Snapshot} snapshot @param {Save} save
   * @param {(error: unknown, written?: string) => void} callback
   */
  constructor(adopted, session, snapshot, save, callback) {
    const { trusting, reads, telling, copy, update } = save.options;
    this.adopted = adopted;
    this.session = session;
    this.save = save;
    this.trusting = trusting;
    this.reads = reads;
    this.telling = update ? update.telling : telling;
    this.update = update;
    this.callback = callback;
    // What is taken of it here is so while the lock is held: the save in front may have changed all of it, and so may an update.
    this.snapshot = snapshot;
    this.renews = false;
    /** What stands for the request of what is written. @type {any} */
    this.request = undefined;
    /** What the text to write was merged with. */
    this.expected = this.snapshot.stored;
    this.copy = copy;
    /** The text of what is to be written, and what it is measured against. */
    this.mine = copy?.text ?? save.text;
    this.base = copy?.base ?? this.snapshot.base;
    // Now: the session may be brought up to what others have written while this is under way. The app's own save writes all.
    this.failed = trusting ? undefined : this.snapshot.failed;
    this.text = this.mine;
    this.attempts = 0;
    /** Whether `expected` is what was there a moment ago, and not when the session was loaded. */
    this.isRead = false;
    this.merged = false;
    this.isWritten = false;
    this.began = begin('commit');
    this.end = performance.now() + adopted.timeout;
  }

  /** Whether it is the first save of a request's session: what is there by its id gives way, as to any `set`. */
  get isFirst() {
    return this.snapshot.stored === null && !this.snapshot.isOwn;
  }

  /** Whether what is expected is stored for certain. A store that compares is not asked for it. */
  get isKnown() {
    const { adopted, expected, reads, snapshot, text, trusting, update } = this;
    if (adopted.driver.compareAndSet !== undefined) return false;
    // After a conflict it has just been read.
    if (this.attempts > 1) return true;
    // The store may have dropped it where its date has passed.
    const isTrusted = (trusting && !reads && isLive(expected ?? text)) || update?.believesRead === true;
    return isTrusted && adopted.since(snapshot.sid, snapshot.clock) === 'unchanged';
  }

  /** The lock is held. @param {string | undefined} stored what the commit that it has waited for has written */
  begin(stored) {
    // That is what is there, unless another process has been quicker: to expect what was loaded before would be in vain.
    if (stored !== undefined && this.update === undefined && !this.isFirst) {
      this.expected = stored;
      this.isRead = true;
    }
    try {
      this.renews = this.snapshot.renews(this.session);
    } catch (error) {
      this.finish(error);
      return;
    }
    this.attempt();
  }

  /** Merges with what is expected to be stored, and writes. */
  attempt() {
    const { adopted, base, expected, mine, renews, session, snapshot, trusting } = this;
    const { clock, sid } = snapshot;
    if (adopted.probe?.running !== undefined && expected !== null) {
      // A store that may be able to compare and set: between a read and a write of ours another process could write.
      adopted.probe.running.then(() => this.attempt());
      return;
    }
    try {
      this.text = expected === null || expected === base ? mine : this.merge(expected);
      const { text } = this;
      if (text === expected && this.isRead && !renews && !trusting) {
        // Nothing of ours is left to write.
        this.finish(null, text);
        return;
      }
      this.attempts += 1;
      this.write({
        sid,
        expected,
        text,
        session: this.objectFor(text),
        // Where the cookie has no end of its own, each save begins the store's time to live anew, as a `set` does. A date in
        // the cookie may be older than what the store knows: a touch prolongs the entry, and not the date in it.
        renew: renews || (trusting && !session.cookie?.expires),
        isKnown: this.isKnown,
        clock,
        timeout: Math.max(1, this.end - performance.now()),
      });
    } catch (error) {
      this.finish(error);
    }
  }

  /** The text to write, where somebody else has written as well. @param {string} theirs */
  merge(theirs) {
    const began = begin('merge');
    const text = merge(this.base, this.mine, theirs, this.save.assigned, this.failed);
    this.merged = true;
    publish('merge', this.snapshot.sid, { attempt: this.attempts }, began);
    return text;
  }

  /** An object to be written, for stores that take one. A store that may keep it gets one of its own. @param {string} text */
  objectFor(text) {
    const { adopted, copy, mine, session, snapshot } = this;
    const { driver } = adopted;
    if (driver.readText || (driver.compareAndSet && text === mine)) return session;
    const data = copyOfSession(copy?.data ?? session, text);
    const { cookie } = data;
    // An app has put something else in the place of the cookie.
    if (sessionData(data) === undefined) return session;
    const made = copyFor(adopted, session, data);
    this.request = made.req;
    if (cookie.__io !== true && !driver.compareAndSet && snapshot.hasCookie(session)) renewLife(made, cookie);
    return made;
  }

  /** Writes, as the store's driver does. @param {Commit} commit */
  write(commit) {
    const { adopted } = this;
    const done = (/** @type {any} */ error, /** @type {Outcome | undefined} */ outcome) =>
      this.written(error, outcome);
    if (commit.expected === null) {
      // A session that is new: there is nothing to be compared with, unless another has written it in this process.
      const current = this.isFirst ? undefined : adopted.driver.readText?.(commit.sid);
      if (current === undefined) adopted.put(commit, done);
      else done(null, current);
    } else adopted.compareAndSet(commit, done);
  }

  /** @param {any} error @param {Outcome} [outcome] */
  written(error, outcome) {
    const { adopted, attempts, merged, snapshot, update } = this;
    if (error) this.finish(codeOf(error) === 'ERR_STORE_TIMEOUT' ? timedOut(adopted.timeout) : error);
    else if (outcome !== true && outcome !== null && typeof outcome !== 'string') {
      const words = `the store's compareAndSet has answered ${inspect(outcome, { depth: -1 })}: true, the stored text or null was expected.`;
      this.finish(new TypeError(`io-session: ${words}`));
    } else if (outcome === true) {
      this.isWritten = true;
      if (update === undefined) {
        adopted.counts.commits += 1;
        if (merged) adopted.counts.merges += 1;
      }
      this.finish(null, this.text);
    } else if (update !== undefined) {
      update.outcome = outcome;
      this.finish(new Error('io-session: update(): somebody else has written the session meanwhile.'));
    } else if (outcome === null || adopted.since(snapshot.sid, snapshot.clock) === 'gone') {
      // The session was destroyed: it stays so.
      if (debug.enabled) debug('dropped a write to #%s, which is gone', native.fingerprint(snapshot.sid));
      adopted.counts.drops += 1;
      this.finish(null);
    } else if (attempts >= MOST_ATTEMPTS) {
      this.finish(
        new Error(`The session was written by others ${MOST_ATTEMPTS} times while it was being saved.`),
      );
    } else {
      this.expected = outcome;
      this.isRead = true;
      this.attempt();
    }
  }

  /** @param {unknown} error @param {string} [stored] */
  finish(error, stored) {
    const { adopted, began, expected, merged, save, session, snapshot, telling, text, update } = this;
    const { sid } = snapshot;
    // The store may keep what it was given: that is not to keep the socket.
    if (this.request) Object.setPrototypeOf(this.request, Object.prototype);
    snapshot.endSave(save);
    if (error && update === undefined) snapshot.failed = save.text;
    // What was written after the end stays as old as it was, so that nothing more of it is written, and nobody merges with it.
    const isGone =
      stored !== undefined && !adopted.readsAtOnce && adopted.since(sid, snapshot.clock) === 'gone';
    if (update === undefined) {
      const outcome = error ? 'failed' : stored === undefined ? 'dropped' : 'written';
      publish('commit', sid, { merged, outcome }, began);
    }
    if (stored !== undefined) {
      // What the session leaves out by itself, a field called like a method, is no change of others.
      const isOthers = snapshot.isMerged || expected !== snapshot.stored || this.copy !== undefined;
      snapshot.isMerged = stored !== save.text && isOthers;
      snapshot.replaced = expected;
      snapshot.wrote(session, save.text, stored, isGone ? snapshot.clock : adopted.clock);
      if (update !== undefined) {
        // It is written, whatever the caller's session says to that: an object in it may be sealed.
        update.outcome = true;
        guard(update.written, adopted.onError);
      }
    }
    const changed = update === undefined ? session : update.session;
    // Whatever becomes of that: the session's lock is held, and the save has ended.
    if (this.isWritten)
      guard(() => adopted.wrote({ sid, session: changed, text, expected, telling }), adopted.onError);
    this.callback(error, isGone ? undefined : stored);
  }
}

/**
 * Renews the life of a session that is about to be written, as express-session does with each save. Such a store takes it from
 * the cookie, where a touch may have left the earlier date. The stored cookie stays as it was, unless its date is over.
 *
 * @param {any} session made for this write
 * @param {any} stored its cookie as it is stored
 */
function renewLife(session, stored) {
  if (!(stored?.originalMaxAge > 0)) return;
  session.cookie.maxAge = stored.originalMaxAge;
  if (Date.parse(stored.expires) <= Date.now()) return;
  Object.defineProperty(session.cookie, 'toJSON', { value: () => stored });
}

/**
 * The text to write.
 * @param {string} base @param {string} mine @param {string} theirs
 * @param {Set<string>} [assigned] fields that are changes of mine, even if they are the same in `base`
 * @param {string} [failed] what a save that has failed was to write: of that, what others have written since stays theirs
 * @returns {string}
 */
function merge(base, mine, theirs, assigned, failed) {
  if (failed !== undefined) return merge(failed, mine, merge(base, theirs, failed), assigned);
  const text = native.merge(assigned?.size ? differing(base, mine, assigned) : base, mine, theirs);
  if (text === null) throw failure('ERR_INVALID_DOCUMENT');
  return text;
}

/** A text in which some fields are others than in mine. @param {string} base @param {string} mine @param {Set<string>} keys @returns {string} */
function differing(base, mine, keys) {
  const [before, now] = [JSON.parse(base), JSON.parse(mine)];
  for (const key of keys) {
    if (!Object.hasOwn(now, key)) before[key] = null;
    // One may have been given an object since.
    else if (!isObject(now[key])) delete before[key];
  }
  return JSON.stringify(before);
}

module.exports = { commit, commitSession, merge };
