'use strict';

const native = require('../native.js');
const { publish } = require('./diagnostics.js');
const { sessionRoom } = require('./room.js');

/** Where a host's client object keeps its connection. */
const CONNECTION = Symbol('io-session connection');

/** Every connection, by the id of its socket. @type {Map<string, Connection>} */
const connections = new Map();

/**
 * One listener for all sockets.
 *
 * @this {any}
 */
function onDisconnect() {
  const connection = connections.get(this.id);
  connection?.disconnect();
}

/** @param {Connection} connection */
function leave(connection) {
  connection.leave();
}

/** One Socket.IO connection: its line of events, and which session it is bound to. */
class Connection {
  /**
   * @param {import('./sharing.js').Sharing} sharing
   * @param {any} socket
   * @param {any} [client] the host's object for this connection, if it has one; it holds the binding as `__session_id`
   */
  constructor(sharing, socket, client) {
    this.sharing = sharing;
    this.socket = socket;
    /** What holds the binding. @type {any} */
    this.client = client ?? this;
    /** @type {string} */
    this.id = socket.id;
    this.line = native.openLine();
    /** How many events wait for their turn or for the store. */
    this.loading = 0;
    /** How many of them wait in the batch. */
    this.batched = 0;
    /** How many keys were presented in vain. */
    this.failed = 0;
    /** Whether this socket's own session was written to the store. */
    this.written = false;
    this.disconnected = false;
    connections.set(this.id, this);
  }

  /** The session this socket is bound to. @returns {string | undefined} */
  get sid() {
    return this.client.__session_id;
  }

  /**
   * Binds the socket to a session.
   *
   * @param {import('./adopted-store.js').AdoptedStore} adopted
   * @param {string} sid
   * @param {import('./key-lookup.js').Found} [_found] what the store holds
   * @returns {number} -1, or the index of an error
   */
  bind(adopted, sid, _found) {
    const error = native.bind(adopted.number, this.id, sid);
    if (error !== -1) return error;
    if (this.sid !== undefined && this.sid !== sid) this.socket.leave(sessionRoom(this.sid));
    this.client.__session_id = sid;
    this.socket.join(sessionRoom(sid));
    publish('bind', sid, { socket: this.id });
    return -1;
  }

  /**
   * The session has ended: the socket is a stranger again.
   *
   * @param {string} reason
   */
  end(reason) {
    const { sid } = this;
    this.unbind();
    if (sid === undefined) return;
    this.socket.leave(sessionRoom(sid));
    // The others are told of where the session is destroyed.
    if (reason === 'expire') publish('end', sid, { reason, sockets: 1, elsewhere: false });
    this.sharing.ended(this, reason, sid);
  }

  unbind() {
    const { adopted } = this.sharing;
    if (adopted) native.unbind(adopted.number, this.id);
    delete this.client.__session_id;
  }

  /** The socket has disconnected. */
  disconnect() {
    this.disconnected = true;
    // After the app's own handler of this event has been dispatched: it may look at the session.
    setImmediate(leave, this);
  }

  /** An event that waited has got its answer. */
  loaded() {
    this.loading -= 1;
    if (this.disconnected && this.loading === 0) setImmediate(leave, this);
  }

  /** Leaves nothing behind, once no event waits any more. */
  leave() {
    if (this.loading > 0 || this.line === -1) return;
    native.closeLine(this.line);
    this.line = -1;
    const successor = connections.get(this.id);
    if (successor !== this && successor !== undefined) {
      // A connection that was recovered has the socket id by now, and what is under it.
      successor.written ||= this.written;
      return;
    }
    connections.delete(this.id);
    this.unbind();
    if (this.written) this.sharing.adopted?.store.destroy(this.id);
  }
}

/**
 * The connection of a host's client object, made when it is first seen.
 *
 * @param {import('./sharing.js').Sharing} sharing
 * @param {any} socket
 * @param {any} client
 * @returns {Connection}
 */
function connectionOf(sharing, socket, client) {
  const known = client[CONNECTION];
  if (known !== undefined) return known;
  const connection = new Connection(sharing, socket, client);
  Object.defineProperty(client, CONNECTION, { value: connection });
  socket.on('disconnect', onDisconnect);
  return connection;
}

module.exports.Connection = Connection;
module.exports.connections = connections;
module.exports.connectionOf = connectionOf;
