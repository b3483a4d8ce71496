'use strict';

const { Connection, connections } = require('./connection.js');

/** Where a socket has its host's client object or, while there is more to know of it than that one knows, its connection. */
const PLACE = Symbol('io-session connection');

/**
 * A connection of a host that has a client object for each. It is there while it is needed: a bound socket of which no
 * event waits is nothing but the client object, which holds its binding.
 */
class ClientConnection extends Connection {
  /**
   * @param {import('./host-sharing.js').HostSharing} sharing
   * @param {any} socket
   * @param {any} client
   */
  constructor(sharing, socket, client) {
    super(sharing, socket);
    this.sharing = sharing;
    /** It holds the binding, as `__session_id`. */
    this.client = client;
    socket[PLACE] = this;
  }

  get sid() {
    return this.client.__session_id;
  }

  set sid(sid) {
    if (sid === undefined) delete this.client.__session_id;
    else this.client.__session_id = sid;
  }

  /** The one that the socket has now: an event that runs for long may have another. @returns {ClientConnection} */
  get current() {
    const place = this.socket[PLACE];
    return place instanceof ClientConnection ? place : this;
  }

  /** Gives its place back, if there is nothing to know. */
  rest() {
    if (this.loading > 0 || this.failed > 0 || this.written || this.disconnected) return;
    this.leaveLine();
    this.socket[PLACE] = this.client;
  }

  /** @param {string} reason */
  end(reason) {
    super.end(reason);
    this.rest();
  }

  wrote() {
    const { current, socket } = this;
    current.written = true;
    socket[PLACE] = current;
  }

  forgive() {
    super.forgive();
    this.rest();
  }

  loaded() {
    super.loaded();
    this.rest();
  }

  disconnect() {
    connections.set(this.id, this);
    super.disconnect();
  }

  hasLeft() {
    return this.current.gone;
  }

  leave() {
    super.leave();
    if (this.gone) this.sharing.forgetEmpty(this.socket.nsp);
  }
}

/**
 * The connection of a socket, made when there is none.
 *
 * @param {import('./host-sharing.js').HostSharing} sharing
 * @param {any} socket
 * @param {any} client
 * @returns {ClientConnection}
 */
function connectionOf(sharing, socket, client) {
  const place = socket[PLACE];
  if (place instanceof ClientConnection) return place;
  if (place === undefined) {
    Object.defineProperty(socket, PLACE, { writable: true, value: client });
    sharing.meet(socket);
  }
  return new ClientConnection(sharing, socket, client);
}

/**
 * The client object of a socket, if it has been seen.
 *
 * @param {any} socket
 * @returns {any}
 */
function clientOf(socket) {
  const place = socket[PLACE];
  return place instanceof ClientConnection ? place.client : place;
}

module.exports.clientOf = clientOf;
module.exports.connectionOf = connectionOf;
