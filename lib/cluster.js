'use strict';

const { sessionRoom } = require('./room.js');
const { sharedBy } = require('./shared-socket.js');

/** By which the processes of a cluster tell each other that a session has ended. */
const END = 'io-session:end';
const REASONS = ['destroy', 'regenerate'];

/**
 * Tells the other processes when this one has ended a session, by Socket.IO's adapter, or by the app's emitter. They are
 * told the name of its room, which does not give its id away.
 *
 * @param {import('./socket-sharing.js').SocketSharing} sharing
 * @param {import('./adopted-store.js').SessionEnded} end
 */
function spreadEnd(sharing, { elsewhere, reason, sid }) {
  if (elsewhere) return;
  const room = sessionRoom(sid);
  try {
    for (const namespace of sharing.namespaces.keys()) {
      if (reachesOthers(namespace)) namespace.serverSideEmit(END, room, reason);
    }
    sharing.options.emitter?.serverSideEmit(END, room, reason);
  } catch (error) {
    // Their next event notices; the logout itself has succeeded.
    sharing.report(error, {});
  }
}

/**
 * Hears of the sessions that other processes have ended.
 *
 * @param {import('./socket-sharing.js').SocketSharing} sharing
 * @param {any} namespace
 * @returns {() => void} ends it
 */
function hearEnds(sharing, namespace) {
  if (typeof namespace.serverSideEmit !== 'function') return () => {};
  const hear = (/** @type {unknown} */ room, /** @type {unknown} */ reason) => {
    if (typeof room !== 'string' || !REASONS.includes(String(reason))) return;
    // All of one session: the first tells which.
    for (const id of namespace.adapter.rooms.get(room) ?? []) {
      const sid = sharedBy(namespace.sockets.get(id))?.sid;
      if (sid === undefined || sessionRoom(sid) !== room) continue;
      sharing.adopted?.end(sid, /** @type {'destroy' | 'regenerate'} */ (reason), true);
      return;
    }
  };
  namespace.on(END, hear);
  return () => namespace.off(END, hear);
}

/**
 * Whether a namespace's adapter reaches other processes. Socket.IO's own, which keeps everything in this one, has the method
 * too, and complains when it is called.
 *
 * @param {any} namespace
 */
function reachesOthers({ adapter }) {
  for (let owner = adapter; owner; owner = Object.getPrototypeOf(owner)) {
    if (Object.hasOwn(owner, 'serverSideEmit')) return owner.constructor?.name !== 'Adapter';
  }
  return false;
}

module.exports.hearEnds = hearEnds;
module.exports.spreadEnd = spreadEnd;
