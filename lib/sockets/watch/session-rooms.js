'use strict';

const { guard } = require('../../support/errors.js');
const { PREFIX } = require('../rooms.js');
const { isInRoom, isSocketId, put, rememberRoom } = require('../socket-io.js');

/** @import { Connection } from '../connection.js' */

/** How `onError` knows it. */
const NAME = 'rooms';
/** The longest name of a room. */
const LONGEST = 400;
/** By such rooms a socket that may be recovered remembers which of its rooms it has from its session. */
const MARK = `${PREFIX}of:`;

/**
 * The rooms that the app wants a session's sockets to be in.
 * @param {Connection} connection one of them @param {string} text the session's
 * @returns {string[]} none where the app's function throws, or gives no names of rooms
 */
function roomsFor(connection, text) {
  const { adopted, sharing, sid, socket } = connection;
  const { rooms } = sharing.options;
  if (rooms === undefined || sid === undefined) return [];
  try {
    const session = adopted.openSession(adopted.requestFor(sid), { text }, adopted.clock, sharing.methods);
    const names = /** @type {any} */ (rooms(session));
    if (typeof names?.then === 'function') {
      Promise.resolve(names).catch(() => {});
      throw wrong('it must return an array of names, and no promise for one');
    }
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

/** Has a socket be in these rooms of its session, and in no other. @param {Connection} connection @param {string[]} names */
function correctRooms(connection, names) {
  const { socket } = connection;
  if (connection.hasLeft || (names.length === 0 && connection.rooms === undefined)) return;
  connection.rooms ??= followJoins(socket);
  const { rooms } = connection;
  // Socket.IO's adapter may answer by promise.
  const failed = (/** @type {unknown} */ error) => connection.report(error, NAME);
  const join = (/** @type {string} */ room) => guard(() => socket.join(room), failed);
  for (const room of [...rooms]) {
    if (names.includes(room)) continue;
    rooms.delete(room);
    guard(() => socket.leave(room), failed);
  }
  // As in Socket.IO, the first room of a socket that is connecting is its own.
  if (names.length > 0 && !isInRoom(socket, socket.id)) join(socket.id);
  for (const room of names) {
    // The app may have joined it by itself, and leaves it by itself then.
    if (isInRoom(socket, room)) continue;
    join(room);
    rooms.add(room);
  }
}

/** Follows the app's own joins: a room that it joins as well is its own from then on. @param {any} socket */
function followJoins(socket) {
  /** Those that the socket has from its session. @type {Set<string>} */
  const rooms = new Set();
  const { join } = socket;
  put(socket, 'join', function (names, ...rest) {
    for (const name of typeof names === 'string' ? [names] : (names ?? [])) rooms.delete(name);
    return join.call(this, names, ...rest);
  });
  return rooms;
}

/** A socket has lost its session, or is given back: it leaves the rooms that it has from there. @param {Connection} connection */
function leaveSessionRooms(connection) {
  if (connection.rooms !== undefined) correctRooms(connection, []);
}

/** A socket leaves that may be recovered. @param {Connection} connection */
function rememberSessionRooms({ rooms, socket }) {
  for (const room of rooms ?? []) rememberRoom(socket, MARK + room);
}

/** A recovered socket has its former rooms again. @param {Connection} connection @param {string[]} hidden those of ours */
function recoverSessionRooms(connection, hidden) {
  const names = hidden.filter((room) => room.startsWith(MARK)).map((room) => room.slice(MARK.length));
  if (names.length === 0) return;
  connection.rooms = followJoins(connection.socket);
  for (const name of names) connection.rooms.add(name);
}

module.exports = { correctRooms, leaveSessionRooms, recoverSessionRooms, rememberSessionRooms, roomsFor };
