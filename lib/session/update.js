'use strict';

const { setTimeout } = require('node:timers');
const { setImmediate: turn } = require('node:timers/promises');
const { ask, NO_LINE } = require('../stores/ask.js');
const { merge } = require('../stores/commit.js');
const { failure } = require('../support/errors.js');
const { enter, leave } = require('../stores/lock.js');
const { originOf, sources } = require('./snapshot.js');
const { markOwn } = require('./own-session.js');
const { rebase } = require('./rebase.js');
const { sessionData } = require('./session-data.js');

/** After so many attempts in a row the event loop has a turn. */
const YIELDS = 10;

/**
 * A session as it is stored.
 *
 * @typedef {object} Stored
 * @property {any} data
 * @property {string} text
 * @property {number} version in an `EmbeddedStore`; else 0
 * @property {number} clock when its load began
 */

/**
 * Reads, changes and writes a session so that nothing comes between: where somebody has written meanwhile, it is read and
 * changed again. The updates and commits of a session wait for each other within a process.
 *
 * @param {import('../stores/adopted-store.js').AdoptedStore} adopted
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
  const origin = session && originOf(session);
  if (origin?.updating) {
    throw new TypeError('io-session: update() was called on the session that an update() is changing.');
  }
  if (session && (origin === undefined || origin.stored === null)) {
    // It is not stored yet: nobody else can write it, and it is saved as any new session is.
    await change(session);
    return session;
  }
  const late = await new Promise((/** @type {(error?: Error) => void} */ resolve, reject) => {
    if (!enter(adopted, sid, resolve)) reject(failure('ERR_OVERLOADED'));
  });
  try {
    if (late) throw late;
    const fresh = await changed(adopted, sid, change);
    if (session === undefined) return fresh;
    rebase(session, fresh, adopted.clock());
    return session;
  } finally {
    leave(adopted, sid);
  }
}

/**
 * @param {import('../stores/adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 * @param {(session: any) => unknown} change
 * @returns {Promise<any>} a fresh session that is what is stored now
 */
async function changed(adopted, sid, change) {
  let stored = await load(adopted, sid);
  // By the clock, not by how often: a thread that has just begun loses many times to one that is warm.
  const end = performance.now() + adopted.timeout;
  for (let attempt = 1; ; attempt += 1) {
    if (stored === undefined) throw failure('ERR_SESSION_GONE');
    const req = { sessionID: sid, sessionStore: adopted.store, session: undefined };
    const { data, text, clock, version } = stored;
    const isOwn = data.cookie.__io === true;
    const session = adopted.makeSession(req, data, text, clock, version);
    if (isOwn) markOwn(session, false);
    const origin = /** @type {import('./snapshot.js').Origin} */ (originOf(session));
    origin.updating = true;
    try {
      await inTime(change(session), adopted.timeout);
    } finally {
      origin.updating = false;
    }
    const outcome = await write(adopted, session, origin);
    if (outcome.written) return session;
    if (outcome.gone || adopted.since(sid, clock) === 'gone') throw failure('ERR_SESSION_GONE');
    if (performance.now() > end)
      throw new Error(`The session was written by others ${attempt} times while it was being updated.`);
    stored = found(outcome.current, adopted.clock(), outcome.version);
    // Where nothing has to be waited for, this thread has others to serve.
    if (attempt % YIELDS === 0) await turn();
  }
}

/**
 * Reads what is stored now.
 *
 * @param {import('../stores/adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 * @returns {Promise<Stored | undefined>}
 */
async function load(adopted, sid) {
  const clock = adopted.clock();
  if (adopted.isAtHand()) {
    const text = adopted.peek(sid);
    if (text === undefined || !adopted.table) return found(text, clock);
    const read = adopted.read(sid);
    return found(read.text, clock, read.version);
  }
  return new Promise((resolve, reject) => {
    adopted.get(sid, (error, given) => {
      if (error) {
        reject(error);
        return;
      }
      const data = sessionData(given);
      const text = data && (sources.get(data)?.text ?? JSON.stringify(data));
      resolve(data && { data, text, version: 0, clock });
    });
  });
}

/**
 * @param {string | undefined} text
 * @param {number} clock
 * @param {number} [version]
 * @returns {Stored | undefined}
 */
function found(text, clock, version = 0) {
  const data = text === undefined ? undefined : sessionData(JSON.parse(text));
  return data && { data, text: /** @type {string} */ (text), version, clock };
}

/**
 * Writes what was changed, unless somebody else has written since it was read.
 *
 * @param {import('../stores/adopted-store.js').AdoptedStore} adopted
 * @param {any} session
 * @param {import('./snapshot.js').Origin} origin
 * @returns {Promise<import('../stores/drivers/index.js').Outcome>}
 */
async function write(adopted, session, origin) {
  const { base, clock, sid, version } = origin;
  const mine = origin.spell(session);
  if (!origin.isChanged(mine)) return { written: true };
  const expected = /** @type {string} */ (origin.stored);
  const text = base === expected ? mine : merge(base, mine, expected);
  const renew = origin.renews(session);
  const commit = { sid, expected, text, mine, base, version, session, renew, clock };
  const outcome = await new Promise((resolve, reject) => {
    const done = (
      /** @type {unknown} */ error,
      /** @type {import('../stores/drivers/index.js').Outcome} */ ended,
    ) => (error ? reject(error) : resolve(ended));
    const { followed, store, timeout } = adopted;
    if (store.set === followed.set) {
      adopted.commitTo(adopted, { ...commit, trusting: false, merges: false, attempt: 1 }, done);
    } else {
      // Where the app has put its own `set` in place, it is the one to call.
      const answered = (/** @type {unknown} */ error) => done(error, { written: true });
      ask({ answered }, NO_LINE, timeout, store, 'set', sid, session);
    }
  });
  if (outcome.written) origin.wrote(session, mine, outcome.text ?? text, adopted.clock(), outcome.version);
  return outcome;
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
    timer = setTimeout(reject, timeout, failure('ERR_UPDATE_TIMEOUT'));
  });
  try {
    await Promise.race([returned, late]);
  } finally {
    clearTimeout(timer);
  }
}

module.exports.updateSession = updateSession;
