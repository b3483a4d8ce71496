'use strict';

/**
 * Waits until no other commit or update of a session is under way in this process: each sees what the one before it has
 * written.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 * @param {() => void} start called at once where nobody is in front; it ends with `leave`
 */
function enter({ lanes }, sid, start) {
  const lane = lanes.get(sid);
  if (lane) lane.push(start);
  else {
    lanes.set(sid, []);
    start();
  }
}

/**
 * Lets the next one in.
 *
 * @param {import('./adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 */
function leave({ lanes }, sid) {
  const next = lanes.get(sid)?.shift();
  if (next) next();
  else lanes.delete(sid);
}

module.exports.enter = enter;
module.exports.leave = leave;
