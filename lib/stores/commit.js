'use strict';

const debug = require('debug')('io-session:commit');
const native = require('../../native.js');
const { begin, publish } = require('../support/diagnostics.js');
const { failure } = require('../support/errors.js');
const { enter, leave } = require('./lock.js');
const { originOf, renew } = require('../session/snapshot.js');

/** After so many conflicts in a row something else is wrong. */
const MOST_ATTEMPTS = 100;

/**
 * Writes what changed in a session since it was loaded, merged with what others have written meanwhile, and drops it
 * when the session has been destroyed.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {any} session a `Session` with an origin
 * @param {boolean} trusting whether an unchanged clock is enough to write without reading again
 * @param {(error?: unknown) => void} callback called at once where nothing has to be waited for; no app code
 * @param {string} [known] the session's text, when it has been made already
 */
function commitSession(adopted, session, trusting, callback, known) {
  const origin = /** @type {import('../session/snapshot.js').Origin} */ (originOf(session));
  if (origin.updating) {
    callback(
      new Error('io-session: update() saves what its function has changed; do not save() inside of it.'),
    );
    return;
  }
  let mine;
  try {
    mine = known ?? origin.spell(session);
  } catch (error) {
    callback(error);
    return;
  }
  const save = origin.beginSave(mine);
  const ended = (/** @type {unknown} */ error) => {
    callback(error);
    for (const done of save.waiting ?? []) done(error);
  };
  if (adopted.keepsTexts) {
    // Done at once: nothing can come between.
    new Committing(adopted, session, mine, trusting, ended).attempt();
    return;
  }
  const { updates } = origin;
  const entered = enter(adopted, origin.sid, (late, stored) => {
    const committing = new Committing(adopted, session, mine, trusting, ended);
    if (late) committing.finish(late);
    else committing.begin(updates, stored);
  });
  if (entered) return;
  origin.saving -= 1;
  ended(failure('ERR_OVERLOADED'));
}

/** A commit on its way. */
class Committing {
  /**
   * @param {import('./adopted-store.js').AdoptedStore} adopted
   * @param {any} session
   * @param {string} mine
   * @param {boolean} trusting
   * @param {(error?: unknown) => void} callback
   */
  constructor(adopted, session, mine, trusting, callback) {
    this.adopted = adopted;
    this.session = session;
    this.mine = mine;
    this.trusting = trusting;
    this.callback = callback;
    // Not before its turn: the commit in front of it may have been this session's own.
    this.origin = /** @type {import('../session/snapshot.js').Origin} */ (originOf(session));
    this.renews = this.origin.renews(session);
    /** What the text to write was merged with. */
    this.expected = this.origin.stored;
    this.attempts = 0;
    this.merged = false;
    this.began = begin('commit');
  }

  /**
   * Its turn has come.
   *
   * @param {number} updates how often the session had been updated when its text was made
   * @param {string} [stored] what the commit that it has waited for has written
   */
  begin(updates, stored) {
    // That is what is there, unless another process has been quicker: to expect what was loaded before would be in vain.
    if (stored !== undefined && this.expected !== null) this.expected = stored;
    try {
      // An update that it has waited for has changed the session: the text of before would undo that.
      if (this.origin.updates !== updates) {
        this.mine = this.origin.spell(this.session);
        this.origin.pending = this.mine;
      }
    } catch (error) {
      this.finish(error);
      return;
    }
    this.attempt();
  }

  /** Merges with what is expected to be stored, and writes. */
  attempt() {
    const { adopted, origin, mine, expected, session } = this;
    let text = mine;
    try {
      if (expected !== null && expected !== origin.base) {
        text = this.merge(expected);
      }
      if (text === expected && !this.renews && !this.trusting) {
        // Nothing of ours is left to write.
        this.finish(null, text);
        return;
      }
      this.text = text;
      const commit = {
        sid: origin.sid,
        expected,
        text,
        mine,
        base: origin.base,
        version: origin.version,
        session: text === mine || adopted.keepsTexts ? session : this.remake(text),
        renew: this.renews,
        trusting: this.trusting,
        merges: true,
        attempt: ++this.attempts,
        clock: origin.clock,
      };
      adopted.commitTo(adopted, commit, (error, outcome) => this.settle(error, outcome));
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
    const { mine, origin } = this;
    const began = begin('merge');
    const text = merge(origin.base, mine, theirs);
    this.merged = true;
    publish('merge', origin.sid, { attempt: this.attempts }, began);
    return text;
  }

  /**
   * @param {unknown} error
   * @param {import('./drivers/index.js').Outcome} outcome
   */
  settle(error, outcome) {
    if (error) this.finish(error);
    else if (outcome.written) {
      this.merged ||= outcome.text !== undefined;
      this.adopted.counts.commits += 1;
      if (this.merged) this.adopted.counts.merges += 1;
      this.finish(null, outcome.text ?? this.text, outcome.version);
    } else if (outcome.gone) this.drop();
    else if (this.adopted.since(this.origin.sid, this.origin.clock) === 'gone') this.drop();
    else if (this.attempts >= MOST_ATTEMPTS) {
      this.finish(
        new Error(`The session was written by others ${MOST_ATTEMPTS} times while it was being saved.`),
      );
    } else {
      this.expected = /** @type {string} */ (outcome.current);
      this.attempt();
    }
  }

  /** The session was destroyed: it stays so. */
  drop() {
    if (debug.enabled) debug('dropped a write to #%s, which is gone', native.fingerprint(this.origin.sid));
    this.adopted.counts.drops += 1;
    this.finish(null);
  }

  /**
   * @param {unknown} error
   * @param {string | null} [stored]
   * @param {number} [version]
   */
  finish(error, stored, version) {
    const { adopted, began, merged, origin, session, mine } = this;
    origin.saving -= 1;
    const outcome = error ? 'failed' : stored === undefined ? 'dropped' : 'written';
    publish('commit', origin.sid, { merged, outcome }, began);
    if (stored !== undefined && stored !== null) {
      renew(session, origin.sid, mine, stored, adopted.clock(), version);
    }
    if (!adopted.keepsTexts) leave(adopted, origin.sid, stored ?? undefined);
    this.callback(error);
  }

  /**
   * A `Session` for stores that take one, of a merged text.
   *
   * @param {string} text
   */
  remake(text) {
    const req = { sessionID: this.origin.sid, sessionStore: this.adopted.store, session: undefined };
    return this.adopted.original.createSession.call(this.adopted.store, req, JSON.parse(text));
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

module.exports.commitSession = commitSession;
module.exports.merge = merge;
