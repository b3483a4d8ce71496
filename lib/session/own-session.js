'use strict';

const { snapshotOf } = require('./snapshot.js');

/**
 * Makes a session that was opened a moment ago a socket's own: it is stored with the mark that the original gives it, which
 * tells it from a browser's, spells its cookie in that way alone, and may not be stored yet.
 *
 * @param {any} session
 * @param {boolean} isNew
 */
function markOwn(session, isNew) {
  const { cookie } = session;
  cookie.__io = true;
  Object.defineProperty(cookie, 'toJSON', { value: () => ({ __io: true }) });
  const snapshot = snapshotOf(session);
  if (!snapshot) return;
  snapshot.rawCookie = undefined;
  snapshot.base = JSON.stringify(session);
  if (isNew) snapshot.stored = null;
}

module.exports.markOwn = markOwn;
