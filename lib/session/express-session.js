'use strict';

/** @typedef {{ Session: any, Store: any, MemoryStore: any, Cookie: any }} ExpressSession */

/** The main file of an installed express-session. */
const INDEX = /[\\/]express-session[\\/]index\.js$/;

/** Marks an `EmbeddedStore`'s `createSession`, which does what express-session's own does. Every copy of this package knows it by this name. */
const DOES_THE_SAME = Symbol.for('io-session createSession');

/** @type {ExpressSession | undefined} */
let found;

/** @typedef {{ makeSession: (req: any, data: any) => any, makeCookie: (stored: any) => any }} Makers of a store's sessions */

/** Of the session middleware's own copy of express-session, by the `generate` that it has put on its store. @type {WeakMap<Function, Makers>} */
const generated = new WeakMap();

/**
 * The express-session that this package finds: the app's own, where a package manager has installed both or a bundler has put
 * them into one file. By a plain `require`, which bundlers see. Throws `MODULE_NOT_FOUND` when there is none.
 *
 * @returns {ExpressSession}
 */
function expressSession() {
  try {
    found ??= /** @type {ExpressSession} */ (require('express-session'));
    return found;
  } catch (cause) {
    const message =
      'io-session: EmbeddedStore makes the sessions of express-session, which is not installed. Try `npm install express-session`.';
    throw Object.assign(new Error(message, { cause }), { code: 'MODULE_NOT_FOUND' });
  }
}

/** Of the copy that is found. They throw `MODULE_NOT_FOUND` where there is none. @type {Makers} */
const FOUND = {
  makeSession: (req, data) => new (expressSession().Session)(req, data),
  makeCookie: (stored) => new (expressSession().Cookie)(stored),
};

/**
 * How a store's sessions and their cookies are made: as the session middleware makes them that the store was given to, wherever
 * its copy of express-session is. The middleware shows that by `store.generate`, which makes a new session for a request.
 *
 * @param {any} store
 * @param {any} req the request that a session is made for
 * @returns {Makers}
 */
function makersFor(store, req) {
  const { generate } = store;
  // In a process without a session middleware there is none.
  if (typeof generate !== 'function') return FOUND;
  let makers = generated.get(generate);
  if (makers !== undefined) return makers;
  try {
    // The request keeps its own session, and `genid` sees its fields.
    const like = Object.create(req);
    generate.call(store, like);
    makers = makersLike(like.session);
    generated.set(generate, makers);
    return makers;
  } catch {
    // The app's `genid` wants more of a request than this one has, a socket's perhaps. The next one may do.
    return FOUND;
  }
}

/** How sessions and cookies are made that are like those of a session. @param {any} session of express-session @returns {Makers} */
function makersLike(session) {
  const Session = session.constructor;
  // Its prototype does not name the class of cookies. That begins a cookie by these fields.
  const prototype = Object.getPrototypeOf(session.cookie);
  const begin = { path: '/', maxAge: null, httpOnly: true };
  return {
    makeSession: (req, data) => new Session(req, data),
    // `data` is what a cookie gives of itself, and no field.
    makeCookie: ({ data: _data, ...stored }) => Object.assign(Object.create(prototype), begin, stored),
  };
}

/** Every copy of express-session that this process has loaded: an app and its stores may each have their own. @returns {Generator<ExpressSession>} */
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
 * The class of a store's sessions, where the store makes them as express-session does; undefined where it has another way.
 *
 * @param {any} createSession the store's
 * @returns {any}
 */
function sessionClass(createSession) {
  for (const { Session, Store } of copies()) {
    // The store may be of another copy of the module, and has that one's sessions then.
    if (createSession?.[DOES_THE_SAME] || createSession === Store.prototype.createSession) return Session;
  }
  return undefined;
}

module.exports = { DOES_THE_SAME, copies, makersFor, sessionClass };
