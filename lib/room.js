'use strict';

const { createHash } = require('node:crypto');

const PREFIX = 'io-session:';

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
  // Half of the hash is more than enough to tell sessions apart.
  return `${PREFIX}${createHash('sha256').update(sid).digest('base64url').slice(0, 22)}`;
}

/** Whether a room is some session's. @param {unknown} room */
function isSessionRoom(room) {
  return typeof room === 'string' && room.startsWith(PREFIX);
}

module.exports.isSessionRoom = isSessionRoom;
module.exports.sessionRoom = sessionRoom;
