'use strict';

const { commitSession, merge } = require('../stores/commit.js');
const { codeOf, failure, unsavable } = require('../support/errors.js');
const { openFresh, patch, rebase } = require('./rebase.js');
const { holderOf, snapshotOf } = require('./snapshot.js');
const { isBrowserSession, isSameJson } = require('./session-data.js');
const { clearTimeout, nextTurn, setTimeout } = require('../support/timers.js');

/** @import { Methods } from './methods.js' */
/** @import { Snapshot, Telling } from './snapshot.js' */
/** @import { AdoptedStore } from '../stores/adopted-store.js' */
/** @import { Update } from '../stores/commit.js' */
/** @import { Outcome } from '../stores/drivers/index.js' */
/** @import { Locks } from '../stores/lock.js' */
/** @import { Stored } from '../stores/stored.js' */

/** @typedef {(session: any) => unknown} Change the app's function: is given a fresh `Session`, and may be called more than once */

/** After so many attempts in a row a store that cannot compare is no longer believed to be written by others. */
const TRIES = 3;
/** After so many attempts in a row the event loop goes on with other things. */
const YIELDS = 10;

/**
 * Reads, changes and writes a session so that nothing comes between: where somebody has written meanwhile, it is read and
 * changed again. The updates of a session wait for each other within a process. No commit waits for
 * a function that gives a promise.
 *
 * @param {AdoptedStore} adopted @param {string} sid
 * @param {any} session the caller's own `Session`, if any: gets what was written, and keeps what it has not saved yet
 * @param {Change} change
 * @param {Methods} [methods] what the fresh session can do besides
 * @param {Telling} [telling] who hears of the change
 * @returns {Promise<any>} what the function gave, the last time that it was called
 */
async function updateSession(adopted, sid, session, change, methods, telling) {
  if (typeof change !== 'function') {
    throw new TypeError('io-session: update(fn) takes a function, which is given the session to change.');
  }
  const snapshot = session && snapshotOf(session);
  if (snapshot?.updating) {
    throw new TypeError('io-session: update() was called on the session that an update() is changing.');
  }
  const isFirst = !adopted.updates.held.has(sid);
  // The one in front may take so long for its function, and then for the store.
  const patience = 2 * adopted.timeout;
  const late = `An update() has waited for ${patience} ms (twice storeTimeout) behind one of its session that did not end.`;
  const lock = await take(adopted.updates, sid, patience, { late });
  try {
    // Where nothing has to be waited for, this thread has others to serve than those in the queue.
    if (!isFirst) await nextTurn();
    // It may have been saved while others were in front.
    const isNew = session && (snapshotOf(session)?.stored ?? null) === null;
    return await (isNew ? updatedNew : updated)(adopted, sid, session, change, methods, telling);
  } catch (error) {
    lock.leave(error);
    throw error;
  } finally {
    lock.leave();
  }
}

/**
 * The same of a session that is not stored yet: nobody else can write it, and it is saved as any new session is.
 *
 * @param {AdoptedStore} adopted @param {string} sid @param {any} session @param {Change} change
 * @param {Methods} [methods] @param {Telling} [telling]
 */
async function updatedNew(adopted, sid, session, change, methods, telling) {
  const base = JSON.stringify(session);
  const fresh = openFresh(adopted, sid, { text: base }, adopted.clock, methods);
  const { cookie } = fresh;
  const result = await changed(adopted, fresh, change, NO_LOCK);
  // What is being saved has not what was changed here.
  const save = snapshotOf(session)?.save;
  if (save !== undefined) await new Promise((resolve) => save.waiting.push(resolve));
  // Saved meanwhile: it is a stored session by now.
  if ((snapshotOf(session)?.stored ?? null) !== null)
    return updated(adopted, sid, session, change, methods, telling);
  if (fresh.cookie !== cookie || !snapshotOf(fresh)?.hasCookie(fresh)) session.cookie = fresh.cookie;
  // What handlers have changed meanwhile stays.
  patch(
    session,
    JSON.parse(merge(base, JSON.stringify(fresh), JSON.stringify(session))),
    snapshotOf(session)?.appObjects,
  );
  return result;
}

/** @typedef {{ isHeld: boolean, leave: (error?: unknown) => void }} HeldLock a lock that is held until it is given back */

/** @type {HeldLock} */
const NO_LOCK = { isHeld: false, leave() {} };

/**
 * Takes a lock.
 * @param {Locks} locks @param {string} sid @param {number} timeout ms
 * @param {{ isNext?: boolean, late?: string }} options `isNext`: whether before all who wait; `late`: the words of the error, if it takes longer
 * @returns {Promise<HeldLock>}
 */
function take(locks, sid, timeout, { isNext, late }) {
  return new Promise((resolve, reject) => {
    /** @type {Parameters<Locks['enter']>[2]} */
    const start = (failed, _stored, leave) => {
      const lock = {
        isHeld: true,
        leave(/** @type {unknown} */ error) {
          if (lock.isHeld) leave(undefined, error);
          lock.isHeld = false;
        },
      };
      if (failed === undefined) return resolve(lock);
      lock.leave(failed);
      reject(late && codeOf(failed) === 'ERR_STORE_TIMEOUT' ? failure('ERR_STORE_TIMEOUT', late) : failed);
    };
    locks.enter(sid, timeout, start, isNext);
  });
}

/**
 * Calls the app's function, and gives what that gives.
 * @param {AdoptedStore} adopted @param {any} fresh the session that it is to change @param {Change} change
 * @param {HeldLock} lock given back where the function has to be waited for
 */
async function changed(adopted, fresh, change, lock) {
  const snapshot = /** @type {Snapshot} */ (snapshotOf(fresh));
  snapshot.updating = true;
  try {
    const returned = /** @type {any} */ (change(fresh));
    if (typeof returned?.then !== 'function') return returned;
    lock.leave();
    return await endWithin(returned, adopted.timeout);
  } finally {
    snapshot.updating = false;
  }
}

/** @param {AdoptedStore} adopted @param {string} sid @returns {Promise<{ stored: Stored | undefined, clock: number }>} */
function read(adopted, sid) {
  return new Promise((resolve, reject) => {
    adopted.read(sid, (error, stored, clock) => (error ? reject(error) : resolve({ stored, clock })));
  });
}

/** @param {AdoptedStore} adopted @param {string} sid @param {any} session @param {Change} change @param {Methods} [methods] @param {Telling} [telling] */
async function updated(adopted, sid, session, change, methods, telling) {
  /** @type {Stored | undefined} */
  let stored;
  let clock = 0;
  let lock = NO_LOCK;
  // By the clock, not by how often: a thread that has just begun loses many times to one that is warm.
  const end = performance.now() + adopted.timeout;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const believesRead = attempt > TRIES;
      const found = stored;
      if (!lock.isHeld && (believesRead || adopted.commits.waitingFor(sid) > 0)) {
        // This process may write it without a pause. Then the others wait, but for no function that takes its time.
        lock = await take(adopted.commits, sid, adopted.timeout, { isNext: true });
        stored = undefined;
      }
      if (stored === undefined) ({ stored, clock } = await read(adopted, sid));
      if (stored === undefined) throw failure('ERR_SESSION_GONE');
      // A database may spell JSON in its own way, and compares with that.
      if (found && isSameJson(found.text, stored.text)) stored = { ...stored, text: found.text };
      const fresh = openFresh(adopted, sid, stored, clock, methods);
      // By its id alone: that may be a key, or a socket's.
      if (!session && !isBrowserSession(stored.text)) throw failure('ERR_SESSION_GONE');
      const result = await changed(adopted, fresh, change, lock);
      const written = () => session && rebase(session, fresh);
      const update = { session, written, believesRead, isHeld: lock.isHeld, telling };
      const outcome = await write(adopted, fresh, update);
      if (outcome === true) {
        holderOf(session?.req)?.updated(snapshotOf(fresh));
        return result;
      }
      if (typeof outcome !== 'string' || adopted.since(sid, clock) === 'gone')
        throw failure('ERR_SESSION_GONE');
      if (performance.now() > end) {
        const words = `An update() was tried ${attempt} times in ${adopted.timeout} ms (storeTimeout): others had written the session each time.`;
        throw failure('ERR_STORE_TIMEOUT', words);
      }
      // What the store hands out besides JSON is not in that.
      stored = stored.data === undefined ? { text: outcome } : undefined;
      clock = adopted.clock;
      // Where nothing has to be waited for, this thread has others to serve.
      if (attempt % YIELDS === 0) await nextTurn();
    }
  } catch (error) {
    lock.leave(error);
    throw error;
  } finally {
    lock.leave();
  }
}

/**
 * Writes what was changed, unless somebody else has written since it was read. An app's own `set` is called, and may call ours.
 *
 * @param {AdoptedStore} adopted @param {any} session @param {Update} update @returns {Promise<Outcome>}
 */
async function write(adopted, session, update) {
  const snapshot = /** @type {Snapshot} */ (snapshotOf(session));
  let isChanged;
  try {
    isChanged = snapshot.isChanged(snapshot.spell(session));
  } catch (error) {
    throw unsavable(error);
  }
  if (!isChanged) {
    // Where others have written meanwhile, the caller's session may have that already.
    if (!adopted.isOther(snapshot.sid, snapshot.stored, snapshot.clock)) update.written();
    return true;
  }
  snapshot.update = update;
  try {
    await new Promise((resolve, reject) => {
      commitSession(adopted, session, {}, (error) =>
        error && update.outcome === undefined ? reject(error) : resolve(undefined),
      );
    });
  } finally {
    snapshot.update = undefined;
  }
  if (update.outcome !== undefined) return update.outcome;
  // The app's `set` has written it in its own way.
  const mine = snapshot.spell(session);
  const { clock, sid } = snapshot;
  snapshot.wrote(session, mine, mine, adopted.since(sid, clock) === 'gone' ? clock : adopted.clock);
  update.written();
  return true;
}

/** Waits for the app's own promise, so long as a store may take: others wait for it. @param {any} returned @param {number} timeout ms @returns {Promise<any>} */
function endWithin(returned, timeout) {
  const failed = failure(
    'ERR_UPDATE_TIMEOUT',
    `The function of an update() did not end within ${timeout} ms (storeTimeout). One that waits for another update() of the same session never does.`,
  );
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, timeout, failed);
    const ended = Promise.resolve(returned).then(resolve, reject);
    ended.finally(() => clearTimeout(timer));
  });
}

module.exports.updateSession = updateSession;
