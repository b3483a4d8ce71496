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
/** @import { Telling } from '../session/snapshot.js' */
/** @import { AdoptedStore } from '../stores/adopted-store.js' */
/** @import { Loaded } from '../stores/stored.js' */

/** How many session objects are kept behind the one that the oldest handler began with, and with how many running handlers may have begun: each end of a handler looks at all. */
const MOST_OBJECTS = 16;

/** A session object, and the next newer one. The object itself does not know that: app code that keeps it would keep them all. */
class Link {
  /** @type {Link | undefined} */
  newer = undefined;
  /** The oldest one that the handlers may hold which began when this one was current. @type {Link} */
  oldest = this;
  /** How many of those have ended, and not acknowledged. */
  unanswered = 0;
  /** When another one took its place, by `performance.now()`. */
  replaced = Number.POSITIVE_INFINITY;

  /** @param {SocketSession} session */
  constructor(session) {
    this.session = session;
  }
}

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
    /** How many session objects it has had. */
    this.made = 0;
    /** The events whose handlers have not ended, in the order in which they began. @type {SocketEvent[]} */
    this.running = [];
    /** The latest `round` of those: 0 while no `onSessionChange` is running. */
    this.round = 0;
    /** The session that it is bound to, as this process watches it. @type {BoundSession | undefined} */
    this.bound = undefined;
    /** How many events wait for their place or for the store. */
    this.waiting = 0;
    /** Those that wait, in order. @type {Set<SocketEvent> | undefined} */
    this.pending = undefined;
    /** The queue in which its events wait for the store, once it has one. */
    this.queue = NO_QUEUE;
    /** The oldest session object that was changed outside of a handler, and is not saved. @type {Link | undefined} */
    this.oldestChanged = undefined;
    /** Those of handlers that have ended, and whose clients still wait for an acknowledgement. @type {Link[]} */
    this.unacknowledged = [];
    /** The session objects that are being saved, each as often as it is: what is changed in one meanwhile is saved as well. @type {Link[]} */
    this.saving = [];
    /** The session object that `socket.session` is. */
    this.link = new Link(new SocketSession(this));
  }

  /** @returns {string} */
  get id() {
    return this.socket.id;
  }

  /** The session object that `socket.session` is. */
  get current() {
    return this.link.session;
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
    if (this.running.length > 0 && this.current.sid !== sid) this.nextFound = found;
    else this.makeCurrent(found);
    sharing.binds += 1;
    publish('bind', sid, { socket: this.id });
    return undefined;
  }

  /** No handler goes on with what was: the socket was bound to another session meanwhile, or its session has ended. */
  takeNext() {
    if (this.nextFound !== undefined) this.makeCurrent(this.nextFound);
    else if (this.current.isEnded || this.current.isVoid) this.replace(new SocketSession(this));
  }

  /** Makes a loaded session the current one. The current object stays if it stands for that text. @param {Loaded} found */
  makeCurrent(found) {
    const { current } = this;
    const loaded = current.sid === found.sid ? current.newest(found) : found;
    const { sid, stored, clock } = loaded;
    this.nextFound = undefined;
    if (this.bound?.sid === sid && stored !== undefined) this.bound?.learn(stored.text, clock);
    if (current.sid === sid) {
      if (current.absorb(loaded) || current.catchUp(loaded, this.holdsMany())) return;
      if (!current.isOpen && !current.isEnded) {
        // Nobody has looked at it.
        current.stored = stored;
        current.clock = clock;
        return;
      }
      // A timer's change, say: it is saved with the next acknowledgement or at the end of the next handler.
      if (this.running.length === 0 && current.isChanged()) this.oldestChanged ??= this.link;
    }
    this.replace(new SocketSession(this, loaded));
  }

  /** Whether a handler may be under way, which has what it put into the session. */
  get isBusy() {
    return this.running.length > 0 || this.unacknowledged.length > 0;
  }

  /** Whether its running handlers began with as many session objects as may be. */
  holdsMany() {
    const { running } = this;
    if (running.length < MOST_OBJECTS) return false;
    return new Set(running.map(({ link }) => link)).size >= MOST_OBJECTS;
  }

  /** Another session object is the current one. @param {SocketSession} session */
  replace(session) {
    this.current.giveWay();
    this.link.replaced = performance.now();
    this.link.newer = new Link(session);
    this.link = this.link.newer;
    if (this.unacknowledged.length > 0)
      this.unacknowledged = this.unacknowledged.filter(
        (link) => session.order - link.session.order <= MOST_OBJECTS,
      );
    const oldest = this.running[0]?.link;
    if (oldest === undefined || session.order - oldest.session.order <= MOST_OBJECTS) return;
    // Handlers that never end hold them all: what was current long ago goes, but for those that they began with.
    const firsts = new Set(this.running.map(({ link }) => link));
    let kept = oldest;
    while (kept.newer !== undefined && firsts.has(kept.newer)) kept = kept.newer;
    if (kept.newer?.newer !== undefined) kept.newer = kept.newer.newer;
  }

  /** The oldest session object that is to be saved still, if it has changed. @param {Link} link that of an event */
  oldestOf(link) {
    let oldest = older(link.oldest, this.oldestChanged);
    if (this.running.length > 0) oldest = older(oldest, this.running[0].link);
    for (const one of this.unacknowledged) oldest = older(oldest, one);
    return oldest;
  }

  /**
   * App code uses a session object that another one has replaced.
   *
   * @param {SocketSession} session
   * @returns {boolean} whether it stands for itself still: a handler may hold it. If not, it stands for the current one
   */
  useReplaced(session) {
    if (session.sid !== this.current.sid) return true;
    if (session.isDropped) return false;
    let held = /** @type {Link | undefined} */ (this.oldestOf(this.link));
    while (held !== undefined && held.session.order < session.order) held = held.newer;
    if (held?.session !== session) held = this.saving.find((link) => link.session === session);
    if (held?.session !== session) return false;
    const { running, sharing, starting } = this;
    if (running.length === 0 || running[0].link.session.order > session.order) {
      // Only a callback may have it, of a handler that has ended. That waits for a store, or never acknowledges; and it is not what
      // runs while a later handler is called.
      const isOver = performance.now() - held.replaced > sharing.options.storeTimeout;
      if (isOver || (starting?.link.session.order ?? 0) > session.order) {
        // From now on, for all.
        held.replaced = Number.NEGATIVE_INFINITY;
        return false;
      }
    }
    // All handlers of today may have changed it by now, or got an object in it, to be saved with what they acknowledge.
    for (let at = held.newer; at !== undefined; at = at.newer)
      if (at.oldest.session.order > session.order) at.oldest = held;
    return true;
  }

  /**
   * Saves every open session object that has changed: those that a running handler may hold, and the current one.
   * @param {SocketEvent} event acknowledges, or its handlers have ended
   * @param {(error?: unknown) => void} done called once, with the first failure
   */
  commit(event, done) {
    const began = event.link.oldest;
    const oldest = this.oldestOf(began);
    this.oldestChanged = undefined;
    if (oldest === this.link && this.saving.every((link) => link === this.link))
      return this.current.commit(done, event, this.link);
    const open = new Set(this.saving);
    for (let at = /** @type {Link | undefined} */ (oldest); at; at = at.newer) open.add(at);
    let left = open.size;
    /** @type {unknown} */
    let first;
    const ended = (/** @type {unknown} */ error) => {
      first ??= error;
      left -= 1;
      if (left === 0) done(first);
    };
    for (const link of open) {
      const { session } = link;
      // Dropped since another event has failed: this one acknowledges what it has changed there.
      if (!event.hasFailed && session.order >= began.session.order) session.isDropped = false;
      session.commit(ended, event, link);
    }
  }

  /** The socket leaves: events that came before run now, with the current session, as by Socket.IO they would have run before. */
  startPending(isOne = (/** @type {SocketEvent} */ _event) => true) {
    const started = [...(this.pending ?? [])].filter(isOne);
    for (const event of started) this.pending?.delete(event);
    /** @type {(() => void)[]} */
    const letThrough = [];
    this.letThrough = letThrough;
    for (const event of started) {
      try {
        event.startEarly?.();
        for (const resume of letThrough.splice(0)) resume();
      } catch (error) {
        // Socket.IO is about to tell others that the socket leaves.
        nextTick(() => {
          throw error;
        });
      }
    }
    this.letThrough = undefined;
  }

  /** What has waited for its place, or for the store, waits no more. */
  stopWaiting() {
    this.waiting -= 1;
    this.leaveWhenIdle();
    this.idle?.();
  }

  /** A handler has ended. @param {SocketEvent} event */
  end(event) {
    const { running } = this;
    running.splice(running.indexOf(event), 1);
    if (!event.mayNeverEnd) this.sharing.handlers -= 1;
    if (event.round > 0) this.round = running.reduce((most, { round }) => Math.max(most, round), 0);
    // What it has changed after it has failed is not to be saved.
    if (event.isUnanswered && !event.hasFailed) {
      event.link.unanswered += 1;
      if (event.link.unanswered === 1) this.unacknowledged.push(event.link);
    }
    if (running.length > 0) return;
    if (this.unacknowledged.length === 0) this.link.oldest = this.link;
    this.takeNext();
    if (this.current.unsaved !== undefined) this.drop();
    this.leaveWhenIdle();
    this.idle?.();
  }

  /** An event whose handlers have ended acknowledges, or never will. @param {Link} link its own */
  answered(link) {
    link.unanswered -= 1;
    if (link.unanswered === 0) this.unacknowledged = this.unacknowledged.filter((one) => one !== link);
  }

  /** Makes the current session object anew, without what is not saved. */
  drop() {
    const { current } = this;
    if (!current.isOpen || this.running.length > 0 || !current.isChanged()) return;
    current.isDropped = true;
    const { clock, sid } = current;
    this.replace(new SocketSession(this, { sid, stored: current.lastStored(), clock }));
  }

  /** The socket has lost its session. @param {string} reason */
  lose(reason) {
    const { sid } = this;
    this.unbind();
    if (sid === undefined) return;
    this.oldestChanged = undefined;
    leaveSessionRooms(this);
    // Handlers that run see the session that they began with until the last of them has ended. No other code does.
    if (this.running.length === 0) this.replace(new SocketSession(this));
    else {
      this.current.isEnded = true;
      this.current.isShared = this.running.length > 1;
    }
    this.nextFound = undefined;
    debug('socket %s lost its session: %s', this.id, reason);
    // Other reasons are published where the session is destroyed.
    if (reason === 'expire') {
      // What was loaded before is not written without another look.
      this.adopted.written(sid);
      publish('end', sid, { reason, sockets: 1, elsewhere: false });
    }
    this.sharing.ended(this, reason, sid);
  }

  unbind() {
    const { bound, sharing, sid, socket } = this;
    if (this.adopted) native.unbind(this.adopted.number, this.id);
    if (sid !== undefined) leaveRoom(socket, roomOf(sid));
    if (bound !== undefined) sharing.watch.remove(this, bound);
    this.sid = undefined;
    this.bound = undefined;
  }

  /** Who hears of what the app changes right now: nobody, if that is done by its `onSessionChange` alone, or may be an answer to that. @returns {Telling} */
  get telling() {
    const { round, running } = this;
    const isQuiet = round > 1 || (running.length > 0 && running.every(({ isQuiet }) => isQuiet));
    return { isQuiet: isQuiet || undefined, round };
  }

  /** The socket has disconnected, or was refused. */
  leave() {
    // What was changed outside of a handler, or before the socket was refused. A handler that runs saves it all.
    if (!this.hasLeft && this.sid !== undefined && this.running.length === 0)
      Object.assign(new SocketEvent(this, 'disconnect'), { isUnread: true }).commit(() => {});
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

  /** An acknowledgement has been sent that had to wait. */
  sent() {
    this.unsent -= 1;
    if (this.unsent === 0) this.allSent?.();
  }

  /** A failure that nobody waits for. @param {unknown} error @param {string} [event] */
  report(error, event) {
    this.sharing.report(error, { socket: this.socket, event });
  }
}

/** The older one of a session object, and of the oldest that may be held with another. @param {Link} link @param {Link | undefined} other */
function older(link, other) {
  return other !== undefined && other.oldest.session.order < link.session.order ? other.oldest : link;
}

// Few connections have these.

/** The session that it was bound to while handlers were running. @type {Found | undefined} */
Connection.prototype.nextFound = undefined;
/** How many keys were presented in vain. @type {number} */
Connection.prototype.failedKeys = 0;
/** Whether a session of the socket's own was written to the store. @type {boolean} */
Connection.prototype.isStored = false;
/** Whether the socket has disconnected, or was refused. @type {boolean} */
Connection.prototype.hasLeft = false;
/** The rooms that it is in because of its session. @type {Set<string> | undefined} */
Connection.prototype.rooms = undefined;
/** Whether the app has been told of the socket. @type {boolean} */
Connection.prototype.isWelcome = true;
/** The event by which the app is about to be told of a change of its session. @type {SocketEvent & { isChangedAgain: boolean } | undefined} */
Connection.prototype.toBeTold = undefined;
/** Whether it could not be told, since the session could not be loaded. @type {boolean} */
Connection.prototype.isUntold = false;
/** How many packets its middlewares (`socket.use`) have neither let pass nor refused. @type {number} */
Connection.prototype.filtered = 0;
/** While the events of a socket that leaves are started: what its middlewares let pass. @type {(() => void)[] | undefined} */
Connection.prototype.letThrough = undefined;
/** The event whose handlers are being called right now. @type {SocketEvent | undefined} */
Connection.prototype.starting = undefined;
/** How many acknowledgements wait until what was changed before them is saved. @type {number} */
Connection.prototype.unsent = 0;
/** Called when they are sent: the app has disconnected its socket meanwhile. @type {(() => void) | undefined} */
Connection.prototype.allSent = undefined;
/** Called when no handler runs any more. @type {(() => void) | undefined} */
Connection.prototype.idle = undefined;
/** Whether nothing of the socket is left. @type {boolean} */
Connection.prototype.isGone = false;

module.exports = { Connection, Link };
