'use strict';

const { AsyncResource } = require('node:async_hooks');
const { randomBytes } = require('node:crypto');
const { ask, firstAnswer, thrown } = require('./tickets.js');
const { commit } = require('./commit.js');
const { newestOf, sessionOf, snapshotOf } = require('../session/snapshot.js');
const { copyOfSession, textOf } = require('../session/session-data.js');
const { ORIGINAL } = require('./original.js');
const { attempt } = require('../support/errors.js');
const { nextTick, setImmediate } = require('../support/timers.js');

/** @import { Leave } from './lock.js' */
/** @import { AdoptedStore, Done } from './adopted-store.js' */

const NO_ID = "io-session: the session middleware's genid must return a string, and no promise for one.";
/** As long as express-session's own ids are. */
const ID_BYTES = 24;

/**
 * Of data that a store's `get` handed out: its text, if the store keeps texts, and the clock when the `get` began.
 *
 * @type {WeakMap<object, { text: string | undefined, clock: number }>}
 */
const sources = new WeakMap();

/** Puts our methods in the place of a store's, on the instance, to see loads, saves and logouts. @param {AdoptedStore} adopted */
function follow(adopted) {
  const { original, store } = adopted;
  followMethod(adopted, 'get', (sid, callback) => {
    adopted.probe?.begin();
    if (typeof callback !== 'function') return original.get.call(adopted.self, sid, callback);
    const clock = adopted.clock;
    const text = typeof sid === 'string' && adopted.isReadable() ? adopted.driver.readText?.(sid) : undefined;
    const known = text === undefined ? undefined : attempt(() => JSON.parse(text), undefined);
    if (known !== undefined) {
      // Not by the store's own `get`, which would read it once more: another thread may have written it meanwhile.
      sources.set(known, { text, clock });
      setImmediate(callback, null, known);
      return undefined;
    }
    return call(
      (done) => original.get.call(adopted.self, sid, done),
      (_error, data) => {
        if (typeof data === 'object' && data !== null) sources.set(data, { text: undefined, clock });
      },
      callback,
    );
  });

  followMethod(adopted, 'createSession', (req, data) => {
    const source = sources.get(data);
    // Before the cookie is made of it: that is no JSON any more.
    const text = source?.text ?? textOf(data);
    const clock = source?.clock ?? adopted.clock;
    const { loadText, readText } = adopted.driver;
    // A store that we know nothing of may hand out the object that it keeps.
    const isFresh = text === undefined || readText !== undefined || loadText !== undefined;
    const own = isFresh ? data : copyOfSession(data, text);
    const session = adopted.makeSession(req, own, text, clock);
    if (text !== undefined && typeof req?.sessionID === 'string') {
      for (const { watch } of adopted.users) watch.knows(req.sessionID, text, clock);
    }
    adopted.methods?.give(session);
    return session;
  });

  const letIn = typeof store.touch === 'function' ? followTouch(adopted) : () => {};
  followAnswered(adopted, 'set', (sid, given, callback) => {
    adopted.probe?.begin();
    const session = newestOf(given);
    // An app's own `set` may call it, with something that it has made of a session. Where its `get` is another one as well, that
    // may be anything.
    const of = adopted.hasOwn('get') && !snapshotOf(session) ? sessionOf(session) : undefined;
    const isCopy = snapshotOf(of?.session)?.sid === sid;
    const copy = isCopy ? { data: session, base: of?.base, save: of?.save } : undefined;
    const original = copy ? of?.session : session;
    // The store's own `touch` may call it, which has the lock.
    letIn(sid, original);
    const snapshot = adopted.snapshotFor(sid, original);
    // A record, or what has no text.
    if (snapshot?.sid !== sid) return adopted.setAsItIs(sid, session, callback);
    // Not before the caller has gone on, as with any store, and in its async context: it may have waited for another save.
    const done = AsyncResource.bind((/** @type {unknown} */ error) => nextTick(callback, error));
    commit(adopted, original, { trusting: true, copy }, done);
  });

  followAnswered(adopted, 'destroy', (sid, callback) => adopted.destroy(sid, callback));
  if (typeof store.clear === 'function')
    followAnswered(adopted, 'clear', (callback) => adopted.clear(callback));
  if (typeof store.regenerate === 'function') followRegenerate(adopted);
}

/**
 * Follows `touch`. A store may read and write for each: what is committed in between would be undone, so it takes the session's
 * lock. Those that wait for it are one: what counts is the latest end.
 *
 * @param {AdoptedStore} adopted
 * @returns {(sid: string, session: any) => void} a touch has ended, or the store's own calls its `set`: the next one may write
 */
function followTouch(adopted) {
  const { original } = adopted;
  /** Those that wait, by session. @type {Map<string, { session: any, run: (done: Done) => any, callbacks: Done[] }>} */
  const waiting = new Map();
  /** What is being touched, and how the lock of it is given back. @type {Map<string, { session: any, leave: Leave }>} */
  const held = new Map();

  /** @param {string} sid @param {any} session @param {unknown} [error] */
  const letIn = (sid, session, error) => {
    const touched = held.get(sid);
    if (touched === undefined || touched.session !== session) return;
    held.delete(sid);
    touched.leave(undefined, error);
  };

  /** @param {string} sid @param {any} session @param {(done: Done) => any} run calls the store @param {Done} callback */
  const touchWithLock = (sid, session, run, callback) => {
    const known = waiting.get(sid);
    if (known !== undefined) {
      Object.assign(known, { run, session }).callbacks.push(callback);
      return;
    }
    const touch = { run, session, callbacks: [callback] };
    waiting.set(sid, touch);
    // Those who wait for the lock are to have time left.
    const timeout = adopted.timeout / 2;
    adopted.commits.enter(sid, adopted.timeout, (failed, _stored, leave) => {
      waiting.delete(sid);
      const touched = (/** @type {unknown} */ error) => {
        if (held.get(sid)?.leave === leave) letIn(sid, touch.session, error);
        for (const done of touch.callbacks) done(error);
      };
      if (failed) {
        leave(undefined, failed);
        touched(failed);
        return;
      }
      held.set(sid, { session: touch.session, leave });
      ask(touched, { timeout }, touch.run);
    });
  };

  followAnswered(adopted, 'touch', (sid, session, callback) => {
    const snapshot = snapshotOf(session);
    if (snapshot && adopted.since(sid, snapshot.clock) === 'gone') {
      nextTick(callback, null);
      return;
    }
    const isKnown = typeof sid === 'string';
    if (isKnown) adopted.written(sid);
    const began = adopted.clock;
    const note = (/** @type {unknown} */ error) => {
      if (!isKnown) return;
      adopted.written(sid);
      // A touch may be a read and a write.
      if (adopted.discardIfGone(sid, began) || error) return;
      for (const { watch } of adopted.users) watch.touched(sid, session?.cookie);
    };
    const run = (/** @type {Done} */ done) =>
      call((answered) => original.touch.call(adopted.self, sid, session, answered), note, done);
    const { compareAndSet, readText } = adopted.driver;
    // The store's own `set` may call it, which has the lock.
    if (compareAndSet || readText || !isKnown || adopted.writing.has(session)) return run(callback);
    touchWithLock(sid, session, run, AsyncResource.bind(callback));
  });
  return letIn;
}

/** Follows `regenerate`: where an app's `genid` throws, it fails, and the process goes on. @param {AdoptedStore} adopted */
function followRegenerate(adopted) {
  const { original, store } = adopted;
  let holder = store;
  while (!Object.hasOwn(holder, 'regenerate')) holder = Object.getPrototypeOf(holder);
  // So have express-session's `Store` and `EmbeddedStore`. A method of another class may need the store's own private fields.
  const isStores = holder !== store && Object.hasOwn(holder, 'createSession');
  followMethod(adopted, 'regenerate', (req, callback) => {
    /** @type {unknown} */
    let failed;
    const wanted = req?.regenerating;
    const generate = (/** @type {any} */ asked) => {
      if (wanted?.isOver) return;
      const { session, sessionID } = asked;
      try {
        // Where no session middleware has put its own there, the store would throw in the middle of it.
        if (typeof store.generate === 'function') store.generate(asked);
        else generateSession(adopted, asked);
        if (typeof asked.sessionID === 'string') return;
        Object.assign(asked, { session, sessionID });
        failed = new TypeError(NO_ID);
      } catch (error) {
        failed = thrown(error);
      }
    };
    const self = isStores ? Object.create(adopted.self, { generate: { value: generate } }) : adopted.self;
    adopted.regenerating = req?.sessionID;
    try {
      return call(
        (done) =>
          original.regenerate.call(self, req, (/** @type {unknown} */ error) => done(failed ?? error)),
        (error) => {
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
 * Makes the session that follows on another one, as the session middleware does by `store.generate`: for a process that has
 * none, since Express is another one. Its cookie is like the one before, which has what the app has set.
 *
 * @param {AdoptedStore} adopted @param {any} req
 */
function generateSession({ original, store }, req) {
  const { cookie } = req.session ?? {};
  const like = cookie === undefined || cookie.__io === true ? { originalMaxAge: null } : cookie;
  req.sessionID = randomBytes(ID_BYTES).toString('base64url');
  const session = original.createSession.call(store, req, { cookie: JSON.parse(JSON.stringify(like)) });
  session.resetMaxAge();
  // express-session has read the clock twice for it, and now and then makes it a millisecond less, from session to session.
  session.cookie.originalMaxAge = like.originalMaxAge;
}

/**
 * Calls a store's own method. Its first answer counts, or what it throws. The app hears of it outside of the store's callback:
 * there, what the app throws makes some stores call back twice, and one (connect-pg-simple) destroy the session.
 *
 * @param {(done: (...args: any[]) => void) => any} run
 * @param {(...args: any[]) => void} note what is to be done before; runs no app code
 * @param {(...args: any[]) => void} callback
 */
function call(run, note, callback) {
  return firstAnswer(run, (...answer) => {
    note(...answer);
    nextTick(callback, ...answer);
  });
}

/** Whether methods of ours have been put into an object: an app may have put others in the place of some. @param {any} object @param {{ [method: string]: any }} followed */
function hasOurs(object, followed) {
  return Object.entries(followed).some(
    ([method, ours]) => Object.getOwnPropertyDescriptor(Object(object), method)?.value === ours,
  );
}

/**
 * Follows a method that answers to a callback, and without one by a promise, as newer stores allow.
 *
 * @param {AdoptedStore} adopted @param {string} method
 * @param {(...args: any[]) => unknown} ours its last argument is a callback
 */
function followAnswered(adopted, method, ours) {
  followMethod(adopted, method, (...args) => {
    if (typeof args[ours.length - 1] === 'function') return ours(...args);
    const given = Array.from({ length: ours.length - 1 }, (_, at) => args[at]);
    const promise = new Promise((resolve, reject) => {
      const done = (/** @type {unknown} */ error) => (error ? reject(error) : resolve(undefined));
      adopted.store[method](...given, done);
    });
    // A failure that nobody waits for is reported, and does not end the process.
    promise.catch(adopted.onError);
    return promise;
  });
}

/**
 * Puts a method of ours in the place of the store's, until it is given back.
 *
 * @param {AdoptedStore} adopted @param {string} method @param {(...args: any[]) => any} value
 */
function followMethod(adopted, method, value) {
  const { followed, restores, store } = adopted;
  const before = Object.getOwnPropertyDescriptor(store, method);
  /** @this {any} @param {any[]} args */
  function ours(...args) {
    // The store is a Proxy, and this is what is in it: its class's own methods may work on nothing else.
    if (this !== adopted.self && this !== store && hasOurs(this, followed)) adopted.self = this;
    return value(...args);
  }
  Object.defineProperty(ours, ORIGINAL, { value: adopted.original[method] });
  followed[method] = ours;
  const field = { configurable: true, enumerable: false, writable: true, value: ours };
  Object.defineProperty(store, method, field);
  restores.push(() => {
    // What the app has put in its place since is the app's.
    if (store[method] !== ours) return;
    if (before) Object.defineProperty(store, method, before);
    else delete store[method];
  });
}

module.exports = { call, follow };
