'use strict';

const path = require('node:path');

/** @typedef {{ Session: any, Store: any, MemoryStore: any, Cookie: any }} ExpressSession */

/** The main file of an installed express-session. */
const INDEX = /[\\/]express-session[\\/]index\.js$/;

/** @type {ExpressSession | undefined} */
let found;

/**
 * The app's express-session, whose sessions and cookies the embedded store makes. It is looked for when it is first
 * needed: beside this package, then beside the app's main file, then in the working directory.
 *
 * @returns {ExpressSession}
 * @throws {Error} `MODULE_NOT_FOUND` when there is none
 */
function expressSession() {
  if (found) return found;
  const folders = [__dirname, require.main ? path.dirname(require.main.filename) : '', process.cwd()];
  let file;
  try {
    file = require.resolve('express-session', { paths: folders.filter((folder) => folder !== '') });
  } catch (cause) {
    const message =
      'io-session: EmbeddedStore makes the sessions of express-session, which is not installed. Try `npm install express-session`.';
    throw Object.assign(new Error(message, { cause }), { code: 'MODULE_NOT_FOUND' });
  }
  /** @type {ExpressSession} */
  const made = require(file);
  found = made;
  return made;
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
  for (const file of Object.keys(require.cache)) {
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
