'use strict';

const { hear, thrown } = require('./ask.js');
const { commit, commitUpdate, updateOf } = require('./commit.js');
const { generateSession } = require('../session/generated-session.js');
const { snapshotOf } = require('../session/snapshot.js');
const { copyOfSession, textOf } = require('./stored.js');

/** @typedef {import('./adopted-store.js').AdoptedStore} AdoptedStore */

/**
 * What is known of data that a store's `get` handed out: its text, where the store keeps texts, and the clock when the `get`
 * began.
 *
 * @type {WeakMap<object, { text: string | undefined, clock: number }>}
 */
const sources = new WeakMap();

/**
 * Puts our methods in the place of a store's, on the instance: so every load, save and logout is seen, whoever makes it.
 *
 * @param {AdoptedStore} adopted
 */
function follow(adopted) {
  const { original, store } = adopted;

  define(adopted, 'get', (sid, callback) => {
    adopted.used();
    if (typeof callback !== 'function') return original.get.call(adopted.self, sid, callback);
    const clock = adopted.clock();
    const text = typeof sid === 'string' ? adopted.readText(sid) : undefined;
    return call(
      (done) => original.get.call(adopted.self, sid, done),
      (_error, data) => {
        if (typeof data === 'object' && data !== null) sources.set(data, { text, clock });
      },
      callback,
    );
  });

  define(adopted, 'createSession', (req, data) => {
    const source = sources.get(data);
    // Before the cookie is made of it: that is no JSON any more.
    const text = source?.text ?? textOf(data);
    const clock = source?.clock ?? adopted.clock();
    const session = adopted.makeSession(req, ownData(adopted, data, text), text, clock);
    if (text !== undefined && typeof req?.sessionID === 'string') {
      for (const watcher of adopted.watchers) watcher.knows(req.sessionID, text, clock);
    }
    adopted.methods?.give(session);
    return session;
  });

  define(adopted, 'set', (sid, session, callback) => {
    if (typeof callback !== 'function') return promised(adopted, (done) => store.set(sid, session, done));
    adopted.used();
    const snapshot = typeof session === 'object' && session !== null ? snapshotOf(session) : undefined;
    // A session that is new, or a record: there is nothing to merge with.
    if (snapshot === undefined || snapshot.sid !== sid) return adopted.setNew(sid, session, callback);
    const update = updateOf(session);
    // Not before the caller has gone on, as with any store.
    const done = (/** @type {unknown} */ error) => process.nextTick(callback, error);
    if (update) commitUpdate(adopted, session, update, done);
    else commit(adopted, session, { trusting: true }, done);
  });

  if (typeof store.touch === 'function') {
    define(adopted, 'touch', (sid, session, callback) => {
      if (typeof callback !== 'function') return promised(adopted, (done) => store.touch(sid, session, done));
      const snapshot = snapshotOf(session);
      if (snapshot && adopted.since(sid, snapshot.clock) === 'gone') {
        process.nextTick(callback, null);
        return;
      }
      const isKnown = typeof sid === 'string';
      if (isKnown) adopted.written(sid);
      const note = (/** @type {unknown} */ error) => {
        if (!isKnown) return;
        adopted.written(sid);
        if (error) return;
        for (const watcher of adopted.watchers) watcher.touched(sid, session?.cookie);
      };
      return call((done) => original.touch.call(adopted.self, sid, session, done), note, callback);
    });
  }

  define(adopted, 'destroy', (sid, callback) => {
    if (typeof callback !== 'function') return promised(adopted, (done) => store.destroy(sid, done));
    return adopted.destroy(sid, callback);
  });

  if (typeof store.clear === 'function') {
    define(adopted, 'clear', (callback) => {
      if (typeof callback !== 'function') return promised(adopted, (done) => store.clear(done));
      return adopted.clear(callback);
    });
  }

  if (typeof store.regenerate === 'function') followRegenerate(adopted);
}

/**
 * Follows `regenerate`: what an app's `genid` throws inside of it is the failure of the call, and does not end the process.
 *
 * @param {AdoptedStore} adopted
 */
function followRegenerate(adopted) {
  const { original, restores, store } = adopted;
  /** What each `regenerate` has thrown, by its request. @type {Map<any, { error: unknown, isGuarded: boolean }>} */
  const running = new Map();
  const before = Object.getOwnPropertyDescriptor(store, 'generate');
  /** @type {any} */
  let generate = store.generate && guarded(store.generate);
  /** The app's own. */
  let own = store.generate;

  /** @param {Function} method */
  function guarded(method) {
    return (/** @type {any} */ req) => {
      const state = running.get(req);
      if (state === undefined || state.isGuarded) return method.call(store, req);
      state.isGuarded = true;
      try {
        return method.call(store, req);
      } catch (error) {
        state.error = thrown(error);
      } finally {
        state.isGuarded = false;
      }
    };
  }

  // express-session puts its own there each time `session()` is called.
  Object.defineProperty(store, 'generate', {
    configurable: true,
    enumerable: before?.enumerable ?? true,
    get: () => generate,
    set(value) {
      own = value;
      generate = typeof value === 'function' ? guarded(value) : value;
    },
  });
  restores.push(() => {
    delete store.generate;
    if (before) Object.defineProperty(store, 'generate', { ...before, value: own });
    else if (own !== undefined) store.generate = own;
  });

  define(adopted, 'regenerate', (req, callback) => {
    // Where no session middleware has put its own there, the store would throw in the middle of it.
    if (typeof generate !== 'function')
      generate = guarded((/** @type {any} */ asked) => generateSession(adopted, asked));
    const state = { error: /** @type {unknown} */ (undefined), isGuarded: false };
    running.set(req, state);
    adopted.regenerating = req?.sessionID;
    try {
      return call(
        (done) =>
          original.regenerate.call(adopted.self, req, (/** @type {unknown} */ error) =>
            done(state.error ?? error),
          ),
        (error) => {
          running.delete(req);
          if (!error) adopted.methods?.give(req?.session);
        },
        callback,
      );
    } finally {
      adopted.regenerating = undefined;
    }
  });
}

/**
 * Calls a store's own method. Its first answer counts, by callback or by promise, and what it throws is one. The app hears of
 * it outside of the store's callback: there, what the app throws makes some stores call back twice, and one (connect-pg-simple)
 * destroy the session.
 *
 * @param {(done: (...args: any[]) => void) => any} run
 * @param {(...args: any[]) => void} note what is to be done before; runs no app code
 * @param {(...args: any[]) => void} callback
 */
function call(run, note, callback) {
  let isAnswered = false;
  const done = (/** @type {any[]} */ ...args) => {
    if (isAnswered) return;
    isAnswered = true;
    note(...args);
    process.nextTick(callback, ...args);
  };
  try {
    const returned = run(done);
    hear(returned, done);
    return returned;
  } catch (error) {
    done(thrown(error));
  }
}

/**
 * For callers without a callback, as newer stores allow: a promise. A failure that nobody waits for is reported, and
 * does not end the process.
 *
 * @param {AdoptedStore} adopted
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
 * The data that a session may have as its own: a store that we know nothing of may hand out the object that it keeps.
 *
 * @param {AdoptedStore} adopted
 * @param {any} data
 * @param {string | undefined} text
 */
function ownData({ driver }, data, text) {
  const isFresh = driver.readText !== undefined || driver.loadText !== undefined;
  return isFresh || text === undefined ? data : copyOfSession(data, text);
}

/**
 * Puts a method of ours in the place of the store's, until it is given back.
 *
 * @param {AdoptedStore} adopted
 * @param {string} method
 * @param {(...args: any[]) => any} value
 */
function define(adopted, method, value) {
  const { followed, restores, store } = adopted;
  const before = Object.getOwnPropertyDescriptor(store, method);
  /** @this {any} @param {any[]} args */
  function ours(...args) {
    // The store is a Proxy, and this is what is in it: its class's own methods may work on nothing else.
    if (this !== adopted.self && this !== store && isIn(this, method, ours)) adopted.self = this;
    return value(...args);
  }
  followed[method] = ours;
  Object.defineProperty(store, method, {
    configurable: true,
    enumerable: false,
    writable: true,
    value: ours,
  });
  restores.push(() => {
    // What the app has put in its place since is the app's.
    if (store[method] !== ours) return;
    if (before) Object.defineProperty(store, method, before);
    else delete store[method];
  });
}

/** Whether an object itself has our method. @param {any} object @param {string} method @param {Function} ours */
function isIn(object, method, ours) {
  return (
    typeof object === 'object' &&
    object !== null &&
    Object.getOwnPropertyDescriptor(object, method)?.value === ours
  );
}

module.exports.call = call;
module.exports.follow = follow;
