'use strict';

/**
 * The sockets of a namespace: a Map in Socket.IO 3 and 4, an object in 2.
 *
 * @param {any} namespace
 * @returns {Generator<any>}
 */
function* socketsOf({ sockets }) {
  if (sockets instanceof Map) yield* sockets.values();
  else for (const id in sockets) yield sockets[id];
}

/**
 * The socket of this id in a namespace.
 *
 * @param {any} namespace
 * @param {string} id
 * @returns {any} undefined where there is none
 */
function socketAt({ sockets }, id) {
  return sockets instanceof Map ? sockets.get(id) : sockets[id];
}

module.exports.socketAt = socketAt;
module.exports.socketsOf = socketsOf;
