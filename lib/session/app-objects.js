'use strict';

const native = require('../../native.js');
const { isJson, isObject, spellValue } = require('./session-data.js');

/**
 * An object that an app has put somewhere into a session, and that has given way to what others have stored there: a handler may
 * change it still.
 *
 * @typedef {object} Superseded
 * @property {any} parent the session, or the object in it, where it was
 * @property {string} key
 * @property {any} value
 * @property {string} text what of it is in the session
 */

/** The session that such an object is in; none if it is in several: what one user's handler changes is not another's. @type {WeakMap<object, string>} */
const owners = new WeakMap();
/** How many of them are kept. */
const MOST_SUPERSEDED = 32;
/** @type {WeakMap<object, object>} */
const NONE = new WeakMap();

/**
 * The objects that app code has put into a session. The app may have them in other places, too: a constant in each session, say, or
 * an object of its state, which is frozen.
 */
class AppObjects {
  /** @param {string} sid */
  constructor(sid) {
    this.sid = sid;
    /** All other objects in it: those that were made of the stored text, with their prototypes. @type {WeakMap<object, object>} */
    this.parsed = NONE;
    /** @type {Superseded[] | undefined} */
    this.superseded = undefined;
  }

  /** A value in it was made of the stored text, with all that is in the value. @param {any} value */
  addParsed(value) {
    if (!isObject(value)) return;
    if (this.parsed === NONE) this.parsed = new WeakMap();
    const objects = [value];
    for (const object of objects) {
      this.parsed.set(object, Object.getPrototypeOf(object));
      for (const inner of Object.values(object)) if (isObject(inner)) objects.push(inner);
    }
  }

  /** Whether a value was made of the stored text. @param {any} value */
  isParsed(value) {
    return this.parsed.has(value);
  }

  /** Whether a field says more than its text. @param {string} key @param {any} value */
  isForeign(key, value) {
    return key !== 'cookie' && !this.isIntact(value);
  }

  /** Whether a value is as if it had just been made of its text, and can be changed: app code has not frozen it. @param {any} value @returns {boolean} */
  isIntact(value) {
    if (!isObject(value)) return isJson(value);
    const isSame = Object.getPrototypeOf(value) === this.parsed.get(value) && Object.isExtensible(value);
    return isSame && Object.values(value).every((inner) => this.isIntact(inner));
  }

  /** What was saved, in the place of such a field. @param {any} session @param {string} key @param {any} value @param {any} saved what takes its place */
  giveWay(session, key, value, saved) {
    this.superseded = this.superseded?.filter((one) => one.parent !== session || one.key !== key);
    if (isObject(value)) this.supersede(session, key, value, JSON.stringify(saved));
    this.addParsed(saved);
    return saved;
  }

  /** An object of the app's gives way to what others have stored. @param {any} parent where it is @param {string} key @param {any} value @param {string | undefined} text what of it is saved */
  supersede(parent, key, value, text = spellValue(key, value)) {
    const owner = owners.get(value) ?? this.sid;
    owners.set(value, owner === this.sid ? owner : '');
    if (text !== undefined)
      this.superseded = [...(this.superseded ?? []), { parent, key, value, text }].slice(-MOST_SUPERSEDED);
  }

  /** Takes up what a handler has changed in an object that has given way. */
  takeUp() {
    for (const one of this.superseded ?? []) {
      const { parent, key, value, text } = one;
      if (owners.get(value) !== this.sid) continue;
      const now = spellValue(key, value);
      // The app may have put it back, or into another field.
      if (now === text || now === undefined || Object.values(parent).includes(value)) continue;
      one.text = now;
      const theirs = spellValue(key, parent[key]);
      const merged = native.merge(fieldOf(text), fieldOf(now), theirs === undefined ? '{}' : fieldOf(theirs));
      const { field } = JSON.parse(/** @type {string} */ (merged));
      this.addParsed(field);
      parent[key] = field;
    }
  }
}

/** @param {string} text of a value */
function fieldOf(text) {
  return `{"field":${text}}`;
}

module.exports.AppObjects = AppObjects;
