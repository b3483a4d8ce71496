'use strict';

const { createHash } = require('node:crypto');

/** How the names of our rooms begin. */
const PREFIX = 'io-session:';
/** The length of the name of a session's room. */
const LENGTH = PREFIX.length + 22;

/** The name of a session's room: a hash, which gives the id away to nobody. @param {string} sid @returns {string} */
function roomOf(sid) {
  const name = `${PREFIX}${createHash('sha256').update(sid).digest('base64url')}`;
  // Half of the hash is more than enough to tell sessions apart. A string of its own: Socket.IO keeps it for as long as the
  // socket lives, and a slice would keep the whole.
  return Buffer.from(name, 'latin1').toString('latin1', 0, LENGTH);
}

/**
 * The Socket.IO room of a session's sockets: `io.to(sessionRoom(req.session.id)).emit(…)` reaches all of them, in every
 * process that Socket.IO's adapter connects. See index.d.ts.
 * @param {string} sid @param {string} [call] how the app has called it, for the error @returns {string}
 */
function sessionRoom(sid, call = 'sessionRoom(sid)') {
  if (typeof sid !== 'string' || sid === '')
    throw new TypeError(`io-session: ${call}: the session id must be a string that is not empty.`);
  return roomOf(sid);
}

module.exports = { PREFIX, roomOf, sessionRoom };
