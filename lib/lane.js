'use strict';

const { failure } = require('./failure.js');

/**
 * Waits until no other commit or update of a session is under way in this process: each sees what the one before it has
 * written. Not much longer than a store may take: where it fails those in front one by one, those behind need not be told
 * so one by one.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 * @param {(error?: Error) => void} start called at once where nobody is in front; it ends with `leave`
 */
function enter({ lanes, timeout }, sid, start) {
  const lane = lanes.get(sid);
  if (lane === undefined) {
    lanes.set(sid, []);
    start();
    return;
  }
  // An update in front may take so long for its function, and then for the store.
  const late = performance.now() + 2 * timeout;
  lane.push(() => {
    if (performance.now() < late) start();
    else {
      const error = failure(
        'ERR_STORE_TIMEOUT',
        `The session store did not answer within ${2 * timeout} ms.`,
      );
      start(error);
    }
  });
}

/**
 * Lets the next one in.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 */
function leave({ lanes }, sid) {
  const next = lanes.get(sid)?.shift();
  // Not one inside of the other: there may be thousands, and of a session that is gone each ends at once.
  if (next) process.nextTick(next);
  else lanes.delete(sid);
}

module.exports.enter = enter;
module.exports.leave = leave;
