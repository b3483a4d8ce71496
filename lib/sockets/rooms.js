'use strict';

const { createHash } = require('node:crypto');

const PREFIX = 'io-session:';
/** The length of a room's name. */
const LENGTH = PREFIX.length + 22;

/**
 * What is known of rooms in this process, which may have several copies of this module: an app's, and its host's.
 *
 * @type {{ named: boolean, onNamed: (() => void)[] }} whether somebody has asked for a name; what is called at the first time
 */
const rooms = known(Symbol.for('io-session.rooms'));

/** @param {symbol} name */
function known(name) {
  const place = /** @type {any} */ (globalThis);
  place[name] ??= { named: false, onNamed: [] };
  return place[name];
}

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
 * The Socket.IO room that every socket of a session is in: `io.to(sessionRoom(req.session.id)).emit(…)` reaches all
 * of them, in every process that Socket.IO's adapter connects.
 *
 * A room takes some 240 bytes of a socket, and most apps send to none. So, as long as nobody has asked for the name of one,
 * sockets are in theirs only where other processes may send to it.
 *
 * @param {string} sid
 * @returns {string}
 */
function sessionRoom(sid) {
  if (typeof sid !== 'string' || sid === '') {
    throw new TypeError('io-session: sessionRoom(sid): the session id must be a string that is not empty.');
  }
  if (!rooms.named) {
    rooms.named = true;
    for (const enter of rooms.onNamed) enter();
  }
  return roomOf(sid);
}

/**
 * Whether a socket of a namespace has to be in its session's room.
 *
 * @param {any} namespace
 */
function needsRoom({ adapter }) {
  return rooms.named || !staysInProcess(adapter);
}

/**
 * Whether it is Socket.IO's own adapter of one process, and none that is made of it.
 *
 * @param {any} adapter
 */
function staysInProcess(adapter) {
  const prototype = Object.getPrototypeOf(adapter);
  return prototype.constructor?.name === 'Adapter' && Object.hasOwn(prototype, 'delAll');
}

/** @param {() => void} enter called when a room's name is asked for the first time: the sockets that are bound enter theirs */
function whenNamed(enter) {
  rooms.onNamed.push(enter);
}

/** Whether a room is some session's. @param {unknown} room */
function isSessionRoom(room) {
  return typeof room === 'string' && room.startsWith(PREFIX);
}

module.exports.isSessionRoom = isSessionRoom;
module.exports.needsRoom = needsRoom;
module.exports.roomOf = roomOf;
module.exports.sessionRoom = sessionRoom;
module.exports.whenNamed = whenNamed;
