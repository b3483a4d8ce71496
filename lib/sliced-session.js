'use strict';

const { inspect } = require('node:util');
const { ORIGIN, Origin } = require('./origin.js');
const { Slices } = require('./slices.js');

/** Where the prototype of a target keeps that of `Session`. */
const REAL = Symbol('io-session prototype');
/** A property name that JavaScript puts in front of all others. */
const INDEX = /^(?:0|[1-9]\d*)$/;

/**
 * A `Session` that is its stored text until a handler looks at it, and then only as far as it does: each top-level value
 * is parsed at the first look at it, and only what was looked at is spelled and compared afterwards. It is the handler of
 * a `Proxy` on a `Session` of express-session without data. Whatever is more than to read, write or ask for single fields
 * (a deletion, an enumeration, `Object.defineProperty`, …) makes it whole first: the `Session` gets all of its data, and
 * everything goes on to it from then on.
 */
class SlicedSession extends Origin {
  /**
   * @param {string} sid
   * @param {Slices} slices
   * @param {number} clock
   * @param {number} version
   * @param {any} target a `Session` without data
   * @param {(cookie: any) => any} makeCookie
   */
  constructor(sid, slices, clock, version, target, makeCookie) {
    super(sid, slices.text, clock);
    this.version = version;
    this.slices = slices;
    this.target = target;
    this.makeCookie = makeCookie;
    /** What was looked at, and what was put in. Undefined once the session is whole. @type {Map<string, any> | undefined} */
    this.values = new Map();
    /** Whether something was put in: if not, only objects can have changed. */
    this.written = false;
    /** The session as the handler has it. @type {any} */
    this.session = new Proxy(target, this);
  }

  /** @param {any} target @param {string | symbol} key @param {any} receiver */
  get(target, key, receiver) {
    const { values } = this;
    if (typeof key === 'string' && values !== undefined) {
      const value = values.get(key);
      if (value !== undefined) return value;
      if (!(key in target)) return values.has(key) ? value : this.look(key);
    } else if (key === ORIGIN) return receiver === this.session ? this : undefined;
    return Reflect.get(target, key, receiver);
  }

  /** @param {any} target @param {string | symbol} key @param {any} value @param {any} receiver */
  set(target, key, value, receiver) {
    const { values } = this;
    if (
      values !== undefined &&
      typeof key === 'string' &&
      receiver === this.session &&
      key !== 'cookie' &&
      !(key in target) &&
      !INDEX.test(key)
    ) {
      values.set(key, value);
      this.written = true;
      return true;
    }
    this.whole();
    return Reflect.set(target, key, value, receiver);
  }

  /** @param {any} target @param {string | symbol} key */
  has(target, key) {
    const { values } = this;
    if (key in target || values === undefined || typeof key !== 'string') return key in target;
    return values.has(key) || this.place(key) !== -1 || key in target;
  }

  /** @param {any} target @param {string | symbol} key */
  deleteProperty(target, key) {
    this.whole();
    return Reflect.deleteProperty(target, key);
  }

  /** @param {any} target @param {string | symbol} key @param {PropertyDescriptor} descriptor */
  defineProperty(target, key, descriptor) {
    this.whole();
    return Reflect.defineProperty(target, key, descriptor);
  }

  /** @param {any} target @param {string | symbol} key */
  getOwnPropertyDescriptor(target, key) {
    this.whole();
    return Reflect.getOwnPropertyDescriptor(target, key);
  }

  /** @param {any} target */
  ownKeys(target) {
    this.whole();
    return Reflect.ownKeys(target);
  }

  /** @param {any} target */
  getPrototypeOf(target) {
    return prototypeOf(target);
  }

  /** @param {any} target */
  preventExtensions(target) {
    this.whole();
    Object.setPrototypeOf(target, prototypeOf(target));
    return Reflect.preventExtensions(target);
  }

  /** @param {any} target @param {object | null} prototype */
  setPrototypeOf(target, prototype) {
    this.whole();
    return Reflect.setPrototypeOf(target, prototype);
  }

  /** Parses a field at the first look at it. @param {string} key */
  look(key) {
    const at = this.place(key);
    // Made whole on the way, or no such field.
    if (this.values === undefined) return this.target[key];
    if (at === -1) return undefined;
    let value = JSON.parse(this.slices.value(at));
    if (key === 'cookie') value = this.cookieOf(value);
    this.values.set(key, value);
    return value;
  }

  /**
   * Where a field is in the text; -1 when it is not. Makes the session whole when the text cannot be taken apart.
   *
   * @param {string} key
   */
  place(key) {
    // A save has given it another text.
    if (this.slices.text !== this.base) this.slices = new Slices(this.base);
    const at = this.slices.find(key);
    if (this.slices.failed) this.whole();
    return at;
  }

  /** @param {any} raw the stored cookie */
  cookieOf(raw) {
    const cookie = this.makeCookie(raw);
    this.rawCookie = raw;
    this.expires = cookie.expires?.getTime?.();
    return cookie;
  }

  /** Gives the `Session` all of its data, as express-session does: save what its prototype has. */
  whole() {
    const { target, values } = this;
    if (values === undefined) return;
    const data = JSON.parse(this.base);
    this.values = undefined;
    if (Object.keys(data).some((key) => key in target)) this.leaveOut((key) => key in target);
    for (const key in data) {
      if (key in target) continue;
      if (values.has(key)) target[key] = values.get(key);
      else target[key] = key === 'cookie' ? this.cookieOf(data[key]) : data[key];
    }
    for (const [key, value] of values) if (!(key in target)) target[key] = value;
  }

  /** @param {any} session */
  hasCookie(session) {
    const { values } = this;
    return (values !== undefined && !values.has('cookie')) || super.hasCookie(session);
  }

  /** @param {any} session */
  renews(session) {
    return !this.hasCookie(session);
  }

  /**
   * The text now: what was not looked at is copied as it was.
   *
   * @param {any} session
   * @returns {string}
   */
  spell(session) {
    const { values } = this;
    /** @type {{ at: number, value: string }[]} */
    const changes = [];
    let added = '';
    for (const [key, value] of values ?? []) {
      if (!this.written && (typeof value !== 'object' || value === null)) continue;
      if (key === 'cookie' && super.hasCookie(session)) continue;
      const text = spellValue(key, value);
      const at = this.place(key);
      // Left out, where it was before.
      if (text === undefined && at !== -1) this.whole();
      if (text === undefined) continue;
      if (at === -1) added += `,${JSON.stringify(key)}:${text}`;
      else if (this.differs(this.slices.value(at), text)) changes.push({ at, value: text });
    }
    if (this.values === undefined) return super.spell(this.target);
    if (changes.length === 0 && added === '') return this.base;
    return this.slices.replace(changes, added);
  }
}

/**
 * A value as `JSON.stringify` spells it under its key; undefined where it leaves it out.
 *
 * @param {string} key
 * @param {any} value
 * @returns {string | undefined}
 */
function spellValue(key, value) {
  if (typeof value?.toJSON !== 'function') return JSON.stringify(value);
  // It is told its key.
  const text = JSON.stringify({ [key]: value });
  return text === '{}' ? undefined : text.slice(JSON.stringify(key).length + 2, -1);
}

/** What a session's prototype is to those who ask. @param {any} target */
function prototypeOf(target) {
  const prototype = Reflect.getPrototypeOf(target);
  return /** @type {any} */ (prototype)?.[REAL] ?? prototype;
}

/**
 * Makes the class of what is behind the Proxies: express-session's `Session`, made whole when `util.inspect` or
 * `console.log` is about to show it. They look behind a Proxy without a word to it.
 *
 * @param {any} Session
 * @returns {any}
 */
function targetClass(Session) {
  class Target extends Session {
    [inspect.custom]() {
      // Of the Proxy.
      Object.keys(this);
      return this;
    }
  }
  // To whoever asks, it is a `Session`.
  Reflect.deleteProperty(Target.prototype, 'constructor');
  Object.defineProperty(Target.prototype, REAL, { value: Session.prototype });
  return Target;
}

module.exports.SlicedSession = SlicedSession;
module.exports.targetClass = targetClass;
