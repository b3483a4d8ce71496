'use strict';

const { inspect } = require('node:util');

/** Where the prototype of a target keeps that of `Session`. */
const REAL = Symbol('io-session prototype');

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

module.exports.prototypeOf = prototypeOf;
module.exports.targetClass = targetClass;
