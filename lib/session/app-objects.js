'use strict';

const native = require('../../native.js');
const { LEFT_OUT, PLAIN, isJson, isObject, spellValue } = require('./session-data.js');

/**
 * An object that an app has put somewhere into a session, and that has given way to what is stored there: app code may change it
 * still.
 *
 * @typedef {object} Superseded
 * @property {any} value
 * @property {string} text what of it is in the session
 * @property {any} standIn what is there in its place
 * @property {any} parent the session, or the object in it, where that is
 * @property {string} key
 */

/** The session that an object of the app's is in: what one user's handler changes is not another's. @type {WeakMap<object, string>} */
const owners = new WeakMap();
/** It is in several. */
const SEVERAL = '';
/** How many of them are kept. */
const MOST_SUPERSEDED = 32;
/** All other objects in sessions: those that were made of a stored text. @type {WeakMap<object, AppObjects>} */
const parsed = new WeakMap();
/** What those inherit from. */
const PROTOTYPES = new Set(['{}', '[]'].map((text) => Object.getPrototypeOf(JSON.parse(text))));

/**
 * The objects that app code has put into a session. The app may have them in other places, too: a constant in each session, say, or
 * an object of its state, which is frozen.
 */
class AppObjects {
  /** @param {string} sid */
  constructor(sid) {
    this.sid = sid;
    /** @type {Superseded[] | undefined} */
    this.superseded = undefined;
  }

  /** A value in the session was made of the stored text, with all that is in the value. @param {any} value */
  addParsed(value) {
    for (const object of objectsIn(value)) parsed.set(object, this);
  }

  /** Whether an object is as it was made of the stored text, and can be changed: app code has not frozen it. @param {any} object */
  isParsed(object) {
    const isSame = parsed.get(object) === this && PROTOTYPES.has(Object.getPrototypeOf(object));
    return isSame && Object.isExtensible(object);
  }

  /** Whether an object is one that was made of the stored text, or has one in it. @param {any} value */
  hasParsed(value) {
    return objectsIn(value).some((object) => parsed.get(object) === this);
  }

  /** Whether an object can be made another one, and stay the same object. @param {any} object @param {any} other */
  canBecome(object, other) {
    return this.isParsed(object) && isObject(other) && Array.isArray(object) === Array.isArray(other);
  }

  /** Whether all fields but the cookie say no more than their texts. @param {Iterable<[string, any]>} fields */
  arePlain(fields) {
    const seen = new Set();
    for (const [key, value] of fields) if (key !== 'cookie' && !this.isPlain(value, seen)) return false;
    return true;
  }

  /**
   * Whether a value says no more than its text.
   * @param {any} value @param {Set<object>} seen the objects in what was looked at before: none may be in two places @returns {boolean}
   */
  isPlain(value, seen) {
    if (!isObject(value)) return isJson(value);
    if (!this.isParsed(value) || seen.has(value)) return false;
    seen.add(value);
    return Object.values(value).every((inner) => this.isPlain(inner, seen));
  }

  /**
   * What is to be in the place of a value, so that it says no more than its text. What was made of the stored text stays: app code may
   * have kept it.
   * @param {any} parent where it is @param {string} key @param {any} value @param {any} saved what is stored of it
   * @param {Set<object>} seen @returns {any}
   */
  settle(parent, key, value, saved, seen) {
    if (!isObject(value)) return isJson(value) ? value : saved;
    const isFirst = !seen.has(value) && this.isParsed(value);
    seen.add(value);
    if (!isFirst || value.toJSON !== undefined || !isObject(saved)) {
      const text = JSON.stringify(saved);
      const isOfSession = this.hasParsed(value);
      // Changed by a timer, say, and not saved.
      if ((isOfSession || this.isOnly(value)) && spellValue(key, value) !== text) return value;
      if (isOfSession && isObject(saved) && value.toJSON === undefined)
        return this.settleInner(value, saved, seen);
      this.supersede(parent, key, value, saved, text);
      this.addParsed(saved);
      return saved;
    }
    for (const [name, inner] of Object.entries(value)) {
      if (!Object.hasOwn(saved, name)) {
        if (LEFT_OUT.has(typeof inner)) delete value[name];
        continue;
      }
      const settled = this.settle(value, name, inner, saved[name], seen);
      if (settled !== inner) value[name] = settled;
    }
    return value;
  }

  /**
   * The same of an object that the app has made with the session's own objects in it: these stay.
   * @param {any} value @param {any} saved what is stored of it @param {Set<object>} seen
   */
  settleInner(value, saved, seen) {
    for (const one of this.superseded ?? []) if (one.standIn === value) one.standIn = saved;
    parsed.set(saved, this);
    for (const [name, inner] of Object.entries(saved))
      saved[name] = this.settle(saved, name, value[name], inner, seen);
    return saved;
  }

  /**
   * An object of the app's gives way to what is stored.
   * @param {any} parent where it is @param {string} key @param {any} value @param {any} standIn what takes its place
   * @param {string} [saved] what of it is saved; without it, what it says now
   */
  supersede(parent, key, value, standIn, saved) {
    for (const one of this.superseded ?? []) if (one.standIn === value) one.standIn = standIn;
    // What is a session's own is not the app's; and what others have deleted stays so.
    if (standIn === undefined || parsed.has(value)) return;
    const now = spellOf(key, value);
    // What it has of the session's own objects is not the app's either.
    const text = saved !== undefined && now === spellValue(key, value) ? saved : now;
    if (text === undefined) return;
    this.superseded = [...(this.superseded ?? []), { parent, key, value, standIn, text }].slice(
      -MOST_SUPERSEDED,
    );
  }

  /** Notes that the app's objects in a value are in this session. @param {any} value */
  claim(value) {
    for (const object of objectsIn(value)) {
      const owner = owners.get(object) ?? this.sid;
      if (!parsed.has(object)) owners.set(object, owner === this.sid ? owner : SEVERAL);
    }
  }

  /** Whether the objects in a value are in no other session. @param {any} value */
  isOnly(value) {
    return objectsIn(value).every((object) => {
      const sid = parsed.get(object)?.sid ?? owners.get(object) ?? this.sid;
      return sid === this.sid;
    });
  }

  /** No object that has given way counts any more. */
  forget() {
    this.superseded = undefined;
  }

  /** Takes up what app code has changed in an object that has given way. What has been changed in the session since stays. */
  takeUp() {
    for (const one of this.superseded ?? []) {
      const { parent, value, standIn, text } = one;
      // The app may have moved it, deleted it, or put something else there.
      const key = Array.isArray(parent) ? String(parent.indexOf(standIn)) : one.key;
      if (standIn === undefined || !this.isOnly(value) || parent[key] !== standIn) continue;
      const now = spellOf(key, value);
      if (now === text || now === undefined) continue;
      one.text = now;
      const merged = native.merge(fieldOf(text), fieldOf(JSON.stringify(standIn)), fieldOf(now));
      const { field } = JSON.parse(/** @type {string} */ (merged));
      if (this.canBecome(standIn, field)) this.patch(standIn, field);
      else {
        one.standIn = field;
        // Not where the app has frozen that.
        Reflect.set(parent, key, field);
      }
      this.addParsed(field);
    }
  }

  /**
   * Makes an object what JSON says. What was made of the stored text stays the same object where it can: a handler may hold it. An
   * object of the app's gives way, since others may have it too.
   * @param {any} target @param {any} source @param {(key: string) => boolean} [isFree] whether a field may be another one
   * @param {Set<object>} [seen]
   */
  patch(target, source, isFree = () => true, seen = new Set()) {
    for (const key of new Set([...Object.keys(target), ...Object.keys(source)])) {
      if (!isFree(key)) continue;
      const isField = Object.hasOwn(target, key);
      const mine = isField ? target[key] : undefined;
      const theirs = Object.hasOwn(source, key) ? source[key] : undefined;
      if (isField && mine === theirs) continue;
      if (this.canBecome(mine, theirs) && !seen.has(mine)) {
        seen.add(mine);
        this.patch(mine, theirs, undefined, seen);
        continue;
      }
      if (theirs === undefined ? LEFT_OUT.has(typeof mine) : JSON.stringify(mine) === JSON.stringify(theirs))
        continue;
      if (isObject(mine)) this.supersede(target, key, mine, theirs);
      if (theirs === undefined) delete target[key];
      else if (isField) target[key] = theirs;
      // Not by an assignment: of `__proto__` that makes no field.
      else Object.defineProperty(target, key, { ...PLAIN, value: theirs });
    }
    if (Array.isArray(target)) target.length = source.length;
  }
}

/** A value, if it is an object, and all objects in it. What is in one with a `toJSON` is not in the session. @param {any} value @returns {object[]} */
function objectsIn(value) {
  if (!isObject(value)) return [];
  /** @type {Set<any>} */
  const objects = new Set([value]);
  for (const object of objects) {
    if (typeof object.toJSON === 'function') continue;
    for (const inner of Object.values(object)) if (isObject(inner)) objects.add(inner);
  }
  return [...objects];
}

/** What an object of the app's says, without the objects in it that sessions have of their own. @param {string} key @param {any} value */
function spellOf(key, value) {
  return spellValue(key, value, (_key, inner) => (parsed.has(inner) ? undefined : inner));
}

/** @param {string} text of a value */
function fieldOf(text) {
  return `{"field":${text}}`;
}

module.exports.AppObjects = AppObjects;
