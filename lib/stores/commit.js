'use strict';

const debug = require('debug')('io-session:commit');
const native = require('../../native.js');
const { ask, NO_QUEUE } = require('./ask.js');
const { begin, publish } = require('../support/diagnostics.js');
const { commitByReading, renewLife } = require('./drivers/read-then-write.js');
const { failure } = require('../support/errors.js');
const { timedOut } = require('./lock.js');
const { markOwn } = require('../session/own-session.js');
const { sessionData } = require('../session/session-data.js');
const { snapshotOf, renew } = require('../session/snapshot.js');
const { copyOfSession, isFaithful } = require('./stored.js');

/** @typedef {import('./adopted-store.js').AdoptedStore} AdoptedStore */
/** @typedef {import('../session/snapshot.js').Snapshot} Snapshot */
/** @typedef {import('./drivers/index.js').Outcome} Outcome */

/**
 * An update that is writing its session.
 *
 * @typedef {object} Update
 * @property {any} session the session of the caller, if it has one
 * @property {boolean} isTold whether it has lost so often that the store may hand out another text each time
 * @property {() => void} written called when it is written, before anybody else writes the session
 * @property {Outcome} [outcome]
 */

/** After so many conflicts in a row something else is wrong. */
const MOST_ATTEMPTS = 100;

/** The updates that are writing their sessions, by those. @type {WeakMap<object, Update>} */
const updates = new WeakMap();

/**
 * Commits what was changed in a session since it was loaded, merged with what others have written meanwhile, and drops it when
 * the session has been destroyed. Where the app has put its own `set` in place, that is called.
 *
 * @param {AdoptedStore} adopted
 * @param {any} session a `Session` with a snapshot
 * @param {{ trusting: boolean, text?: string }} options `trusting`: whether it is the app that saves, so that an unchanged clock
 *   is enough to write without reading again; `text`: the session's text, when it has been made already
 * @param {(error?: unknown) => void} callback called now where nothing has to be waited for; no app code
 */
function commitSession(adopted, session, options, callback) {
  const { followed, store, timeout } = adopted;
  if (store.set === followed.set) {
    commit(adopted, session, options, callback);
    return;
  }
  const { sid } = /** @type {Snapshot} */ (snapshotOf(session));
  ask({ answered: callback }, NO_QUEUE, timeout, store, 'set', sid, session);
}

/**
 * The same, without a look at the store's `set`.
 *
 * @type {typeof commitSession}
 */
function commit(adopted, session, { trusting, text }, callback) {
  adopted.used();
  const snapshot = /** @type {Snapshot} */ (snapshotOf(session));
  if (snapshot.updating) {
    callback(
      new Error('io-session: update() saves what its function has changed; do not save() inside of it.'),
    );
    return;
  }
  let mine;
  try {
    mine = text ?? snapshot.spell(session);
  } catch (error) {
    callback(error);
    return;
  }
  const save = snapshot.beginSave(session, mine);
  const ended = (/** @type {unknown} */ error) => {
    callback(error);
    for (const done of save.waiting ?? []) done(error);
    // It holds those who have waited, and all that they hold.
    if (snapshot.saving === 0) snapshot.save = undefined;
  };
  const updatesBefore = snapshot.updates;
  const entered = locked(adopted, snapshot, (late, stored, leave) => {
    const committing = new Committing(adopted, session, mine, trusting, (error, written) => {
      leave(written);
      ended(error);
    });
    if (late) committing.finish(late);
    else committing.begin(updatesBefore, stored);
  });
  if (entered) return;
  snapshot.saving -= 1;
  ended(failure('ERR_OVERLOADED'));
}

/**
 * Takes the lock of a session that is to be written. Where nothing has to be waited for nobody can come between, and there is
 * none.
 *
 * @param {AdoptedStore} adopted
 * @param {Snapshot} snapshot
 * @param {(late: Error | undefined, stored: string | undefined, leave: (written?: string) => void) => void} start
 * @returns {boolean} false where too many wait already
 */
function locked({ commits, driver, timeout }, { sid }, start) {
  if (driver.readText) {
    start(undefined, undefined, () => {});
    return true;
  }
  const leave = (/** @type {string | undefined} */ written) => commits.leave(sid, written);
  return commits.enter(sid, timeout, (late, stored) => start(late, stored, leave));
}

/**
 * Commits what an update has changed, unless somebody else has written meanwhile: then it is called again.
 *
 * @param {AdoptedStore} adopted
 * @param {any} session
 * @param {Update} update
 * @param {(error: unknown) => void} done an error where it was not written, which `update.outcome` tells more of; no app code
 */
function commitUpdate(adopted, session, update, done) {
  const snapshot = /** @type {Snapshot} */ (snapshotOf(session));
  const entered = locked(adopted, snapshot, (late, _stored, leave) => {
    let mine = '';
    let text = '';
    const finish = (/** @type {unknown} */ error, /** @type {Outcome | undefined} */ outcome) => {
      let failed = error;
      if (!failed && outcome === true) {
        const expected = snapshot.stored;
        snapshot.wrote(session, mine, text, adopted.clock());
        try {
          update.written();
        } catch (thrown) {
          failed = thrown;
        }
        adopted.wrote({ sid: snapshot.sid, session: update.session, text, expected });
      }
      leave(outcome === true ? text : undefined);
      if (!failed) update.outcome = outcome;
      const lost = 'io-session: update(): somebody else has written the session meanwhile.';
      done(failed ?? (outcome === true ? undefined : new Error(lost)));
    };
    if (late) {
      finish(late, undefined);
      return;
    }
    try {
      const { base, clock, stored, sid } = snapshot;
      const expected = /** @type {string} */ (stored);
      mine = snapshot.spell(session);
      text = base === expected ? mine : merge(base, mine, expected);
      const change = {
        sid,
        expected,
        text,
        session: objectFor(adopted, session, snapshot, mine, text),
        renew: snapshot.renews(session),
        // A store may hand out another text each time (of how much time is left, say), though nobody here has written.
        isKnown: update.isTold && !adopted.driver.compareAndSet && adopted.since(sid, clock) === 'unchanged',
        clock,
        timeout: adopted.timeout,
      };
      write(adopted, change, finish);
    } catch (error) {
      finish(error, undefined);
    }
  });
  if (!entered) done(failure('ERR_OVERLOADED'));
}

/**
 * Writes, as the store's driver does.
 *
 * @param {AdoptedStore} adopted
 * @param {import('./drivers/index.js').Commit} commit
 * @param {(error: unknown, outcome?: Outcome) => void} done
 */
function write(adopted, commit, done) {
  const { clock, expected, session, sid, timeout } = commit;
  const { driver } = adopted;
  if (expected === null) {
    // A session that is new: there is nothing to be compared with, unless another has written it in this process.
    const current = adopted.readText(sid);
    if (current === undefined) adopted.put(sid, session, (error) => done(error, true), { clock, timeout });
    else done(null, current);
  } else if (driver.compareAndSet) adopted.compareAndSet(sid, expected, commit, timeout, done);
  else commitByReading(adopted, commit, done);
}

/**
 * An object to be written, for stores that take one. A store that cannot compare and set may keep it, and gets one of its own.
 *
 * @param {AdoptedStore} adopted
 * @param {any} session
 * @param {Snapshot} snapshot
 * @param {string} mine its own text
 * @param {string} text what is to be written
 */
function objectFor({ driver, original, self, store }, session, snapshot, mine, text) {
  if (driver.readText || (driver.compareAndSet && text === mine)) return session;
  const data = text !== mine || isFaithful(session) ? JSON.parse(text) : copyOfSession(session, text);
  const { cookie } = data;
  // An app has put something else in the place of the cookie.
  if (sessionData(data) === undefined) return session;
  const req = { sessionID: snapshot.sid, sessionStore: store, session: undefined };
  const copy = original.createSession.call(self, req, data);
  if (cookie.__io === true) markOwn(copy, false);
  else if (!driver.compareAndSet && snapshot.hasCookie(session)) renewLife(copy, cookie);
  return copy;
}

/** A commit on its way. */
class Committing {
  /**
   * @param {AdoptedStore} adopted
   * @param {any} session
   * @param {string} mine
   * @param {boolean} trusting
   * @param {(error: unknown, written?: string) => void} callback
   */
  constructor(adopted, session, mine, trusting, callback) {
    this.adopted = adopted;
    this.session = session;
    this.mine = mine;
    this.trusting = trusting;
    this.callback = callback;
    // Not before the lock is held: the commit in front of it may have been this session's own.
    this.snapshot = /** @type {Snapshot} */ (snapshotOf(session));
    this.renews = this.snapshot.renews(session);
    /** What the text to write was merged with. */
    this.expected = this.snapshot.stored;
    this.text = mine;
    this.attempts = 0;
    this.merged = false;
    this.isWritten = false;
    this.began = begin('commit');
    this.end = performance.now() + adopted.timeout;
  }

  /**
   * The lock is held.
   *
   * @param {number} updatesBefore how often the session had been updated when its text was made
   * @param {string} [stored] what the commit that it has waited for has written
   */
  begin(updatesBefore, stored) {
    // That is what is there, unless another process has been quicker: to expect what was loaded before would be in vain.
    if (stored !== undefined) this.expected = stored;
    try {
      // An update that it has waited for has changed the session: the text of before would undo that.
      if (this.snapshot.updates !== updatesBefore) {
        this.mine = this.snapshot.spell(this.session);
        this.snapshot.pending = this.mine;
      }
    } catch (error) {
      this.finish(error);
      return;
    }
    this.attempt();
  }

  /** Merges with what is expected to be stored, and writes. */
  attempt() {
    const { adopted, expected, mine, session, snapshot, trusting } = this;
    try {
      this.text = expected === null || expected === snapshot.base ? mine : this.merge(expected);
      const { text } = this;
      if (text === expected && !this.renews && !trusting) {
        // Nothing of ours is left to write.
        this.finish(null, text);
        return;
      }
      this.attempts += 1;
      const isUnchanged = trusting && adopted.since(snapshot.sid, snapshot.clock) === 'unchanged';
      const commit = {
        sid: snapshot.sid,
        expected,
        text,
        session: objectFor(adopted, session, snapshot, mine, text),
        // Where the cookie has no end of its own, each save begins the store's time to live anew, as a `set` does. A date in
        // the cookie may be older than what the store knows: a touch prolongs the entry, and not the date in it.
        renew: this.renews || (trusting && !session.cookie?.expires),
        // After a conflict it has just been read.
        isKnown: this.attempts > 1 || isUnchanged,
        clock: snapshot.clock,
        timeout: Math.max(1, this.end - performance.now()),
      };
      write(adopted, commit, (error, outcome) => this.written(error, outcome));
    } catch (error) {
      this.finish(error);
    }
  }

  /**
   * The text to write, where somebody else has written as well.
   *
   * @param {string} theirs
   * @returns {string}
   */
  merge(theirs) {
    const { mine, snapshot } = this;
    const began = begin('merge');
    const text = merge(snapshot.base, mine, theirs);
    this.merged = true;
    publish('merge', snapshot.sid, { attempt: this.attempts }, began);
    return text;
  }

  /**
   * @param {any} error
   * @param {Outcome} [outcome]
   */
  written(error, outcome) {
    const { adopted, attempts, snapshot } = this;
    if (error) this.finish(error.code === 'ERR_STORE_TIMEOUT' ? timedOut(adopted.timeout) : error);
    else if (outcome === true) {
      adopted.counts.commits += 1;
      if (this.merged) adopted.counts.merges += 1;
      this.isWritten = true;
      this.finish(null, this.text);
    } else if (typeof outcome !== 'string' || adopted.since(snapshot.sid, snapshot.clock) === 'gone')
      this.drop();
    else if (attempts >= MOST_ATTEMPTS) {
      this.finish(
        new Error(`The session was written by others ${MOST_ATTEMPTS} times while it was being saved.`),
      );
    } else {
      this.expected = outcome;
      this.attempt();
    }
  }

  /** The session was destroyed: it stays so. */
  drop() {
    if (debug.enabled) debug('dropped a write to #%s, which is gone', native.fingerprint(this.snapshot.sid));
    this.adopted.counts.drops += 1;
    this.finish(null);
  }

  /**
   * @param {unknown} error
   * @param {string} [stored]
   */
  finish(error, stored) {
    const { adopted, began, merged, mine, session, snapshot } = this;
    snapshot.saving -= 1;
    const outcome = error ? 'failed' : stored === undefined ? 'dropped' : 'written';
    publish('commit', snapshot.sid, { merged, outcome }, began);
    if (stored !== undefined) {
      renew(session, snapshot.sid, mine, stored, adopted.clock());
      snapshot.isMerged = stored !== mine;
    }
    if (this.isWritten)
      adopted.wrote({ sid: snapshot.sid, session, text: this.text, expected: this.expected });
    this.callback(error, stored);
  }
}

/**
 * The text to write.
 *
 * @param {string} base
 * @param {string} mine
 * @param {string} theirs
 * @returns {string}
 */
function merge(base, mine, theirs) {
  try {
    return native.merge(base, mine, theirs) ?? theirs;
  } catch (error) {
    throw failure('ERR_INVALID_DOCUMENT', /** @type {Error} */ (error).message);
  }
}

module.exports.commit = commit;
module.exports.commitSession = commitSession;
module.exports.commitUpdate = commitUpdate;
module.exports.merge = merge;
module.exports.updateOf = (/** @type {object} */ session) => updates.get(session);
module.exports.updates = updates;
