'use strict';

const { sessionRoom } = require('./room.js');

/** Every socket of one session, in every process that Socket.IO's adapter or the app's emitter reaches. */
class SessionSockets {
  /**
   * @param {import('./socket-sharing.js').SocketSharing} sharing
   * @param {string} sid
   */
  constructor(sharing, sid) {
    this.room = sessionRoom(sid);
    const { emitter } = sharing.options;
    /** Who has rooms: the namespaces served here and, where it is one without Socket.IO, the emitter. @type {any[]} */
    this.senders = [...sharing.namespaces.keys(), ...(emitter ? [emitter] : [])];
  }

  /**
   * @param {string} event
   * @param {...any} args
   * @returns {boolean}
   */
  emit(event, ...args) {
    for (const sender of this.senders) sender.to(this.room).emit(event, ...args);
    return true;
  }

  /** @param {boolean} [close] */
  disconnect(close = false) {
    for (const sender of this.senders) {
      if (typeof sender.disconnectSockets === 'function') sender.in(this.room).disconnectSockets(close);
      // Socket.IO 2: those of this process.
      else
        for (const id of Object.keys(sender.adapter.rooms[this.room]?.sockets ?? {}))
          sender.sockets[id]?.disconnect(close);
    }
  }
}

module.exports.SessionSockets = SessionSockets;
