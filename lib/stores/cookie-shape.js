'use strict';

const native = require('../../native.js');
const { expressSession } = require('../session/express-session.js');

/** How express-session spells a cookie that ends. */
const DATED =
  /^(\{"originalMaxAge":)\d+(,(?:[^{}"]|"[^"\\]*")*?"expires":")[^"]{24}("(?:[^{}"]|"[^"\\]*")*\})$/;
/** How many shapes are remembered by their texts. */
const MOST = 64;

/**
 * The shapes of an app's cookies, which are one or a few: all of a cookie but its two numbers. A touch of a known shape
 * needs no `JSON.stringify`.
 */
class CookieShapes {
  /** @param {number} store the native side's number of the store */
  constructor(store) {
    this.store = store;
    /** Of the cookie that was seen last. @type {any} */
    this.last = undefined;
    this.number = -1;
    /** @type {Map<string, number>} */
    this.known = new Map();
  }

  /**
   * The number of a cookie's shape; -1 when it has to be spelt.
   *
   * @param {any} cookie
   * @returns {number}
   */
  of(cookie) {
    const { last } = this;
    if (
      last !== undefined &&
      cookie !== null &&
      typeof cookie === 'object' &&
      cookie.toJSON === last.toJSON &&
      cookie.path === last.path &&
      cookie.httpOnly === last.httpOnly &&
      cookie.secure === last.secure &&
      cookie.sameSite === last.sameSite &&
      cookie.domain === last.domain &&
      cookie.priority === last.priority &&
      cookie.partitioned === last.partitioned &&
      isCounted(cookie) === last.counted &&
      Object.getPrototypeOf(cookie) === last.prototype &&
      (last.counted || (cookie._expires === null && cookie.originalMaxAge === null))
    ) {
      return this.number;
    }
    return this.learn(cookie);
  }

  /** @param {any} cookie */
  learn(cookie) {
    const { prototype } = expressSession().Cookie;
    // Any other cookie may spell itself as it likes.
    if (cookie === null || typeof cookie !== 'object' || Object.getPrototypeOf(cookie) !== prototype)
      return -1;
    if (cookie.toJSON !== prototype.toJSON) return -1;
    const { path, httpOnly, secure, sameSite, domain, priority, partitioned, toJSON } = cookie;
    for (const field of [path, httpOnly, secure, sameSite, domain, priority, partitioned]) {
      if (typeof field === 'object' && field !== null) return -1;
    }
    const counted = isCounted(cookie);
    if (!counted && (cookie._expires !== null || cookie.originalMaxAge !== null)) return -1;
    const text = JSON.stringify(cookie);
    const parts = counted ? DATED.exec(text) : [text, text];
    if (parts === null) return -1;
    const key = parts.slice(1).join('\n');
    let number = this.known.get(key);
    if (number === undefined) {
      if (this.known.size === MOST) return -1;
      number = native.cookieShape(this.store, parts[1], parts[2], parts[3]);
      this.known.set(key, number);
    }
    this.number = number;
    this.last = {
      path,
      httpOnly,
      secure,
      sameSite,
      domain,
      priority,
      partitioned,
      toJSON,
      counted,
      prototype,
    };
    return number;
  }
}

/** Whether a cookie ends at a date, and its age is a number as JSON spells whole ones. @param {any} cookie */
function isCounted(cookie) {
  const { _expires, originalMaxAge } = cookie;
  return (
    _expires instanceof Date &&
    Number.isSafeInteger(originalMaxAge) &&
    originalMaxAge >= 0 &&
    !Number.isNaN(_expires.getTime())
  );
}

module.exports.CookieShapes = CookieShapes;
