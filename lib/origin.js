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

/**
 * Notes where a fresh `Session` came from.
 *
 * @param {any} session made by `createSession` a moment ago
 * @param {string} sid
 * @param {string | null} stored
 * @param {number} clock
 * @param {string} rawCookie the text of the stored cookie
 * @param {number} keys how many top-level keys the stored data had
 */
function remember(session, sid, stored, clock, rawCookie, keys) {
  const cookie = JSON.stringify(session.cookie);
  // A session does not always spell itself as it was stored: express-session completes a bare cookie, and leaves out
  // keys that its prototype has. Then its own spelling is the base, so that this difference is no change.
  const same = stored !== null && cookie === rawCookie && Object.keys(session).length === keys;
  const base = same ? stored : JSON.stringify(session);
  origins.set(session, new Origin(sid, base, stored, clock, cookie));
}

module.exports = { Origin, origins, remember, sources };
