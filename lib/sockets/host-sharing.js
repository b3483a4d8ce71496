'use strict';

const { clientOf, connectionOf } = require('./client-connection.js');
const { socketAt, socketsOf } = require('./namespace-sockets.js');
const { roomOf, whenNamed } = require('./rooms.js');
const { Sharing } = require('./sharing.js');

/** Those that have sockets. @type {Set<HostSharing>} */
const busy = new Set();

/** What a Zappa app shares. Its sockets are found where Socket.IO has them. */
class HostSharing extends Sharing {
  /** @param {() => import('../support/options.js').Options} read gives the app's options, checked, when they are first needed */
  constructor(read) {
    super(read);
    /** The namespaces of its sockets. @type {Set<any>} */
    this.namespaces = new Set();
    const sharing = this;
    /** One listener for all sockets. */
    this.onDisconnect = /** @this {any} */ function () {
      sharing.connectionOf(this, clientOf(this)).disconnect();
    };
  }

  /**
   * The connection of a socket, made when there is none.
   *
   * @param {any} socket
   * @param {any} client the host's object for it
   */
  connectionOf(socket, client) {
    return connectionOf(this, socket, client);
  }

  /**
   * A socket is seen for the first time.
   *
   * @param {any} socket
   */
  meet(socket) {
    socket.on('disconnect', this.onDisconnect);
    this.namespaces.add(socket.nsp);
    busy.add(this);
  }

  /**
   * A socket has left: a namespace without any is forgotten.
   *
   * @param {any} namespace
   */
  forgetEmpty(namespace) {
    if (!socketsOf(namespace).next().done) return;
    this.namespaces.delete(namespace);
    if (this.namespaces.size === 0) busy.delete(this);
  }

  *boundSids() {
    for (const namespace of this.namespaces) {
      for (const socket of socketsOf(namespace)) {
        const sid = clientOf(socket)?.__session_id;
        if (sid !== undefined) yield sid;
      }
    }
  }

  /** @param {string} id of a socket */
  connectionAt(id) {
    for (const namespace of this.namespaces) {
      const socket = socketAt(namespace, id);
      const client = socket && clientOf(socket);
      if (client !== undefined) return this.connectionOf(socket, client);
    }
    return super.connectionAt(id);
  }
}

/** Every socket that is bound takes its session's room. */
function enterRooms() {
  for (const { namespaces } of busy) {
    for (const namespace of namespaces) {
      for (const socket of socketsOf(namespace)) {
        const sid = clientOf(socket)?.__session_id;
        if (sid !== undefined) socket.join(roomOf(sid));
      }
    }
  }
}

whenNamed(enterRooms);

module.exports.HostSharing = HostSharing;
