'use strict';

const { failure } = require('../support/errors.js');

/** How many may wait for their turn with one session, or for one socket to be known. A client can make its own wait, as fast as it sends events. */
const MOST = 10_000;
/** How many in one store. Who has a session to itself waits for nobody. */
const MOST_IN_ALL = 65_536;

/**
 * Whether no more may wait.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {number} length how many wait already in the same place
 */
function isFull(adopted, length) {
  return length >= MOST || adopted.waiting >= MOST_IN_ALL;
}

/**
 * Waits until no other commit or update of a session is under way in this process: each sees what the one before it has
 * written. Not much longer than a store may take: where it fails those in front one by one, those behind need not be told
 * so one by one.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 * @param {(error?: Error, stored?: string) => void} start called at once where nobody is in front, else with what the one in
 *   front has written; it ends with `leave`
 * @returns {boolean} false where too many wait already: `start` is not called, and there is nothing to leave
 */
function enter(adopted, sid, start) {
  const { lanes, timeout } = adopted;
  const lane = lanes.get(sid);
  if (lane === undefined) {
    lanes.set(sid, []);
    start();
    return true;
  }
  if (isFull(adopted, lane.length)) return false;
  adopted.waiting += 1;
  // An update in front may take so long for its function, and then for the store.
  const late = performance.now() + 2 * timeout;
  lane.push((stored) => {
    if (performance.now() < late) start(undefined, stored);
    else {
      const error = failure(
        'ERR_STORE_TIMEOUT',
        `The session store did not answer within ${2 * timeout} ms.`,
      );
      start(error);
    }
  });
  return true;
}

/**
 * Lets the next one in.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 * @param {string} [stored] the text that was written
 */
function leave(adopted, sid, stored) {
  const { lanes } = adopted;
  const next = lanes.get(sid)?.shift();
  if (next === undefined) {
    lanes.delete(sid);
    return;
  }
  adopted.waiting -= 1;
  // Not one inside of the other: there may be thousands, and of a session that is gone each ends at once.
  process.nextTick(next, stored);
}

module.exports.enter = enter;
module.exports.isFull = isFull;
module.exports.leave = leave;
