'use strict';

const native = require('../../native.js');
const { publish } = require('../support/diagnostics.js');
const { closeQueue, openQueue } = require('../stores/ask.js');
const { SocketSession } = require('./socket-session.js');
const { ChangeEvent } = require('./watch/change-event.js');
const { leaveSessionRooms } = require('./watch/session-rooms.js');
const { enterRoom, leaveRoom } = require('./rooms.js');

/** @typedef {import('./socket-event.js').SocketEvent} SocketEvent */
/** @typedef {import('../stores/stored.js').Stored} Stored */

/** How many session objects are kept for a handler that began long ago, where each was looked at. */
const MOST_OBJECTS = 32;

/**
 * One socket that shares a session: the session it is bound to, its current session object, and its handlers that are
 * running.
 */
class Connection {
  /** @param {import('./sharing/sharing.js').Sharing} sharing @param {any} socket */
  constructor(sharing, socket) {
    this.sharing = sharing;
    this.socket = socket;
    /** The app's session store. An event that is under way keeps it when the sharing is closed. */
    this.adopted = /** @type {import('../stores/adopted-store.js').AdoptedStore} */ (sharing.adopted);
    /** How many session objects it has had. */
    this.made = 0;
    /** The events whose handlers have not ended, in the order in which they began. @type {SocketEvent[]} */
    this.running = [];
    /** The session that it is bound to, as this process watches it. @type {import('./watch/bound-session.js').BoundSession | undefined} */
    this.bound = undefined;
    /** How many events wait for their place or for the store. */
    this.waiting = 0;
    /** Those that wait, in order. @type {Set<SocketEvent> | undefined} */
    this.pending = undefined;
    /** The queue in which its events wait for the store; -1 while it has none. */
    this.queue = -1;
    /** The oldest session object that was changed outside of a handler, and is not saved. @type {SocketSession | undefined} */
    this.changed = undefined;
    /** The session object that `socket.session` is. */
    this.current = new SocketSession(this, undefined, undefined, undefined);
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

  /** What its sessions can do besides express-session's methods. @returns {import('../session/methods.js').Methods | undefined} */
  get methods() {
    return undefined;
  }

  /** The id under which its session is stored; undefined when nothing is stored. */
  get storedId() {
    return this.sid ?? (this.isStored ? this.id : undefined);
  }

  /** A place in its queue. */
  takeQueue() {
    if (this.queue === -1) this.queue = openQueue();
    return this.queue;
  }

  /**
   * Binds the socket to a session.
   *
   * @param {string} sid
   * @param {Stored | undefined} stored what the store holds
   * @param {number | undefined} clock when that was read
   * @returns {number} -1, or the index of an error
   */
  bind(sid, stored, clock) {
    const error = native.bind(this.adopted.number, this.id, sid);
    if (error !== -1) return error;
    const { socket } = this;
    if (this.sid !== sid) {
      if (this.sid !== undefined) leaveRoom(socket, this.sid);
      enterRoom(socket, sid);
    }
    this.sid = sid;
    const { sharing } = this;
    const { bound } = this;
    if (bound !== undefined && bound.sid !== sid) sharing.watch.remove(this, bound);
    this.bound = sharing.watch.add(this, sid, stored, clock);
    // A handler that runs goes on with the session that it began with, until the next event.
    if (this.running.length > 0 && this.current.sid !== sid) this.next = { sid, stored, clock };
    else this.load(sid, stored, clock);
    publish('bind', sid, { socket: this.id });
    return -1;
  }

  /** The socket was bound while handlers were running: its session is the current one from now on. */
  takeNext() {
    if (this.next === undefined) return false;
    const { sid, stored, clock } = this.next;
    this.next = undefined;
    this.load(sid, stored, clock);
    return true;
  }

  /**
   * Makes a stored session the current one. The current object stays if it stands for that text.
   *
   * @param {string | undefined} sid
   * @param {Stored | undefined} stored
   * @param {number | undefined} clock when the load began
   */
  load(sid, stored, clock) {
    this.next = undefined;
    const { current } = this;
    const watched = this.bound;
    if (watched !== undefined && watched.sid === sid && stored !== undefined)
      watched.learn(stored.text, clock);
    if (current.sid === sid) {
      if (current.standsFor(stored, clock)) return;
      if (!current.isOpen && !current.isEnded) {
        current.refresh(stored, clock);
        return;
      }
      // A timer's change, say: it is saved with the next acknowledgement or at the end of the next handler.
      if (this.running.length === 0 && current.isChanged()) this.changed ??= current;
    }
    const next = new SocketSession(this, sid, stored, clock);
    if (current.sid === sid && current.isOpen && !current.isEnded) next.carried = current.unsavedChange();
    this.replace(next);
  }

  /** Another session object is the current one. @param {SocketSession} session */
  replace(session) {
    this.current.newer = session;
    this.current = session;
    const oldest = this.running[0]?.first;
    // A handler that never ends holds them all: what was current long ago, and is not what it began with, goes.
    if (oldest?.newer?.newer !== undefined && session.order - oldest.order > MOST_OBJECTS)
      oldest.newer = oldest.newer.newer;
  }

  /**
   * Saves every open session object that has changed: those that a running handler may hold, and the current one.
   *
   * @param {SocketEvent} event acknowledges, or its handlers have ended
   * @param {(error?: unknown) => void} done called once, with the first failure
   */
  commit(event, done) {
    const since = event.first;
    const oldest = this.changed ?? this.running[0]?.first ?? since;
    this.changed = undefined;
    if (oldest === this.current && since === this.current) {
      since.commit(done);
      return;
    }
    /** @type {Set<SocketSession>} */
    const open = new Set();
    for (const start of [oldest, since]) {
      /** @type {SocketSession | undefined} */
      let session = start;
      for (; session !== undefined && !open.has(session); session = session.newer) open.add(session);
    }
    let left = 1;
    /** @type {unknown} */
    let failure;
    const ended = (/** @type {unknown} */ error) => {
      failure ??= error;
      left -= 1;
      if (left === 0) done(failure);
    };
    for (const session of open) {
      left += 1;
      // Dropped since another event has failed: this one acknowledges what it has changed there.
      if (!event.hasFailed && session.order >= since.order) session.isDropped = false;
      session.commit(ended);
    }
    ended(undefined);
  }

  /** The socket leaves: events that came before run now, with the current session, as by Socket.IO they would have run before. */
  startPending() {
    const { pending = [] } = this;
    this.pending = undefined;
    for (const event of pending) event.startEarly();
  }

  /** A handler begins. @param {SocketEvent} event */
  begin(event) {
    this.running.push(event);
  }

  /** A handler has ended. @param {SocketEvent} event */
  end(event) {
    const { running } = this;
    running.splice(running.indexOf(event), 1);
    if (running.length > 0) return;
    if (!this.takeNext() && this.current.isEnded) this.startOwn();
    if (this.current.unsaved !== undefined) this.drop();
    this.leaveWhenIdle();
  }

  /** Makes the current session object anew, without what is not saved. */
  drop() {
    const { current } = this;
    if (!current.isOpen || this.running.length > 0 || !current.isChanged()) return;
    current.isDropped = true;
    this.replace(new SocketSession(this, current.sid, current.lastStored(), current.clock));
  }

  /** From now on the socket has a session of its own, which is empty. */
  startOwn() {
    this.replace(new SocketSession(this, undefined, undefined, undefined));
  }

  /** The socket has lost its session. @param {string} reason */
  lose(reason) {
    const { sid } = this;
    this.unbind();
    if (sid === undefined) return;
    this.changed = undefined;
    leaveRoom(this.socket, sid);
    leaveSessionRooms(this);
    // Handlers that run see the session that they began with until the last of them has ended. No other code does.
    if (this.running.length === 0) this.startOwn();
    else {
      this.current.isEnded = true;
      this.current.isShared = this.running.length > 1;
    }
    this.next = undefined;
    // Other reasons are published where the session is destroyed.
    if (reason === 'expire') publish('end', sid, { reason, sockets: 1, elsewhere: false });
    this.sharing.ended(this, reason, sid);
  }

  /** A recovered connection takes over: it has the same socket id, and is bound by itself. */
  giveWay() {
    if (this.sid !== undefined) leaveRoom(this.socket, this.sid);
    this.unbind();
  }

  unbind() {
    if (this.sharing.adopted) native.unbind(this.adopted.number, this.id);
    this.sid = undefined;
    if (this.bound !== undefined) this.sharing.watch.remove(this, this.bound);
    this.bound = undefined;
  }

  /** Whether what it changes right now is changed by the app's `onSessionChange` alone. */
  get isTelling() {
    const { running, telling } = this;
    return telling + running.length > 0 && running.every(ChangeEvent.isOne);
  }

  /** An event that waited goes on. */
  waited() {
    this.waiting -= 1;
    this.leaveWhenIdle();
  }

  /** The socket has disconnected, or was refused. */
  leave() {
    this.hasLeft = true;
    this.leaveWhenIdle();
  }

  /** Leaves nothing behind, when the socket has left and no event of it waits. A handler that still runs may never end. */
  leaveWhenIdle() {
    if (!this.hasLeft || this.isGone || this.waiting > 0) return;
    this.isGone = true;
    if (this.queue !== -1) closeQueue(this.queue);
    const { sharing, sid } = this;
    const successor = sharing.connections.get(this.id);
    if (successor === this) {
      sharing.connections.delete(this.id);
      if (sid !== undefined) leaveRoom(this.socket, sid);
      this.unbind();
      if (this.isStored) this.discardOwn();
    } else if (successor !== undefined && this.isStored) {
      // A recovered connection has the socket id by now, and the session that is stored under it.
      successor.isStored = true;
    }
  }

  /** The session of the socket's own goes with it. */
  discardOwn() {
    this.sharing.adopted?.store.destroy(this.id);
  }

  /** A failure that nobody waits for. @param {unknown} error @param {string} [event] */
  report(error, event) {
    this.sharing.report(error, { socket: this.socket, event });
  }
}

// Few connections have these.

/** The session that it was bound to while handlers were running. @type {{ sid: string, stored: Stored | undefined, clock: number | undefined } | undefined} */
Connection.prototype.next = undefined;
/** How many keys were presented in vain. @type {number} */
Connection.prototype.failed = 0;
/** Whether a session of the socket's own was written to the store. @type {boolean} */
Connection.prototype.isStored = false;
/** Whether the socket has disconnected, or was refused. @type {boolean} */
Connection.prototype.hasLeft = false;
/** The rooms that it is in because of its session. @type {Set<string> | undefined} */
Connection.prototype.rooms = undefined;
/** Whether the app has been told of the socket. @type {boolean} */
Connection.prototype.isWelcome = true;
/** Whether the app is about to be told of a change of its session. @type {boolean} */
Connection.prototype.isToBeTold = false;
/** How many of its saves are of changes by `onSessionChange`. @type {number} */
Connection.prototype.telling = 0;
/** Whether nothing of the socket is left. @type {boolean} */
Connection.prototype.isGone = false;

module.exports.Connection = Connection;
