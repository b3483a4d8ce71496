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
    this.bound = undefined;
    /** The event whose session code sees that belongs to no other one; undefined while nothing happens. @type {SocketEvent | undefined} */
    this.event = new SocketEvent(this, socket, ['']).rest();
    /** The text of its session, where there is no such event, and it is not on the shelf. @type {string | undefined} */
    this.text = undefined;
    /** The clock when that was read. */
    this.clock = 0;
    connections.set(this.id, this);
  }

  get sid() {
    return this.bound;
  }

  set sid(sid) {
    // Before it is another one's session.
    this.revive();
    this.bound = sid;
  }

  /** The event whose session code sees that belongs to no other one. */
  get latest() {
    return this.event ?? this.revive();
  }

  /** Makes that event again. @returns {SocketEvent} */
  revive() {
    if (this.event === undefined) {
      const { clock, sid, text } = this;
      const found = sid === undefined ? undefined : { sid, text: /** @type {string} */ (text), clock };
      this.event = new SocketEvent(this, this.socket, ['']).rest(found);
      this.event.shelved = sid !== undefined && text === undefined;
      this.text = undefined;
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
    if (this.next !== undefined) this.next = undefined;
  }

  /**
   * The socket was bound, or unbound: another event is that one as soon as those are through that may still be running.
   *
   * @param {SocketEvent} event
   * @param {boolean} through
   */
  goOn(event, through) {
    if (through) this.follow(event);
    else this.next = event;
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
   * @param {import('../stores/adopted-store.js').AdoptedStore} adopted
   * @param {string} sid
   * @param {import('./key-lookup.js').Found} [found]
   * @returns {number} -1, or the index of an error
   */
  bind(adopted, sid, found) {
    const error = super.bind(adopted, sid);
    if (error === -1) {
      // When the life of its session was last extended, in ms. A number as large as that takes an object of its own.
      if (this.sharing.options.touchInterval !== undefined) this.touched = Date.now();
      this.goOn(new SocketEvent(this, this.socket, ['']).rest(found), this.latest.settled);
      this.sharing.binds += 1;
    }
    return error;
  }

  /**
   * The socket is in its namespace, and the app's listeners are told. What the middlewares have put into the session counts as
   * theirs.
   *
   * @param {'connect' | 'connection'} name
   */
  open(name) {
    const { id, latest, socket } = this;
    if (name === 'connect' && connections.get(id) === this) connections.delete(id);
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
    const { sid, text } = this;
    // As long as the store has the very text, that takes nothing.
    if (this.event === undefined && (!sid || !text || this.sharing.adopted?.readText(sid) === text)) return;
    const { latest } = this;
    if (!latest.settled) return;
    if (latest.quiet) {
      latest.release();
      if (latest.isSpent()) {
        this.text = latest.text;
        this.clock = /** @type {number} */ (latest.clock);
        latest.retire();
        this.event = undefined;
      }
    }
    latest.quiet = true;
  }

  disconnect() {
    // Its namespace forgets it now.
    if (!this.gone) connections.set(this.id, this);
    super.disconnect();
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
    this.goOn(new SocketEvent(this, this.socket, ['']).rest(), this.latest.handled);
  }
}

// As with what `Connection` has there: most never have any of it.

/** What takes the event's place when its handlers have come to their end: meanwhile the socket was bound, or unbound. @type {SocketEvent | undefined} */
SocketConnection.prototype.next = undefined;
/** The packets that wait until it is known whose socket this is. @type {import('./held-packets.js').HeldPackets | undefined} */
SocketConnection.prototype.held = undefined;
/** Whether the app has disconnected it. @type {boolean} */
SocketConnection.prototype.isExpelled = false;
/** Whether it has come back without the session that it had, and has not been told. @type {boolean} */
SocketConnection.prototype.lost = false;

module.exports.SocketConnection = SocketConnection;
