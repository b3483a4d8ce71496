'use strict';

const { inspect } = require('node:util');
const { Fields } = require('./fields.js');
const { LEFT_OUT, PLAIN, isObject, spellValue, without } = require('./session-data.js');
const { SNAPSHOT, Snapshot, holderOf, newestOf, noteSession, snapshotOf } = require('./snapshot.js');

/** @import { StoreCalls } from '../stores/store-calls.js' */

/** Fields that are more than values. */
const OTHERS = new Set(['cookie', 'toJSON']);
/** A property name that JavaScript puts in front of all others. */
const INDEX = /^(?:0|[1-9]\d*)$/;
/** How many fields are looked for in the text, one by one. */
const MOST_FIELDS = 128;
/** Methods that express-session has not: a field of such a name is data. */
const OURS = new Set(['update']);

/** What the `Session` says of itself, and cannot be changed. @type {Set<string | symbol>} */
const OWN = new Set(['req', 'id']);

/** What a `Session` inherits from while it is behind a Proxy, by its prototype. @type {WeakMap<object, object>} */
const behind = new WeakMap();

/** The prototype of a `Session` that is behind a Proxy: it makes the `Session` whole when `console.log` is about to look there. @param {object} prototype */
function prototypeBehind(prototype) {
  let made = behind.get(prototype);
  if (made === undefined) {
    /** @this {any} the Proxy */
    const value = function () {
      Object.keys(this);
      return newestOf(this);
    };
    made = /** @type {object} */ (Object.create(prototype, { [inspect.custom]: { value } }));
    behind.set(prototype, made);
  }
  return made;
}

/**
 * A `Session` that is parsed as far as a handler looks at it: a `Proxy` on a `Session` of express-session without data, and
 * the snapshot of it. Reading, writing and asking for a field (`in`) is all it does by itself. Anything else (a deletion, an
 * enumeration, `Object.defineProperty`) makes it whole: the `Session` gets all of its data, and then all operations.
 */
class LazySession extends Snapshot {
  /**
   * @param {any} target a `Session` without data
   * @param {object} prototype what it is to inherit from
   * @param {string} text as it is stored
   * @param {number} clock @param {StoreCalls} calls
   */
  constructor(target, prototype, text, clock, calls) {
    super(target.id, text, clock, !calls.readsAtOnce);
    this.target = Object.setPrototypeOf(target, prototypeBehind(prototype));
    this.prototype = prototype;
    this.calls = calls;
    this.fields = new Fields(text, this.maySpellOtherwise);
    /** What was looked at, and what was put in. Undefined once the session is whole. @type {Map<string, any> | undefined} */
    this.values = new Map();
    /** The texts of the objects among them, as spelt last. @type {Map<string, string | undefined> | undefined} */
    this.texts = undefined;
    /** Its text when it was spelt last, before it was whole. */
    this.spelt = text;
    /** The fields of that text. */
    this.speltFields = this.fields;
    /** Whether something was put in since. */
    this.isWritten = false;
    /** Whether a handler has changed what it inherits from, by an `Object.assign` of what a client has sent, say. */
    this.isReshaped = false;
    /** The session as the handler has it. @type {any} */
    this.session = new Proxy(target, this);
  }

  /** Whether express-session keeps a name for itself, so that no field is called so. @param {any} target @param {string} key */
  isReserved(target, key) {
    return key in target && !(OURS.has(key) && !Object.hasOwn(target, key));
  }

  /** @param {any} target @param {string | symbol} key @param {any} receiver */
  get(target, key, receiver) {
    const { values } = this;
    if (this.isReplaced && key !== SNAPSHOT && !OWN.has(key)) {
      const newer = this.newer();
      if (newer !== undefined) return newer[key];
    }
    if (typeof key === 'string' && values !== undefined) {
      const value = values.get(key);
      if (value !== undefined) return value;
      if (!this.isReserved(target, key)) {
        const field = values.has(key) ? value : this.look(key);
        if (field !== undefined || !OURS.has(key)) return field;
      }
    } else if (key === SNAPSHOT) return receiver === this.session ? this : undefined;
    return Reflect.get(target, key, receiver);
  }

  /** @param {any} target @param {string | symbol} key @param {any} value @param {any} receiver */
  set(target, key, value, receiver) {
    const newer = this.newer();
    if (newer !== undefined) return Reflect.set(newer, key, value);
    const isField = typeof key === 'string' && receiver === this.session;
    if (isField) this.noteAssigned(key, value);
    const { values } = this;
    if (
      isField &&
      values !== undefined &&
      !OTHERS.has(key) &&
      !LEFT_OUT.has(typeof value) &&
      !this.isReserved(target, key) &&
      !INDEX.test(key)
    ) {
      values.set(key, value);
      this.isWritten = true;
      return true;
    }
    this.whole();
    return Reflect.set(target, key, value, receiver);
  }

  /** @param {any} target @param {string | symbol} key */
  has(target, key) {
    const newer = this.newer();
    if (newer !== undefined) return key in newer;
    const { values } = this;
    if (key in target || values === undefined || typeof key !== 'string') return key in target;
    return values.has(key) || this.place(key) !== -1 || key in target;
  }

  /** @param {any} target */
  getPrototypeOf(target) {
    return this.values === undefined ? Reflect.getPrototypeOf(target) : this.prototype;
  }

  /** The session object that stands in its place for code that has kept it. Undefined as long as it stands for itself. @returns {any} */
  newer() {
    const { isReplaced, target } = this;
    if (!isReplaced || !Object.isExtensible(target)) return undefined;
    const newer = holderOf(target.req).newer(this.session);
    // A `Session` has what this one cannot hide: `req` and `id`.
    return snapshotOf(newer) && newer;
  }

  /** Parses a field at the first look at it. @param {string} key */
  look(key) {
    const at = this.place(key);
    // Made whole on the way, or no such field.
    if (this.values === undefined) return this.target[key];
    if (at === -1) return undefined;
    let value = JSON.parse(this.fields.value(at));
    if (key === 'cookie') value = this.cookieOf(value);
    else if (isObject(value)) {
      this.note(key, undefined);
      this.appObjects.addParsed(value);
    }
    this.values.set(key, value);
    return value;
  }

  /** The place of a field in the text; -1 if there is none. Makes the session whole if the text cannot be taken apart, or is worth no search any more. @param {string} key */
  place(key) {
    if (this.values !== undefined && this.values.size > MOST_FIELDS) this.whole();
    if (this.values === undefined) return -1;
    // A save has given it another text.
    if (this.fields.text !== this.base) this.fields = new Fields(this.base, this.maySpellOtherwise);
    const at = this.fields.find(key);
    if (this.fields.failed) this.whole();
    return at;
  }

  /** @param {any} raw the stored cookie */
  cookieOf(raw) {
    const cookie = this.calls.makeCookie(raw);
    noteSession(cookie, { session: this.session });
    this.noteCookie(cookie, raw);
    return cookie;
  }

  /** @param {string} key @param {any} value */
  noteAssigned(key, value) {
    // A stored field that is called like what a `Session` has of its own is none of the session's.
    const isField = !OWN.has(key) && (!(key in this.prototype) || OURS.has(key));
    if (isField) super.noteAssigned(key, value);
  }

  /** Gives the `Session` all of its data, as express-session does: all but the names of its methods. @returns {any} the `Session` */
  whole() {
    const { target, values } = this;
    if (values === undefined) return target;
    const data = JSON.parse(this.base);
    this.appObjects.addParsed(data);
    this.values = undefined;
    Object.setPrototypeOf(target, this.prototype);
    const leftOut = Object.keys(data).filter((key) => this.isReserved(target, key));
    for (const key of leftOut) delete data[key];
    if (leftOut.length > 0) {
      // That is no change.
      this.base = without(this.base, leftOut);
      for (const save of this.saves) save.text = without(save.text, leftOut);
    }
    if (!values.has('cookie')) values.set('cookie', this.cookieOf(data.cookie));
    for (const [key, value] of values) data[key] = value;
    for (const [key, value] of Object.entries(data)) {
      if (key in target) Object.defineProperty(target, key, { ...PLAIN, value });
      else target[key] = value;
    }
    return target;
  }

  /** Its data, as far as it was looked at: by the Proxy a newer session object may answer. */
  get own() {
    const { target, values } = this;
    return values === undefined ? target : { cookie: values.get('cookie') };
  }

  /** @param {any} _session @param {string} mine @param {string} stored @param {number} clock */
  wrote(_session, mine, stored, clock) {
    // Else the text of before would stay as long as nobody looks.
    if (mine === this.speltFields.text) this.fields = this.speltFields;
    super.wrote(this.own, mine, stored, clock);
  }

  hasCookie() {
    return this.values?.has('cookie') === false || super.hasCookie(this.own);
  }

  keepsCookie() {
    return this.values?.has('cookie') === false || super.keepsCookie(this.own);
  }

  /** @param {string} text */
  isChanged(text) {
    // What has only another spelling, `spell` leaves as it was.
    if (this.values !== undefined && this.save === undefined) return text !== this.base;
    return super.isChanged(text);
  }

  isShown() {
    return this.values !== undefined || (!this.isReshaped && super.isShown(this.target));
  }

  /** @param {any} session */
  settle(session) {
    if (this.values === undefined) return super.settle(this.target);
    if (this.appObjects.arePlain(this.values)) return;
    const saved = new Fields(this.savedText, this.maySpellOtherwise);
    const seen = new Set();
    for (const [key, value] of [...this.values]) {
      if (key === 'cookie') continue;
      const at = saved.find(key);
      if (saved.failed) {
        this.whole();
        return super.settle(this.target);
      }
      if (at === -1) continue;
      const settled = this.appObjects.settle(session, key, value, JSON.parse(saved.value(at)), seen);
      this.values?.set(key, settled);
    }
  }

  /** @param {any} _session @param {string} key @param {any} value */
  put(_session, key, value) {
    if (this.values === undefined) return super.put(this.target, key, value);
    if (isObject(value)) this.note(key, undefined);
    this.values.set(key, value);
  }

  claimObjects() {
    if (this.values === undefined) return super.claimObjects(this.target);
    for (const value of this.values.values()) this.appObjects.claim(value);
  }

  /** @param {string} key @param {string | undefined} text */
  note(key, text) {
    this.texts ??= new Map();
    // The same text as before is old, and costs the garbage collector nothing any more.
    if (text !== undefined && this.texts.get(key) === text) return;
    this.texts.set(key, text);
  }

  /** Whether its text is still the one that was spelt last. @param {Map<string, any>} values */
  isAsSpelt(values) {
    if (this.isWritten || !this.hasCookie()) return false;
    for (const [key, text] of this.texts ?? [])
      if (text === undefined || spellValue(key, values.get(key)) !== text) return false;
    return true;
  }

  /** The text now: what was not looked at is copied as it was. @returns {string} */
  spell() {
    if (this.values !== undefined) this.appObjects.takeUp();
    const { values } = this;
    if (values === undefined) return super.spell(this.target);
    if (this.isAsSpelt(values)) return this.spelt;
    /** @type {{ at: number, value: string }[]} */
    const changes = [];
    let added = '';
    for (const [key, value] of values) {
      if (key === 'cookie' && this.hasCookie()) continue;
      const text = spellValue(key, value);
      if (isObject(value)) this.note(key, text);
      const at = this.place(key);
      // Left out, where it was before.
      if (text === undefined && at !== -1) this.whole();
      if (text === undefined) continue;
      if (at === -1) added += `,${JSON.stringify(key)}:${text}`;
      else if (this.differs(this.fields.value(at), text)) changes.push({ at, value: text });
    }
    if (this.values === undefined) return super.spell(this.target);
    const isSame = changes.length === 0 && added === '';
    this.speltFields = isSame ? this.fields : this.fields.replace(changes, added);
    this.spelt = isSame ? this.base : this.speltFields.text;
    this.isWritten = false;
    return this.spelt;
  }
}

/** What a newer session object answers as well, for a field that is not the `Session`'s own. */
const ANSWERED = new Set(['defineProperty', 'deleteProperty', 'getOwnPropertyDescriptor', 'ownKeys']);

/** What changes a field. */
const CHANGING = new Set(['defineProperty', 'deleteProperty']);

for (const trap of [...ANSWERED, 'preventExtensions', 'setPrototypeOf']) {
  /** @this {LazySession} @param {[any, any, any]} args */
  const value = function (...args) {
    const newer = ANSWERED.has(trap) && !OWN.has(args[1]) ? this.newer() : undefined;
    if (newer !== undefined) args[0] = newer;
    else {
      if (trap === 'setPrototypeOf') this.isReshaped = true;
      // A deletion is a change, though the field may not be there.
      if (CHANGING.has(trap) && typeof args[1] === 'string') this.noteAssigned(args[1], args[2]?.value);
      this.whole();
    }
    return /** @type {any} */ (Reflect)[trap](...args);
  };
  Object.defineProperty(LazySession.prototype, trap, { value });
}

module.exports.LazySession = LazySession;
