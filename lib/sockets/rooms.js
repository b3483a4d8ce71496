'use strict';

const { createHash } = require('node:crypto');
const { enterHiddenRoom, hideRooms, leaveHiddenRoom, rememberHiddenRoom } = require('./socket-io.js');

const PREFIX = 'io-session:';
/** The length of a room's name. */
const LENGTH = PREFIX.length + 22;

/**
 * The name of a session's room: a hash, which gives the id away to nobody.
 *
 * @param {string} sid
 * @returns {string}
 */
function roomOf(sid) {
  const name = `${PREFIX}${createHash('sha256').update(sid).digest('base64url')}`;
  // Half of the hash is more than enough to tell sessions apart. A string of its own: Socket.IO keeps it for as long as the
  // socket lives, and a slice would keep the whole.
  return Buffer.from(name, 'latin1').toString('latin1', 0, LENGTH);
}

/**
 * The Socket.IO room of a session's sockets: `io.to(sessionRoom(req.session.id)).emit(…)` reaches all of them, in every
 * process that Socket.IO's adapter connects. See index.d.ts.
 *
 * @param {string} sid
 * @returns {string}
 */
function sessionRoom(sid) {
  if (typeof sid !== 'string' || sid === '') {
    throw new TypeError('io-session: sessionRoom(sid): the session id must be a string that is not empty.');
  }
  return roomOf(sid);
}

/** @param {any} socket @param {string} sid */
function enterRoom(socket, sid) {
  enterHiddenRoom(socket, roomOf(sid));
}

/** @param {any} socket @param {string} sid */
function leaveRoom(socket, sid) {
  leaveHiddenRoom(socket, roomOf(sid));
}

/** A socket that may be recovered leaves. @param {any} socket @param {string} sid */
function rememberRoom(socket, sid) {
  rememberHiddenRoom(socket, roomOf(sid));
}

/**
 * Hides the session rooms that a recovered socket has from before.
 *
 * @param {any} socket
 * @returns {{ former: string[], leave: (sid: string | undefined) => void }} those rooms, and how to leave all but its session's
 */
function formerRooms(socket) {
  const former = hideRooms(socket, (room) => room.startsWith(PREFIX));
  const leave = (/** @type {string | undefined} */ sid) => {
    for (const room of former) if (sid === undefined || room !== roomOf(sid)) leaveHiddenRoom(socket, room);
  };
  return { former, leave };
}

module.exports.PREFIX = PREFIX;
module.exports.enterRoom = enterRoom;
module.exports.formerRooms = formerRooms;
module.exports.rememberRoom = rememberRoom;
module.exports.leaveRoom = leaveRoom;
module.exports.roomOf = roomOf;
module.exports.sessionRoom = sessionRoom;
