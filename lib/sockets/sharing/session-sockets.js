'use strict';

const { sessionRoom } = require('../rooms.js');
const { idsIn, reachesOthers } = require('../socket-io.js');

/** @import { SocketSharing } from './socket-sharing.js' */

/** Every socket of one session, in every process that Socket.IO's adapter or the app's emitter reaches. */
class SessionSockets {
  /** @param {SocketSharing} sharing @param {string} sid */
  constructor(sharing, sid) {
    this.room = sessionRoom(sid, 'sharing.to(sid)');
    const namespaces = [...sharing.namespaces.keys()];
    // What reaches them by itself needs no emitter: they would hear everything twice.
    const reached = new Set(namespaces.filter(reachesOthers).map(({ name }) => name));
    const emitters = sharing.options.emitter.filter(({ nsp }) => !reached.has(nsp));
    /** Who has rooms: the namespaces served here and, for those of other processes, the emitters. @type {any[]} */
    this.senders = [...namespaces, ...emitters];
  }

  /** @param {string} event @param {...any} args @returns {boolean} */
  emit(event, ...args) {
    for (const sender of this.senders) sender.to(this.room).emit(event, ...args);
    return true;
  }

  /** @param {boolean} [close] */
  disconnect(close = false) {
    for (const sender of this.senders) {
      if (typeof sender.disconnectSockets === 'function') sender.in(this.room).disconnectSockets(close);
      // Socket.IO 2: those of this process.
      else for (const id of idsIn(sender, this.room)) sender.sockets[id]?.disconnect(close);
    }
  }
}

module.exports.SessionSockets = SessionSockets;
