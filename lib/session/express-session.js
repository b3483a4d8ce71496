'use strict';

/** @typedef {{ Session: any, Store: any, MemoryStore: any, Cookie: any }} ExpressSession */

/** The main file of an installed express-session. */
const INDEX = /[\\/]express-session[\\/]index\.js$/;

/** @type {ExpressSession | undefined} */
let found;

/** The classes of the session middleware's own copy, by the `generate` that it has put on its store. @type {WeakMap<Function, { Session: any, Cookie: any }>} */
const generated = new WeakMap();

/**
 * The express-session that this package finds: the app's own, where a package manager has installed both or a bundler has put
 * them into one file. By a plain `require`, which bundlers see.
 *
 * @returns {ExpressSession}
 * @throws {Error} `MODULE_NOT_FOUND` when there is none
 */
function expressSession() {
  if (found) return found;
  try {
    /** @type {ExpressSession} */
    const required = require('express-session');
    found = required;
    return required;
  } catch (cause) {
    const message =
      'io-session: EmbeddedStore makes the sessions of express-session, which is not installed. Try `npm install express-session`.';
    throw Object.assign(new Error(message, { cause }), { code: 'MODULE_NOT_FOUND' });
  }
}

/** The classes of the copy that is found. */
const FOUND = {
  get Session() {
    return expressSession().Session;
  },
  get Cookie() {
    return expressSession().Cookie;
  },
};

/**
 * The classes of a store's sessions and cookies: those of the session middleware that the store was given to, wherever its
 * copy of express-session is. The middleware shows them by `store.generate`, which makes a new session for a request.
 *
 * @param {any} store
 * @param {any} req the request that a session is made for
 * @returns {{ Session: any, Cookie: any }} which throw `MODULE_NOT_FOUND` where there is no express-session at all
 */
function sessionClasses(store, req) {
  const { generate } = store;
  // In a process without a session middleware there is none.
  if (typeof generate !== 'function') return FOUND;
  const known = generated.get(generate);
  if (known !== undefined) return known;
  // Until it is known, and where the app's `genid` wants another kind of request than this one: it is not asked twice.
  generated.set(generate, FOUND);
  try {
    // The request keeps its own session, and `genid` sees its fields.
    const like = Object.create(req);
    generate.call(store, like);
    const { session } = like;
    generated.set(generate, { Session: session.constructor, Cookie: session.cookie.constructor });
  } catch {}
  return generated.get(generate) ?? FOUND;
}

/**
 * Every copy of express-session that this process has loaded: an app and its stores may each have their own.
 *
 * @returns {Generator<ExpressSession>}
 */
function* copies() {
  try {
    yield expressSession();
  } catch {
    // Not installed, or inside of a bundle.
  }
  for (const file of Object.keys(require.cache ?? {})) {
    const exported = INDEX.test(file) ? require.cache[file]?.exports : undefined;
    if (exported !== found && typeof exported?.Store === 'function') yield exported;
  }
}

/**
 * The class of a store's sessions, where the store makes them with express-session's own `createSession`; undefined
 * where it has another one.
 *
 * @param {any} store
 * @param {boolean} isOurs whether its `createSession` is that of `EmbeddedStore`, which does the same
 * @returns {any}
 */
function sessionClass(store, isOurs) {
  for (const { Session, Store } of copies()) {
    // The store may be of another copy of the module, and has that one's sessions then.
    if (isOurs || store.createSession === Store.prototype.createSession) return Session;
  }
  return undefined;
}

module.exports.copies = copies;
module.exports.expressSession = expressSession;
module.exports.sessionClass = sessionClass;
module.exports.sessionClasses = sessionClasses;
