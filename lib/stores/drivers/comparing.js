'use strict';

/**
 * What a store's `compareAndSet` has to write; `CommittingStore` in index.d.ts says what it has to do.
 *
 * @typedef {object} Change
 * @property {string} text
 * @property {any} session an object that serializes to `text`
 * @property {boolean} renew whether the time to live begins anew, after the session's cookie; else it stays as it is
 *
 * @typedef {(sid: string, expected: string, change: Change,
 *   callback: (error: unknown, outcome?: true | string | null) => void) => unknown} CompareAndSet
 */

/**
 * For stores that can compare and set in one step: nobody can come between, in whatever process.
 *
 * @param {CompareAndSet} compareAndSet called with the store as `this`
 * @returns {import('./index.js').CommitTo}
 */
function commitByComparing(compareAndSet) {
  return function commitToComparing(adopted, commit, done) {
    const { expected, session, sid, text } = commit;
    if (expected === null) {
      // A session that is new has nothing to be compared with.
      adopted.put(sid, session, (error) => done(error, { written: true }), commit.clock);
      return;
    }
    // Where the cookie has no end of its own, each save begins the store's time to live anew, as a `set` does. A date in
    // the cookie may be older than what the store knows: a touch prolongs the entry, and not the date in it.
    const renew = commit.renew || (commit.trusting && !session.cookie?.expires);
    adopted.askClient(
      sid,
      (callback) => compareAndSet.call(adopted.store, sid, expected, { text, session, renew }, callback),
      (error, outcome) => {
        if (error) done(error, {});
        else if (outcome === true) done(null, { written: true });
        else if (typeof outcome === 'string') done(null, { current: outcome });
        else done(null, { gone: true });
      },
    );
  };
}

module.exports.commitByComparing = commitByComparing;
