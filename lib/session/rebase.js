'use strict';

const { merge } = require('../stores/commit.js');
const { snapshotOf } = require('./snapshot.js');

/** @typedef {import('./snapshot.js').Snapshot} Snapshot */

/**
 * Brings a session up to what has been written through another one: what it has not saved yet stays, and is a change of
 * what is stored now. Its objects stay the same ones where they can: a handler may hold them.
 *
 * @param {any} session
 * @param {any} fresh what was written, as its snapshot says
 * @param {number} clock
 */
function rebase(session, fresh, clock) {
  const snapshot = /** @type {Snapshot} */ (snapshotOf(session));
  const written = /** @type {Snapshot} */ (snapshotOf(fresh));
  const { base, stored } = written;
  snapshot.whole();
  const mine = snapshot.spell(session);
  const isUnchanged = mine === snapshot.base;
  const text = isUnchanged ? base : merge(snapshot.base, mine, base);
  if (snapshot.hasCookie(session)) {
    session.cookie = fresh.cookie;
    snapshot.takeCookie(written);
  }
  patch(session, JSON.parse(text));
  snapshot.saved(isUnchanged ? snapshot.spell(session) : base);
  snapshot.stored = stored;
  snapshot.isMerged = false;
  snapshot.clock = clock;
  snapshot.updates += 1;
}

/**
 * Makes an object what JSON says.
 *
 * @param {any} target
 * @param {any} source
 */
function patch(target, source) {
  for (const key of Object.keys(target)) {
    if (key !== 'cookie' && !Object.hasOwn(source, key)) delete target[key];
  }
  for (const [key, theirs] of Object.entries(source)) {
    const isOwn = Object.hasOwn(target, key);
    // What the prototype has, express-session leaves out of a session, and nobody may write: `__proto__`, `save`.
    if (!isOwn && key in target) continue;
    const mine = isOwn ? target[key] : undefined;
    if (isPlain(mine) && isPlain(theirs)) patch(mine, theirs);
    else if (key !== 'cookie' && JSON.stringify(mine) !== JSON.stringify(theirs)) target[key] = theirs;
  }
}

/** @param {any} value */
function isPlain(value) {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

module.exports.patch = patch;
module.exports.rebase = rebase;
