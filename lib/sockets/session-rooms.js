'use strict';

const { PREFIX } = require('./rooms.js');
const { isInRoom, isSocketId, put, rememberHiddenRoom } = require('./socket-io.js');

/** How `onError` knows it. */
const NAME = 'rooms';
/** The longest name of a room. */
const LONGEST = 400;
/** By such rooms a socket that may be recovered remembers which of its rooms it has from its session. */
const MARK = `${PREFIX}of:`;

/** @typedef {import('./connection.js').Connection} Connection */

/**
 * The rooms that the app wants a session's sockets to be in.
 *
 * @param {Connection} connection one of them
 * @param {import('../stores/stored.js').Stored} stored
 * @returns {string[]} none where the app's function throws, or gives no names of rooms
 */
function roomsFor(connection, stored) {
  const { adopted, methods, sharing, sid, socket } = connection;
  const { rooms } = sharing.options;
  if (rooms === undefined || sid === undefined) return [];
  try {
    const req = { sessionID: sid, sessionStore: adopted.store, session: undefined };
    const names = rooms(adopted.openSession(req, stored, adopted.clock(), methods));
    if (!Array.isArray(names)) throw wrong('it must return an array of names');
    for (const name of names) check(name, socket.nsp);
    return [...new Set(names)];
  } catch (error) {
    connection.report(error, NAME);
    return [];
  }
}

/** @param {any} name @param {any} namespace */
function check(name, namespace) {
  if (typeof name !== 'string' || name === '') throw wrong('a room must be a string that is not empty');
  if (name.length > LONGEST)
    throw wrong(`a room must be a string of at most ${LONGEST} characters, not ${name.length}`);
  if (name.startsWith(PREFIX)) throw wrong(`no room may begin with '${PREFIX}'`);
  if (isSocketId(namespace, name)) throw wrong('a room must not be the id of a socket');
}

/** @param {string} what */
function wrong(what) {
  return new TypeError(`io-session: the option 'rooms': ${what}.`);
}

/**
 * Has a socket be in these rooms, and in no other one that it has from its session.
 *
 * @param {Connection} connection
 * @param {string[]} names
 */
function correctRooms(connection, names) {
  const { socket } = connection;
  if (connection.hasLeft || (names.length === 0 && connection.rooms === undefined)) return;
  connection.rooms ??= followJoins(connection);
  const { rooms } = connection;
  for (const room of [...rooms]) {
    if (names.includes(room)) continue;
    rooms.delete(room);
    heard(connection, () => socket.leave(room));
  }
  for (const room of names) {
    // The app has joined it by itself, and leaves it by itself.
    if (rooms.has(room) || isInRoom(socket, room)) continue;
    heard(connection, () => socket.join(room));
    rooms.add(room);
  }
}

/**
 * Calls Socket.IO, whose adapter may answer by promise.
 *
 * @param {Connection} connection
 * @param {() => any} call
 */
function heard(connection, call) {
  const failed = (/** @type {unknown} */ error) => connection.report(error, NAME);
  try {
    const returned = call();
    if (typeof returned?.then === 'function') returned.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}

/**
 * Follows the app's own joins: a room that it joins as well is its own from then on.
 *
 * @param {Connection} connection
 * @returns {Set<string>} the rooms that the socket has from its session
 */
function followJoins(connection) {
  const { socket } = connection;
  /** @type {Set<string>} */
  const rooms = new Set();
  const { join } = socket;
  put(
    socket,
    'join',
    /** @this {any} @param {any} names @param {...any} rest */ function (names, ...rest) {
      const list = typeof names === 'string' ? [names] : [...(names ?? [])];
      for (const name of list) rooms.delete(name);
      return join.call(this, names, ...rest);
    },
  );
  return rooms;
}

/** A socket has lost its session, or is given back: it leaves the rooms that it has from there. @param {Connection} connection */
function leaveSessionRooms(connection) {
  if (connection.rooms !== undefined) correctRooms(connection, []);
}

/** A socket leaves that may be recovered. @param {Connection} connection */
function rememberSessionRooms({ rooms, socket }) {
  for (const room of rooms ?? []) rememberHiddenRoom(socket, MARK + room);
}

/**
 * A recovered socket has the rooms again that its former connection had.
 *
 * @param {Connection} connection
 * @param {string[]} hidden the hidden rooms among them
 */
function recoverSessionRooms(connection, hidden) {
  const names = hidden.filter((room) => room.startsWith(MARK)).map((room) => room.slice(MARK.length));
  if (names.length === 0) return;
  connection.rooms = followJoins(connection);
  for (const name of names) connection.rooms.add(name);
}

module.exports.correctRooms = correctRooms;
module.exports.leaveSessionRooms = leaveSessionRooms;
module.exports.recoverSessionRooms = recoverSessionRooms;
module.exports.rememberSessionRooms = rememberSessionRooms;
module.exports.roomsFor = roomsFor;
