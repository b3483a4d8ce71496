'use strict';

const native = require('../../native.js');
const { commitSession } = require('./commit.js');
const { generateSession } = require('../session/generated-session.js');
const { originOf, sources, textOf } = require('../session/snapshot.js');

/**
 * Puts our methods in the place of a store's, on the instance: so every load, save and logout is seen, whoever makes it.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 */
function follow(adopted) {
  const { original, store } = adopted;
  if (store.serializer === JSON) followTexts(adopted);

  adopted.followed.get = define(adopted, 'get', (sid, callback) => {
    if (typeof callback !== 'function') return original.get.call(store, sid, callback);
    const began = adopted.clock();
    const text = adopted.textOf(sid);
    return original.get.call(
      store,
      sid,
      /** @this {any} */ function (/** @type {any} */ _error, /** @type {any} */ data) {
        if (typeof data === 'object' && data !== null) note(data, text, began);
        // biome-ignore lint/complexity/noArguments: stores differ in how many arguments they call back with
        return callback.apply(this, arguments);
      },
    );
  });

  adopted.followed.createSession = define(adopted, 'createSession', (req, data) => {
    const source = sources.get(data);
    // Before the cookie is made of it: that is no JSON any more.
    const text = source?.text ?? textOf(data);
    const clock = source ? source.clock : adopted.clock();
    const session = adopted.makeSession(req, data, text, clock, source?.version);
    adopted.methods?.give(session);
    return session;
  });

  adopted.followed.set = define(adopted, 'set', (sid, session, callback) => {
    if (typeof callback !== 'function') return promised(adopted, (done) => store.set(sid, session, done));
    const origin = typeof session === 'object' && session !== null ? originOf(session) : undefined;
    if (origin !== undefined && origin.sid === sid) {
      commitSession(adopted, session, true, (error) => {
        // Not before the caller has gone on its way, as with any store.
        process.nextTick(callback, error);
      });
      return;
    }
    // A session that is new, or a record: there is nothing to merge with.
    const answered = adopted.writing(sid, callback);
    adopted.remembering(sid, session, answered);
  });

  if (typeof store.touch === 'function') {
    define(adopted, 'touch', (sid, session, callback) => {
      if (typeof callback !== 'function') return promised(adopted, (done) => store.touch(sid, session, done));
      const origin = originOf(session);
      if (origin && adopted.since(sid, origin.clock) === 'gone') {
        process.nextTick(callback, null);
        return;
      }
      return original.touch.call(store, sid, session, adopted.writing(sid, callback));
    });
  }

  define(adopted, 'destroy', (sid, callback) => {
    if (typeof callback !== 'function') return promised(adopted, (done) => store.destroy(sid, done));
    return adopted.destroy(sid, callback);
  });

  if (typeof store.regenerate === 'function') {
    define(adopted, 'regenerate', (req, callback) => {
      // Where no session middleware has put its own there, the store would throw in the middle of it.
      if (typeof store.generate !== 'function')
        define(adopted, 'generate', (asked) => generateSession(adopted, asked));
      adopted.regenerating = req?.sessionID;
      try {
        return original.regenerate.call(store, req, (/** @type {unknown} */ error) => {
          adopted.methods?.give(req?.session);
          callback(error);
        });
      } finally {
        adopted.regenerating = undefined;
      }
    });
  }

  if (typeof store.clear === 'function') {
    define(adopted, 'clear', (callback) => {
      native.cleared(adopted.number);
      return original.clear.call(store, callback);
    });
  }
}

/**
 * For callers without a callback, as newer stores allow: a promise. A failure that nobody waits for is reported, and
 * does not end the process.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {(done: (error?: unknown) => void) => void} run
 */
function promised(adopted, run) {
  const promise = new Promise((resolve, reject) => {
    run((error) => (error ? reject(error) : resolve(undefined)));
  });
  promise.catch(adopted.onError);
  return promise;
}

/**
 * Notes the text that connect-redis parses a session from: it need not be made again to see changes.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 */
function followTexts({ restores, store }) {
  restores.push(() => {
    store.serializer = JSON;
  });
  store.serializer = {
    /** @param {string} text */
    parse(text) {
      const data = JSON.parse(text);
      // A client may be set to give bytes.
      if (typeof data === 'object' && data !== null && typeof text === 'string')
        sources.set(data, { text, clock: 0 });
      return data;
    },
    stringify: JSON.stringify,
  };
}

/** @param {any} data @param {string | undefined} text @param {number} began */
function note(data, text, began) {
  const known = sources.get(data);
  if (known) known.clock = began;
  else sources.set(data, { text, clock: began });
}

/**
 * Puts a method of ours in the place of the store's, until it is given back.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {string} method
 * @param {(...args: any[]) => any} value
 */
function define({ restores, store }, method, value) {
  const before = Object.getOwnPropertyDescriptor(store, method);
  Object.defineProperty(store, method, { configurable: true, enumerable: false, writable: true, value });
  restores.push(() => {
    // What the app has put in its place since is the app's.
    if (store[method] !== value) return;
    if (before) Object.defineProperty(store, method, before);
    else delete store[method];
  });
  return value;
}

module.exports.follow = follow;
