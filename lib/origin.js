'use strict';

/**
 * Where a piece of session data came from: noted when a store's `get` hands it over.
 *
 * @typedef {object} Source
 * @property {string | undefined} text the JSON text it was parsed from, where that is known
 * @property {number} clock the clock of the store's versions when the `get` began
 */

/** @type {WeakMap<object, Source>} */
const sources = new WeakMap();

/** What a `Session` was when it was loaded: what its changes are measured against. */
class Origin {
  /**
   * @param {string} sid
   * @param {string} base the session's own text when it was made
   * @param {string | null} stored the text in the store at that time; null for a session that is not stored yet. Differs
   *   from `base` where the store held another spelling, or other writers' changes since the session's last save
   * @param {number} clock
   * @param {string} cookie the cookie's text when the session was made
   */
  constructor(sid, base, stored, clock, cookie) {
    this.sid = sid;
    this.base = base;
    this.stored = stored;
    this.clock = clock;
    this.cookie = cookie;
  }
}

/** @type {WeakMap<object, Origin>} */
const origins = new WeakMap();

/** The cookie of a session that ends with its browser, as express-session spells it by default. */
const PLAIN_COOKIE = '{"originalMaxAge":null,"expires":null,"httpOnly":true,"path":"/"}';
/** How a session's text begins where express-session has written it. */
const OPENING = '{"cookie":';

/**
 * The text of the cookie that a session's text begins with; undefined when it does not begin with one.
 *
 * @param {string} text
 * @returns {string | undefined}
 */
function cookieText(text) {
  if (text.startsWith(PLAIN_COOKIE, OPENING.length) && text.startsWith(OPENING)) return PLAIN_COOKIE;
  if (!text.startsWith(OPENING)) return undefined;
  // A cookie has no object in it; one with a brace in a text comes out too short, and then differs from the made one.
  return text.slice(OPENING.length, text.indexOf('}', OPENING.length) + 1);
}

/**
 * Notes where a fresh `Session` came from.
 *
 * @param {any} session made by `createSession` a moment ago
 * @param {string} sid
 * @param {string} stored
 * @param {number} clock
 * @param {number} keys how many top-level keys the stored data had
 */
function remember(session, sid, stored, clock, keys) {
  const raw = cookieText(stored);
  // express-session makes nothing else of a plain cookie than what it was.
  const cookie = raw === PLAIN_COOKIE ? raw : JSON.stringify(session.cookie);
  // A session does not always spell itself as it was stored: express-session completes a bare cookie, and leaves out
  // keys that its prototype has. Then its own spelling is the base, so that this difference is no change.
  const same = cookie === raw && Object.keys(session).length === keys;
  origins.set(session, new Origin(sid, same ? stored : JSON.stringify(session), stored, clock, cookie));
}

module.exports = { cookieText, Origin, origins, PLAIN_COOKIE, remember, sources };
