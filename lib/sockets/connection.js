'use strict';

const native = require('../../native.js');
const { publish } = require('../support/diagnostics.js');
const { closeQueue, openQueue } = require('../stores/ask.js');
const { needsRoom, roomOf } = require('./rooms.js');

/** How many lines are kept for those that come. */
const SPARE_LINES = 1000;

/** By the id of their socket, the connections that Socket.IO's namespaces do not have: those that are leaving, and with `shareSession` those that are not there yet. All others are found there, since a table of our own would take as much again. @type {Map<string, Connection>} */
const connections = new Map();

/** Lines in which nothing waits: taking one costs less than to open another. @type {number[]} */
const spare = [];

/** @param {Connection} connection */
function leave(connection) {
  connection.leave();
}

/** One Socket.IO connection: its line of events, and which session it is bound to. */
class Connection {
  /**
   * @param {import('./sharing.js').Sharing} sharing
   * @param {any} socket
   */
  constructor(sharing, socket) {
    this.sharing = sharing;
    this.socket = socket;
    /** The line, where an event has needed one; -1 else. */
    this.opened = -1;
    /** How many events wait for their turn or for the store. */
    this.loading = 0;
    /** How many of them wait in the batch. */
    this.batched = 0;
  }

  /** @returns {string} */
  get id() {
    return this.socket.id;
  }

  /** The session this socket is bound to. @abstract @returns {string | undefined} */
  get sid() {
    return undefined;
  }

  set sid(_sid) {}

  /** The line in which its events wait for the store. */
  get line() {
    if (this.opened === -1 && !this.gone) this.opened = spare.pop() ?? openQueue();
    return this.opened;
  }

  /** Gives the line back: nothing waits in it any more. */
  leaveLine() {
    if (this.opened === -1) return;
    if (spare.length < SPARE_LINES) spare.push(this.opened);
    else closeQueue(this.opened);
    this.opened = -1;
  }

  /**
   * Binds the socket to a session.
   *
   * @param {import('../stores/adopted-store.js').AdoptedStore} adopted
   * @param {string} sid
   * @param {import('./key-lookup.js').Found} [_found] what the store holds
   * @returns {number} -1, or the index of an error
   */
  bind(adopted, sid, _found) {
    const error = native.bind(adopted.number, this.id, sid);
    if (error !== -1) return error;
    const { socket } = this;
    if (this.sid !== undefined && this.sid !== sid) socket.leave(roomOf(this.sid));
    this.sid = sid;
    if (needsRoom(socket.nsp)) this.enterRoom();
    publish('bind', sid, { socket: this.id });
    return -1;
  }

  /** Enters the room of the session, where there is one. */
  enterRoom() {
    const { sid } = this;
    if (sid !== undefined && !this.disconnected) this.socket.join(roomOf(sid));
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
    this.socket.leave(roomOf(sid));
    // The others are told of where the session is destroyed.
    if (reason === 'expire') publish('end', sid, { reason, sockets: 1, elsewhere: false });
    this.sharing.ended(this, reason, sid);
  }

  unbind() {
    const { adopted } = this.sharing;
    if (adopted) native.unbind(adopted.number, this.id);
    this.sid = undefined;
  }

  /** This socket's own session is being written to the store. */
  wrote() {
    this.written = true;
  }

  /** A key was not presented in vain, or not by the client's fault. */
  forgive() {
    this.failed -= 1;
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

  /** Whether the socket has left, and has no session of its own any more. */
  hasLeft() {
    return this.gone;
  }

  /** Leaves nothing behind, once no event waits any more. */
  leave() {
    if (this.loading > 0 || this.gone) return;
    this.gone = true;
    this.leaveLine();
    const { id } = this;
    const successor = this.sharing.connectionAt(id);
    if (connections.get(id) === this) connections.delete(id);
    if (successor !== this && successor !== undefined) {
      // A connection that was recovered has the socket id by now, and what is under it.
      if (this.written) successor.wrote();
      return;
    }
    this.unbind();
    if (this.written) this.sharing.adopted?.store.destroy(this.id);
  }
}

// What few connections have is no field of the others, which are many.

/** How many keys were presented in vain. @type {number} */
Connection.prototype.failed = 0;
/** Whether this socket's own session was written to the store. @type {boolean} */
Connection.prototype.written = false;
/** @type {boolean} */
Connection.prototype.disconnected = false;
/** Whether it has left nothing behind. @type {boolean} */
Connection.prototype.gone = false;

module.exports.Connection = Connection;
module.exports.connections = connections;
