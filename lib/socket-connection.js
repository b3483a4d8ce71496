'use strict';

const { Connection, connections } = require('./connection.js');
const { eventOf } = require('./scope.js');
const { SocketEvent } = require('./socket-event.js');

/** A connection of an app that calls `shareSession`: its socket has the session itself. */
class SocketConnection extends Connection {
  /**
   * @param {import('./socket-sharing.js').SocketSharing} sharing
   * @param {any} socket
   */
  constructor(sharing, socket) {
    super(sharing, socket);
    this.sharing = sharing;
    /** @type {string | undefined} */
    this.__session_id = undefined;
    /** The event whose session code sees that belongs to no other one; undefined while that is `quiet`. @type {SocketEvent | undefined} */
    this.event = new SocketEvent(this, socket, ['']).rest();
    /** What has taken its place, as nothing happens. @type {import('./lasting-event.js').Remains | undefined} */
    this.quiet = undefined;
    /** What takes its place when its handlers have come to their end: meanwhile the socket was bound, or unbound. @type {SocketEvent | undefined} */
    this.next = undefined;
    /** When the life of its session was last extended, in ms. */
    this.touched = 0;
    /** The packets that wait until it is known whose socket this is. @type {import('./held-packets.js').HeldPackets | undefined} */
    this.held = undefined;
    /** Whether the app has disconnected it. */
    this.isExpelled = false;
    /** Whether it has come back without the session that it had, and has not been told. */
    this.lost = false;
    connections.set(this.id, this);
  }

  /** The event whose session code sees that belongs to no other one. */
  get latest() {
    if (this.event === undefined) {
      this.event = new SocketEvent(this, this.socket, ['']).rest(this.quiet);
      this.event.shelved = this.quiet?.shelved === true;
      this.quiet = undefined;
    }
    return this.event;
  }

  /**
   * Another event is the one whose session is seen outside of any.
   *
   * @param {SocketEvent} event
   */
  follow(event) {
    this.latest.forget();
    this.event = event;
    this.next = undefined;
  }

  /** An event has settled. @param {SocketEvent} event */
  settled(event) {
    if (event === this.latest && this.next !== undefined) this.follow(this.next);
  }

  /** The session of the event that is running; outside of any, that of the last one. */
  get session() {
    return eventOf(this).seen;
  }

  /** @param {any} session */
  set session(session) {
    eventOf(this).seen = session;
  }

  /**
   * Binds the socket to a session that has been found.
   *
   * @param {import('./adopted-store.js').AdoptedStore} adopted
   * @param {string} sid
   * @param {import('./key-lookup.js').Found} [found]
   * @returns {number} -1, or the index of an error
   */
  bind(adopted, sid, found) {
    const error = super.bind(adopted, sid);
    if (error === -1) {
      // A number as large as that takes an object of its own.
      if (this.sharing.options.touchInterval !== undefined) this.touched = Date.now();
      this.next = new SocketEvent(this, this.socket, ['']).rest(found);
      if (this.latest.settled) this.follow(this.next);
      this.sharing.binds += 1;
    }
    return error;
  }

  /**
   * The socket has connected, and the app's listeners are told. What the middlewares have put into the session counts as
   * theirs.
   *
   * @param {'connect' | 'connection'} name
   */
  open(name) {
    const { latest, socket } = this;
    const { nsp } = socket;
    if (nsp.listenerCount(name) > 0) latest.become(nsp, [name, socket]).handle();
    if (name === 'connect' || !this.lost) return;
    this.lost = false;
    this.sharing.tellEnd(this, 'expire');
  }

  /**
   * Whether its client has left before the socket was connected, and Socket.IO tells nobody: a middleware of the app's behind
   * ours has not answered, and may never do so.
   */
  isAbandoned() {
    const { conn, connected } = this.socket;
    return !this.disconnected && !connected && conn.readyState === 'closed';
  }

  /** Lets go of what the last event holds, and then of the event, when the socket has been quiet since the last call. */
  rest() {
    const { quiet } = this;
    // As long as the store has the very text, that takes nothing.
    if (this.event === undefined && (!quiet?.text || this.sharing.adopted?.textOf(quiet.sid) === quiet.text))
      return;
    const { latest } = this;
    if (!latest.settled) return;
    if (latest.quiet) {
      latest.release();
      if (latest.isSpent()) {
        this.quiet = latest.retire();
        this.event = undefined;
      }
    }
    latest.quiet = true;
  }

  leave() {
    // Before its line is another socket's.
    if (this.loading === 0) this.latest.unshelve();
    super.leave();
  }

  /** @param {string} reason */
  end(reason) {
    super.end(reason);
    // Code outside of any event must not go on with what the session held, though an acknowledgement may never be sent.
    this.next = new SocketEvent(this, this.socket, ['']).rest();
    if (this.latest.handled) this.follow(this.next);
  }
}

module.exports.SocketConnection = SocketConnection;
