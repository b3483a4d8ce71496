'use strict';

const { Connection } = require('./connection.js');

/** @typedef {import('./sharing/sharing.js').Sharing} Sharing */

/** Where a socket has its connection. */
const CONNECTION = Symbol('io-session connection');

/** A connection of a Zappa host, whose client object holds the binding, as `__session_id`. */
class HostConnection extends Connection {
  /** @param {Sharing} sharing @param {any} socket @param {any} client the host's object for the connection */
  constructor(sharing, socket, client) {
    super(sharing, socket);
    this.client = client;
  }

  get sid() {
    // Asked by the constructor of `Connection` before there is a client.
    return this.client?.__session_id;
  }

  set sid(sid) {
    if (sid === undefined) delete this.client.__session_id;
    else this.client.__session_id = sid;
  }
}

/**
 * The connection of a host's socket, made at its first event.
 *
 * @param {Sharing} sharing
 * @param {any} socket
 * @param {any} client
 * @returns {HostConnection}
 */
function hostConnection(sharing, socket, client) {
  const known = socket[CONNECTION];
  if (known !== undefined) {
    // The app may have named another store since.
    known.adopted = sharing.adopted;
    return known;
  }
  const connection = new HostConnection(sharing, socket, client);
  Object.defineProperty(socket, CONNECTION, { value: connection });
  sharing.connections.set(socket.id, connection);
  // Behind the host's own listener, which was there first.
  socket.on('disconnect', () => connection.leave());
  return connection;
}

module.exports.hostConnection = hostConnection;
