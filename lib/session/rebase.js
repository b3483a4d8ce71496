'use strict';

const { merge } = require('../stores/commit.js');
const { LEFT_OUT, markOwn, snapshotOf } = require('./snapshot.js');
const { PLAIN, isObject } = require('./session-data.js');
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
 * @param {any} session
 * @param {any} fresh what was written, as its snapshot says
 */
function rebase(session, fresh) {
  const snapshot = /** @type {Snapshot} */ (snapshotOf(session));
  const { base, clock, cookie, rawCookie, stored } = /** @type {Snapshot} */ (snapshotOf(fresh));
  // An update that has changed nothing has written nothing: the session may have been saved since it was read.
  if (clock < snapshot.clock) return;
  const own = snapshot.whole(session);
  const mine = snapshot.spell(session);
  const { assigned, failed, save, saves } = snapshot;
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
    if (Object.isFrozen(own.cookie)) own.cookie = fresh.cookie;
    else Object.assign(own.cookie, fresh.cookie);
    Object.assign(snapshot, { cookie, rawCookie });
  }
  const before = snapshot.base;
  patch(own, JSON.parse(text), snapshot);
  const now = snapshot.spell(session);
  // And what is being saved: the text of before would undo what others have written.
  for (const save of snapshot.saves)
    save.text = save.text === mine ? now : merge(before, save.text, base, save.assigned);
  snapshot.base = isUnchanged ? now : base;
  snapshot.stored = stored;
  snapshot.isMerged = false;
  snapshot.failed = undefined;
  snapshot.clock = clock;
}

/** The same, to a text that was loaded. @param {AdoptedStore} adopted @param {any} session @param {string} sid @param {Stored} stored @param {number} clock when the load began */
function rebaseTo(adopted, session, sid, stored, clock) {
  rebase(session, openFresh(adopted, sid, stored, clock));
}

/**
 * Makes a session what JSON says. Its cookie stays, and so do objects that were made of the stored text: a handler may hold them. An
 * object of the app's gives way, since others may have it too.
 * @param {any} session @param {any} source @param {Snapshot | undefined} snapshot the session's; none for a new one
 */
function patch(session, source, snapshot) {
  // What `Session` has, express-session leaves out of a session, and nobody may write: `__proto__`, `save`, `id`.
  const isOwn = (/** @type {string} */ key) => Object.prototype.propertyIsEnumerable.call(session, key);
  patchObject(session, source, snapshot, (key) => key !== 'cookie' && (isOwn(key) || !(key in session)));
  snapshot?.appObjects.addParsed(source);
}

/**
 * Makes an object what JSON says.
 * @param {any} target @param {any} source @param {Snapshot | undefined} snapshot
 * @param {(key: string) => boolean} isFree whether a field may be another one
 */
function patchObject(target, source, snapshot, isFree = () => true) {
  for (const key of new Set([...Object.keys(target), ...Object.keys(source)])) {
    if (!isFree(key)) continue;
    const isField = Object.hasOwn(target, key);
    const mine = isField ? target[key] : undefined;
    const theirs = Object.hasOwn(source, key) ? source[key] : undefined;
    if (isField && mine === theirs) continue;
    const isParsed = snapshot?.appObjects.isParsed(mine);
    if (isParsed && isAlike(mine, theirs)) {
      patchObject(mine, theirs, snapshot);
      if (Array.isArray(mine)) mine.length = theirs.length;
      continue;
    }
    if (theirs === undefined ? LEFT_OUT.has(typeof mine) : JSON.stringify(mine) === JSON.stringify(theirs))
      continue;
    if (isObject(mine) && !isParsed) snapshot?.appObjects.supersede(target, key, mine);
    if (theirs === undefined) delete target[key];
    else if (isField) target[key] = theirs;
    // Not by an assignment: of `__proto__` that makes no field.
    else Object.defineProperty(target, key, { ...PLAIN, value: theirs });
  }
}

/** Whether one object can be made the other. @param {any} mine @param {any} theirs */
function isAlike(mine, theirs) {
  if (!Object.isExtensible(mine)) return false;
  return (isPlain(mine) && isPlain(theirs)) || (Array.isArray(mine) && Array.isArray(theirs));
}

/** @param {any} value */
function isPlain(value) {
  return isObject(value) && Object.getPrototypeOf(value) === Object.prototype;
}

module.exports = { openFresh, patch, rebase, rebaseTo };
