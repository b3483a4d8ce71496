'use strict';

const { sources } = require('../../session/snapshot.js');

/**
 * For stores that cannot compare and set: read again, compare, write. Between that read and write another process may
 * still write; this process cannot, since the commits of one session wait for each other.
 *
 * @type {import('./index.js').CommitTo}
 */
function commitByReading(adopted, commit, done) {
  const since = adopted.since(commit.sid, commit.clock);
  if (since === 'gone') {
    done(null, { gone: true });
    return;
  }
  // After a conflict it has just been read.
  if (commit.expected === null || commit.attempt > 1 || (commit.trusting && since === 'unchanged')) {
    write();
    return;
  }
  adopted.get(commit.sid, (error, data) => {
    if (error) {
      done(error, {});
      return;
    }
    if (data === undefined) {
      done(null, { gone: true });
      return;
    }
    let current;
    try {
      current = sources.get(data)?.text ?? JSON.stringify(data);
    } catch (failed) {
      done(failed, {});
      return;
    }
    if (current !== commit.expected) done(null, { current });
    else write();
  });

  function write() {
    // Destroyed while we were reading.
    if (adopted.since(commit.sid, commit.clock) === 'gone') {
      done(null, { gone: true });
      return;
    }
    const { cookie } = commit.session;
    // The store has kept the session beyond its cookie's date (a touch prolongs the record, not always the cookie in
    // it), but would take the old date for its time to live now.
    if (!commit.renew && cookie.originalMaxAge > 0 && cookie.expires <= Date.now())
      commit.session.resetMaxAge();
    adopted.put(commit.sid, commit.session, (error) => done(error, { written: true }), commit.clock);
  }
}

module.exports.commitByReading = commitByReading;
