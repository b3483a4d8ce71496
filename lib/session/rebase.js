'use strict';

const { merge } = require('../stores/commit.js');
const { AppObjects } = require('./app-objects.js');
const { markOwn, snapshotOf } = require('./snapshot.js');
const { dataOf } = require('../stores/stored.js');

/** @import { Methods } from './methods.js' */
/** @import { Snapshot } from './snapshot.js' */
/** @import { AdoptedStore } from '../stores/adopted-store.js' */
/** @import { Stored } from '../stores/stored.js' */

/** Makes a fresh `Session` of what is stored. @param {AdoptedStore} adopted @param {string} sid @param {Stored} stored @param {number} clock @param {Methods} [methods] */
function openFresh(adopted, sid, stored, clock, methods) {
  const data = dataOf(stored);
  const isOwn = data.cookie.__io === true;
  const session = adopted.makeSession(adopted.requestFor(sid), data, stored.text, clock);
  if (isOwn) markOwn(session, false);
  methods?.give(session);
  return session;
}

/**
 * Brings a session up to what has been written through another one: what it has not saved yet stays, and is a change of
 * what is stored now. Its objects stay the same ones where they can: a handler may hold them.
 *
 * @param {any} session @param {any} fresh what was written, as its snapshot says
 * @param {boolean} [isOld] whether what others have written counts more than a change in one of its objects
 */
function rebase(session, fresh, isOld = false) {
  const snapshot = /** @type {Snapshot} */ (snapshotOf(session));
  const { base, clock, cookie, rawCookie, stored } = /** @type {Snapshot} */ (snapshotOf(fresh));
  // An update that has changed nothing has written nothing: the session may have been saved since it was read.
  if (clock < snapshot.clock) return;
  const whole = snapshot.whole(session);
  const mine = snapshot.spell(session);
  const { assigned, save, saves } = snapshot;
  const failed = isOld ? mine : snapshot.failed;
  const isUnchanged = !save && mine === snapshot.base && assigned.size === 0;
  let text = base;
  if (save) {
    // That may be stored by now: what was changed after it is a change of it.
    const beingSaved = new Set(saves.flatMap((one) => [...one.assigned]));
    const saved = merge(snapshot.base, save.text, base, beingSaved, failed);
    text = merge(save.text, mine, saved, assigned);
  } else if (!isUnchanged) text = merge(snapshot.base, mine, base, assigned, failed);
  if (snapshot.hasCookie(session)) {
    // A handler may hold it.
    if (Object.isFrozen(whole.cookie)) whole.cookie = fresh.cookie;
    else Object.assign(whole.cookie, fresh.cookie);
    Object.assign(snapshot, { cookie, rawCookie });
  }
  const before = snapshot.base;
  // Where others write the same later, that counts more still.
  if (snapshot.failed !== undefined) snapshot.failed = merge(before, base, snapshot.failed);
  patch(whole, JSON.parse(text), snapshot.appObjects);
  snapshot.takeObjects(whole, fresh);
  const now = snapshot.spell(session);
  // And what is being saved: the text of before would undo what others have written.
  for (const save of snapshot.saves)
    save.text = save.text === mine ? now : merge(before, save.text, base, save.assigned);
  snapshot.base = isUnchanged ? now : base;
  snapshot.stored = stored;
  snapshot.isMerged = false;
  snapshot.clock = clock;
}

/**
 * Makes a session what JSON says; its cookie stays.
 * @param {any} session @param {any} source @param {AppObjects} [objects] the session's
 */
function patch(session, source, objects = new AppObjects(session.id)) {
  // What `Session` has, express-session leaves out of a session, and nobody may write: `__proto__`, `save`, `id`.
  const isField = (/** @type {string} */ key) => Object.prototype.propertyIsEnumerable.call(session, key);
  objects.patch(session, source, (key) => key !== 'cookie' && (isField(key) || !(key in session)));
  objects.addParsed(source);
}

module.exports = { openFresh, patch, rebase };
