'use strict';

const { ORIGIN } = require('./snapshot.js');
const { SessionFields } = require('./session-fields.js');
const { prototypeOf } = require('./session-target.js');

/** Fields that are more than values. */
const OTHERS = new Set(['cookie', 'toJSON']);
/** Values that JSON leaves out: a save does not show that their field is there, nor its place among the others. */
const LEFT_OUT = new Set(['undefined', 'function', 'symbol']);
/** A property name that JavaScript puts in front of all others. */
const INDEX = /^(?:0|[1-9]\d*)$/;

/**
 * A `Session` that is parsed only as far as a handler looks at it: the handler of a `Proxy` on a `Session` of
 * express-session without data. Whatever is more than to read, write or ask for single fields (a deletion, an enumeration,
 * `Object.defineProperty`, …) makes it whole first: the `Session` gets all of its data, and everything goes on to it
 * from then on.
 */
class SlicedSession extends SessionFields {
  /**
   * @param {string} sid
   * @param {import('./slices.js').Slices} slices
   * @param {number} clock
   * @param {number} version
   * @param {any} target a `Session` without data
   * @param {(cookie: any) => any} makeCookie
   */
  constructor(sid, slices, clock, version, target, makeCookie) {
    super(sid, slices, clock, version, target, makeCookie);
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
      !OTHERS.has(key) &&
      !LEFT_OUT.has(typeof value) &&
      !(key in target) &&
      !INDEX.test(key)
    ) {
      values.set(key, value);
      this.written = true;
      this.imprint = undefined;
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
}

module.exports.SlicedSession = SlicedSession;
