'use strict';

const { roomOf } = require('../rooms.js');
const { idsIn, reachesOthers } = require('../socket-io.js');

/** @typedef {import('./socket-sharing.js').SocketSharing} SocketSharing */

/** By which the processes of a cluster tell each other that a session has ended. */
const END = 'io-session:end';
/** By which they tell each other that a session has changed. */
const CHANGE = 'io-session:change';
const REASONS = ['destroy', 'regenerate'];

/**
 * Tells the other processes that this one has ended a session, by Socket.IO's adapter, or by the app's emitters: on the main
 * namespace, which every server has. They are told the name of the session's room, which does not give its id away.
 *
 * @param {SocketSharing} sharing
 * @param {import('../../stores/adopted-store.js').SessionEnded} end
 */
function spreadEnd(sharing, { reason, sid }) {
  spread(sharing, END, roomOf(sid), reason);
}

/**
 * Tells the other processes that this one has changed a session: those that have sockets of it look it up.
 *
 * @param {SocketSharing} sharing
 * @param {string} sid
 */
function spreadChange(sharing, sid) {
  spread(sharing, CHANGE, roomOf(sid));
}

/** @param {SocketSharing} sharing @param {...any} message */
function spread(sharing, ...message) {
  const mains = [...sharing.mains.keys()].filter(reachesOthers);
  try {
    for (const sender of [...mains, ...sharing.options.emitter.map((emitter) => emitter.of('/'))]) {
      sender.serverSideEmit(...message);
    }
  } catch (error) {
    // Their next event or look-up notices; what this process has done has succeeded.
    sharing.report(error, {});
  }
}

/**
 * Hears of the sessions that other processes have ended.
 *
 * @param {SocketSharing} sharing
 * @param {any} main the main namespace of a server
 * @returns {() => void} ends it
 */
function hearEnds(sharing, main) {
  const hear = (/** @type {unknown} */ room, /** @type {unknown} */ reason) => {
    if (typeof room !== 'string' || !REASONS.includes(String(reason))) return;
    // A socket that is being bound right now, to what was loaded before.
    sharing.endedElsewhere.add(room);
    setTimeout(() => sharing.endedElsewhere.delete(room), sharing.options.storeTimeout).unref();
    const sid = sidIn(sharing, room);
    if (sid !== undefined) sharing.adopted?.end(sid, /** @type {'destroy' | 'regenerate'} */ (reason));
  };
  main.on(END, hear);
  return () => main.off(END, hear);
}

/**
 * Hears of the sessions that other processes have changed.
 *
 * @param {SocketSharing} sharing
 * @param {any} main the main namespace of a server
 * @returns {() => void} ends it
 */
function hearChanges(sharing, main) {
  const hear = (/** @type {unknown} */ room) => {
    const sid = typeof room === 'string' ? sidIn(sharing, room) : undefined;
    if (sid !== undefined) sharing.watch.changedElsewhere(sid);
  };
  main.on(CHANGE, hear);
  return () => main.off(CHANGE, hear);
}

/**
 * Whose room it is, as far as a socket of this process is in it.
 *
 * @param {SocketSharing} sharing
 * @param {string} room
 * @returns {string | undefined}
 */
function sidIn(sharing, room) {
  for (const namespace of sharing.namespaces.keys()) {
    for (const id of idsIn(namespace, room)) {
      const sid = sharing.connections.get(id)?.sid;
      if (sid !== undefined && roomOf(sid) === room) return sid;
    }
  }
  return undefined;
}

module.exports.hearChanges = hearChanges;
module.exports.hearEnds = hearEnds;
module.exports.spreadChange = spreadChange;
module.exports.spreadEnd = spreadEnd;
