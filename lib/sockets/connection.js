'use strict';

const debug = require('debug')('io-session');
const native = require('../../native.js');
const { publish } = require('../support/diagnostics.js');
const { failure } = require('../support/errors.js');
const { closeQueue, NO_QUEUE } = require('../stores/tickets.js');
const { SocketEvent } = require('./socket-event.js');
const { SocketSession } = require('./socket-session.js');
const { leaveSessionRooms } = require('./watch/session-rooms.js');
const { roomOf } = require('./rooms.js');
const { enterRoom, leaveRoom } = require('./socket-io.js');
const { nextTick } = require('../support/timers.js');

/** @import { Found } from './binding/key-lookup.js' */
/** @import { Sharing } from './sharing/sharing.js' */
/** @import { BoundSession } from './watch/bound-session.js' */
/** @import { AdoptedStore } from '../stores/adopted-store.js' */
/** @import { Loaded } from '../stores/stored.js' */

/** How many sessions that a socket was bound to before are kept for handlers that do not end. */
const MOST_EARLIER = 32;
/** @type {SocketSession[]} */
const NONE = [];

/** One socket that shares a session: the session it is bound to, its current session object, and its running handlers. */
class Connection {
  /** @param {Sharing} sharing @param {any} socket */
  constructor(sharing, socket) {
    this.sharing = sharing;
    this.socket = socket;
    /** The app's session store. An event that is under way keeps it when the sharing is closed. */
    this.adopted = /** @type {AdoptedStore} */ (sharing.adopted);
    /** @type {string | undefined} */
    this.boundTo = undefined;
    /** The events whose handlers have not ended, in the order in which they began. @type {SocketEvent[]} */
    this.running = [];
    /** The session that it is bound to, as this process watches it. @type {BoundSession | undefined} */
    this.bound = undefined;
    /** How many events wait for their place or for the store. */
    this.waiting = 0;
    /** Those that wait, in order. @type {Set<SocketEvent> | undefined} */
    this.pending = undefined;
    /** The queue in which its events wait for the store, once it has one. */
    this.queue = NO_QUEUE;
    /** `socket.session` */
    this.current = new SocketSession(this);
    /** Those before it that a running handler may hold: the socket was bound to another session meanwhile. */
    this.earlier = NONE;
  }

  /** @returns {string} */
  get id() {
    return this.socket.id;
  }

  /** The session this socket is bound to. */
  get sid() {
    return this.boundTo;
  }

  set sid(sid) {
    this.boundTo = sid;
  }

  /** The id under which its session is stored; undefined when nothing is stored. */
  get storedId() {
    return this.sid ?? (this.isStored ? this.id : undefined);
  }

  /** Binds the socket to a session. @param {Found} found @returns {Error | undefined} why that cannot be */
  bind(found) {
    const { bound, sharing, socket } = this;
    const { sid } = found;
    const error = native.bind(this.adopted.number, this.id, sid);
    if (error !== null) return failure(error);
    if (this.sid !== sid) {
      if (this.sid !== undefined) leaveRoom(socket, roomOf(this.sid));
      enterRoom(socket, roomOf(sid));
    }
    this.sid = sid;
    if (bound !== undefined && bound.sid !== sid) sharing.watch.remove(this, bound);
    this.bound = sharing.watch.add(this, found);
    // A handler that runs goes on with the session that it began with, until the next event.
    if (this.running.length > 0 && this.current.sid !== sid) this.next = found;
    else this.makeCurrent(found);
    sharing.binds += 1;
    publish('bind', sid, { socket: this.id });
    return undefined;
  }

  /** No handler goes on with what was: the socket was bound to another session meanwhile, or its session has ended. */
  renew() {
    if (this.next !== undefined) this.makeCurrent(this.next);
    else if (this.current.isEnded || this.current.isVoid) this.replace(new SocketSession(this));
  }

  /** Makes a loaded session the current one. The object stays the same one where it is the same session. @param {Loaded} found */
  makeCurrent(found) {
    const { current } = this;
    const isSame = current.sid === found.sid;
    const loaded = isSame ? current.newest(found) : found;
    const { sid, stored, clock } = loaded;
    this.next = undefined;
    if (this.bound?.sid === sid && stored !== undefined) this.bound?.learn(stored.text, clock);
    if (!isSame || !(current.standsFor(loaded) || current.follow(loaded)))
      this.replace(new SocketSession(this, loaded));
  }

  /** Another session object is the current one. @param {SocketSession} session */
  replace(session) {
    if (this.running.length > 0) this.earlier = [...this.earlier, this.current].slice(-MOST_EARLIER);
    this.current = session;
  }

  /**
   * Saves what was changed in every session that the event's handlers may hold, and in the current one.
   * @param {SocketEvent} event acknowledges, or its handlers have ended
   * @param {(error?: unknown) => void} done called once, with the first failure
   */
  commit(event, done) {
    const { current, earlier } = this;
    if (earlier.length === 0 && event.first === current) return current.commit(done, event);
    const sessions = new Set([...earlier, event.first, current]);
    let left = sessions.size;
    /** @type {unknown} */
    let first;
    const ended = (/** @type {unknown} */ error) => {
      first ??= error;
      left -= 1;
      if (left === 0) done(first);
    };
    for (const session of sessions) session.commit(ended, event);
  }

  /** The socket leaves: events that came before run now, with the current session, as by Socket.IO they would have run before. */
  startPending(isOne = (/** @type {SocketEvent} */ _event) => true) {
    const started = [...(this.pending ?? [])].filter(isOne);
    for (const event of started) this.pending?.delete(event);
    /** @type {(() => void)[]} */
    const passed = [];
    this.passed = passed;
    for (const event of started) {
      try {
        event.startEarly?.();
        for (const goOn of passed.splice(0)) goOn();
      } catch (error) {
        // Socket.IO is about to tell others that the socket leaves.
        nextTick(() => {
          throw error;
        });
      }
    }
    this.passed = undefined;
  }

  /** A handler has ended. @param {SocketEvent} event */
  end(event) {
    const { running } = this;
    running.splice(running.indexOf(event), 1);
    event.hasEnded = true;
    event.lost = this.lost;
    if (event.isUnanswered) this.unanswered += 1;
    if (running.length > 0) return;
    this.earlier = NONE;
    this.renew();
    if (this.current.unsaved !== undefined) this.drop(this.current.failure);
    this.leaveWhenIdle();
    this.idle?.();
  }

  /** A handler has failed: what is not saved is taken back, if no other handler may have changed it. */
  dropFailed() {
    if (this.unanswered === 0) this.drop();
  }

  /** Takes back what is not saved, when no handler runs. @param {unknown} [lost] why it could not be saved */
  drop(lost) {
    const { current } = this;
    if (!current.isOpen || this.running.length > 0 || !current.isChanged()) return;
    this.lost = lost ?? this.lost;
    if (current.discard()) return;
    const { clock, sid } = current;
    this.replace(new SocketSession(this, { sid, stored: current.lastStored(), clock }));
  }

  /** The socket has lost its session. @param {string} reason */
  lose(reason) {
    const { sid } = this;
    this.unbind();
    if (sid === undefined) return;
    leaveSessionRooms(this);
    // Handlers that run see the session that they began with until the last of them has ended. No other code does.
    if (this.running.length === 0) this.replace(new SocketSession(this));
    else {
      this.current.isEnded = true;
      this.current.isShared = this.running.length > 1;
    }
    this.next = undefined;
    debug('socket %s lost its session: %s', this.id, reason);
    // Other reasons are published where the session is destroyed.
    if (reason === 'expire') publish('end', sid, { reason, sockets: 1, elsewhere: false });
    this.sharing.ended(this, reason, sid);
  }

  unbind() {
    const { bound, sharing, sid, socket } = this;
    if (sharing.adopted) native.unbind(this.adopted.number, this.id);
    if (sid !== undefined) leaveRoom(socket, roomOf(sid));
    if (bound !== undefined) sharing.watch.remove(this, bound);
    this.sid = undefined;
    this.bound = undefined;
  }

  /** Whether what it changes right now is changed by the app's `onSessionChange` alone. */
  get isTelling() {
    const { running } = this;
    return running.length > 0 && running.every(({ isQuiet }) => isQuiet);
  }

  /** The socket has disconnected, or was refused. */
  leave() {
    // What was changed outside of a handler, or before the socket was refused. A handler that runs saves it all.
    if (!this.hasLeft && this.sid !== undefined && this.running.length === 0)
      new SocketEvent(this, 'disconnect').commit(() => {});
    this.hasLeft = true;
    this.leaveWhenIdle();
  }

  /** Leaves nothing behind, when the socket has left and no event of it waits. A handler that still runs may never end. */
  leaveWhenIdle() {
    if (!this.hasLeft || this.isGone || this.waiting > 0) return;
    this.isGone = true;
    if (this.queue !== NO_QUEUE) closeQueue(this.queue);
    const { sharing } = this;
    const successor = sharing.connections.get(this.id);
    if (successor === this) {
      sharing.connections.delete(this.id);
      this.unbind();
      if (this.isStored) this.discardOwn();
    } else if (successor !== undefined && this.isStored) {
      // A recovered connection has the socket id by now, and the session that is stored under it.
      successor.isStored = true;
    }
  }

  /** The session of the socket's own goes with it. */
  discardOwn() {
    this.adopted?.destroyOwn(this.id);
  }

  /** A failure that nobody waits for. @param {unknown} error @param {string} [event] */
  report(error, event) {
    this.sharing.report(error, { socket: this.socket, event });
  }
}

// Few connections have these.

/** How many events have ended, and not acknowledged: a callback of theirs may change the session still. */
Connection.prototype.unanswered = 0;
/** Why changes were taken back last that could not be saved. @type {unknown} */
Connection.prototype.lost = undefined;
/** The session that it was bound to while handlers were running. @type {Found | undefined} */
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
/** Whether it could not be told, since the session could not be loaded. @type {boolean} */
Connection.prototype.isUntold = false;
/** How many packets its middlewares (`socket.use`) have neither let pass nor refused. @type {number} */
Connection.prototype.filtered = 0;
/** While the events of a socket that leaves are started: what its middlewares let pass. @type {(() => void)[] | undefined} */
Connection.prototype.passed = undefined;
/** Called when no handler runs any more. @type {(() => void) | undefined} */
Connection.prototype.idle = undefined;
/** Whether nothing of the socket is left. @type {boolean} */
Connection.prototype.isGone = false;

module.exports.Connection = Connection;
