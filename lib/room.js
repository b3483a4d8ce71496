'use strict';

const { createHash } = require('node:crypto');

const PREFIX = 'io-session:';
/** The length of a room's name. */
const LENGTH = PREFIX.length + 22;

/**
 * The Socket.IO room that every socket of a session is in: `io.to(sessionRoom(req.session.id)).emit(…)` reaches all
 * of them, in every process that Socket.IO's adapter connects. The name is a hash and gives the id away to nobody.
 *
 * @param {string} sid
 * @returns {string}
 */
function sessionRoom(sid) {
  if (typeof sid !== 'string' || sid === '') {
    throw new TypeError('io-session: sessionRoom(sid): the session id must be a string that is not empty.');
  }
  const name = `${PREFIX}${createHash('sha256').update(sid).digest('base64url')}`;
  // Half of the hash is more than enough to tell sessions apart. A string of its own: Socket.IO keeps it for as long as the
  // socket lives, and a slice would keep the whole.
  return Buffer.from(name, 'latin1').toString('latin1', 0, LENGTH);
}

/** Whether a room is some session's. @param {unknown} room */
function isSessionRoom(room) {
  return typeof room === 'string' && room.startsWith(PREFIX);
}

module.exports.isSessionRoom = isSessionRoom;
module.exports.sessionRoom = sessionRoom;
