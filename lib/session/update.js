'use strict';

const { setTimeout } = require('node:timers');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { ask, NO_QUEUE } = require('../stores/ask.js');
const { commitUpdate, updates } = require('../stores/commit.js');
const { failure } = require('../support/errors.js');
const { snapshotOf } = require('./snapshot.js');
const { copyOfSession } = require('../stores/stored.js');
const { markOwn } = require('./own-session.js');
const { rebase } = require('./rebase.js');

/** @typedef {import('../stores/adopted-store.js').AdoptedStore} AdoptedStore */
/** @typedef {import('../stores/drivers/index.js').Outcome} Outcome */

/** After so many attempts in a row a store that cannot compare is no longer believed to be written by others. */
const TRIES = 3;
/** After so many attempts in a row the event loop goes on with other things. */
const YIELDS = 10;

/**
 * Reads, changes and writes a session so that nothing comes between: where somebody has written meanwhile, it is read and
 * changed again. The updates of a session wait for each other within a process. No commit waits for the app's function.
 *
 * @param {AdoptedStore} adopted
 * @param {string} sid
 * @param {any} session the caller's own `Session`, which has what was written afterwards, and keeps what it has not saved
 *   yet; undefined where there is none
 * @param {(session: any) => unknown} change is given a fresh `Session`; may be called more than once
 * @returns {Promise<any>} `session`, or else the fresh one
 */
async function updateSession(adopted, sid, session, change) {
  if (typeof change !== 'function') {
    throw new TypeError('io-session: update(fn) takes a function, which is given the session to change.');
  }
  const snapshot = session && snapshotOf(session);
  if (snapshot?.updating) {
    throw new TypeError('io-session: update() was called on the session that an update() is changing.');
  }
  if (session && (snapshot === undefined || snapshot.stored === null)) {
    // It is not stored yet: nobody else can write it, and it is saved as any new session is.
    await change(session);
    return session;
  }
  const { timeout } = adopted;
  // The one in front may take so long for its function, and then for the store.
  const late = await new Promise((/** @type {(error?: Error) => void} */ resolve, reject) => {
    if (!adopted.updates.enter(sid, 2 * timeout, resolve)) reject(failure('ERR_OVERLOADED'));
  });
  try {
    if (late) throw late;
    return await updated(adopted, sid, session, change);
  } finally {
    adopted.updates.leave(sid);
  }
}

/**
 * @param {AdoptedStore} adopted
 * @param {string} sid
 * @param {any} session
 * @param {(session: any) => unknown} change
 * @returns {Promise<any>} a session that is what is stored now
 */
async function updated(adopted, sid, session, change) {
  let { stored, clock } = await load(adopted, sid);
  // By the clock, not by how often: a thread that has just begun loses many times to one that is warm.
  const end = performance.now() + adopted.timeout;
  for (let attempt = 1; ; attempt += 1) {
    if (stored === undefined) throw failure('ERR_SESSION_GONE');
    const fresh = open(adopted, sid, stored, clock);
    const snapshot = /** @type {import('./snapshot.js').Snapshot} */ (snapshotOf(fresh));
    snapshot.updating = true;
    try {
      await inTime(change(fresh), adopted.timeout);
    } finally {
      snapshot.updating = false;
    }
    const written = () => session && rebase(session, fresh, adopted.clock());
    const outcome = await write(adopted, fresh, session, written, attempt > TRIES);
    if (outcome === true) return session ?? fresh;
    if (typeof outcome !== 'string' || adopted.since(sid, clock) === 'gone')
      throw failure('ERR_SESSION_GONE');
    if (performance.now() > end)
      throw new Error(`The session was written by others ${attempt} times while it was being updated.`);
    stored = { text: outcome };
    clock = adopted.clock();
    // Where nothing has to be waited for, this thread has others to serve.
    if (attempt % YIELDS === 0) await nextTurn();
  }
}

/**
 * Reads what is stored now.
 *
 * @param {AdoptedStore} adopted
 * @param {string} sid
 * @returns {Promise<{ stored: import('../stores/stored.js').Stored | undefined, clock: number }>}
 */
async function load(adopted, sid) {
  const clock = adopted.clock();
  if (adopted.isAtHand()) {
    const text = adopted.readText(sid);
    return { stored: text === undefined ? undefined : { text }, clock };
  }
  return new Promise((resolve, reject) => {
    adopted.load(sid, {}, (error, stored) => (error ? reject(error) : resolve({ stored, clock })));
  });
}

/**
 * Makes a fresh `Session` for the app's function.
 *
 * @param {AdoptedStore} adopted
 * @param {string} sid
 * @param {import('../stores/stored.js').Stored} stored
 * @param {number} clock
 */
function open(adopted, sid, { text, data }, clock) {
  const req = { sessionID: sid, sessionStore: adopted.store, session: undefined };
  const given = data === undefined ? JSON.parse(text) : copyOfSession(data, text);
  const isOwn = given.cookie.__io === true;
  const session = adopted.makeSession(req, given, text, clock);
  if (isOwn) markOwn(session, false);
  adopted.methods?.give(session);
  return session;
}

/**
 * Writes what was changed, unless somebody else has written since it was read.
 *
 * @param {AdoptedStore} adopted
 * @param {any} session
 * @param {any} caller the session of the caller, if it has one
 * @param {() => void} written called when what is stored is what the session says, before anybody else writes it
 * @param {boolean} isTold whether it has lost so often that the store may hand out another text each time
 * @returns {Promise<Outcome>}
 */
async function write(adopted, session, caller, written, isTold) {
  const snapshot = /** @type {import('./snapshot.js').Snapshot} */ (snapshotOf(session));
  if (!snapshot.isChanged(snapshot.spell(session))) {
    written();
    return true;
  }
  const { followed, store, timeout } = adopted;
  /** @type {import('../stores/commit.js').Update} */
  const update = { session: caller, written, isTold };
  // Where the app has put its own `set` in place, it is the one to call; it may call ours with this session.
  updates.set(session, update);
  try {
    await new Promise((resolve, reject) => {
      const answered = (/** @type {unknown} */ error) =>
        error && update.outcome === undefined ? reject(error) : resolve(undefined);
      if (store.set === followed.set) commitUpdate(adopted, session, update, answered);
      else ask({ answered }, NO_QUEUE, timeout, store, 'set', snapshot.sid, session);
    });
  } finally {
    updates.delete(session);
  }
  if (update.outcome !== undefined) return update.outcome;
  // The app's `set` has written it in its own way.
  const mine = snapshot.spell(session);
  snapshot.wrote(session, mine, mine, adopted.clock());
  written();
  return true;
}

/**
 * Waits for the app's own promise, so long as a store may take: others wait for it.
 *
 * @param {any} returned
 * @param {number} timeout ms
 */
async function inTime(returned, timeout) {
  if (typeof returned?.then !== 'function') return;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, timeout, tookTooLong(timeout));
  });
  try {
    await Promise.race([returned, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** @param {number} timeout ms */
function tookTooLong(timeout) {
  return failure(
    'ERR_UPDATE_TIMEOUT',
    `The function of an update() did not end within ${timeout} ms (storeTimeout). One that waits for another update() of the same session never does.`,
  );
}

module.exports.updateSession = updateSession;
