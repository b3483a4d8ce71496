'use strict';

/** @import { AdoptedStore } from '../adopted-store.js' */
/** @import { Commit, Outcome } from './index.js' */

/**
 * Commits to a store that cannot compare and set: read again, compare, write. Between that read and write another process may
 * still write; commits of this process cannot, since those of one session wait for each other.
 *
 * @param {AdoptedStore} adopted @param {Commit} commit
 * @param {(error: unknown, outcome?: Outcome) => void} done
 */
function commitByReading(adopted, commit, done) {
  const { clock, expected, sid, timeout } = commit;
  const isGone = () => adopted.since(sid, clock) === 'gone';
  if (isGone()) done(null, null);
  else if (commit.isKnown) adopted.put(commit, done);
  else {
    adopted.load(sid, { timeout }, (error, stored) => {
      if (error) done(error);
      // Missing, or destroyed while it was read.
      else if (stored === undefined || isGone()) done(null, null);
      else if (stored.text !== expected) done(null, stored.text);
      else adopted.put(commit, done);
    });
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

module.exports = { commitByReading, renewLife };
