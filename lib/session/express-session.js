'use strict';

const path = require('node:path');

/** @typedef {{ Session: any, Store: any, Cookie: any }} ExpressSession */

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
 * The class of a store's sessions, where the store makes them with express-session's own `createSession`; undefined
 * where it has another one.
 *
 * @param {any} store
 * @param {boolean} isOurs whether its `createSession` is that of `EmbeddedStore`, which does the same
 * @returns {any}
 */
function sessionClass(store, isOurs) {
  try {
    const { Session, Store } = expressSession();
    if (isOurs) return Session;
    // The store may be of another copy of the module, and has that one's sessions then.
    const { createSession } = store;
    if (String(createSession) !== String(Store.prototype.createSession)) return undefined;
    return createSession.call(store, {}, { cookie: {} }).constructor;
  } catch {
    return undefined;
  }
}

module.exports.expressSession = expressSession;
module.exports.sessionClass = sessionClass;
