'use strict';

const { failure } = require('../support/errors.js');
const { snapshotOf } = require('../session/snapshot.js');
const { isFull } = require('../stores/lock.js');
const { authenticate } = require('./binding/authentication.js');
const { Connection } = require('./connection.js');
const { KEY_EVENT, presentKey } = require('./binding/key-event.js');
const { SharedEvent } = require('./shared-event.js');
const { rememberSessionRooms } = require('./watch/session-rooms.js');
const { roomOf } = require('./rooms.js');
const socketIo = require('./socket-io.js');
const { clearTimeout, nextTick, setTimeout } = require('../support/timers.js');

/** @import { Found } from './binding/key-lookup.js' */
/** @import { SocketSharing } from './sharing/socket-sharing.js' */
/** @import { Packet } from './socket-io.js' */

/** The reasons for which a socket leaves that the app has disconnected. Where the whole server closes, none is meant. */
const BY_APP = new Set(['server namespace disconnect', 'forced close', 'forced server close']);

/** How long to wait before a store that has failed is asked once more whose socket it is, in ms: doubled each time, up to the last. */
const [FIRST_WAIT, LAST_WAIT] = [1000, 32_000];

/** A connection of an app that calls `shareSession`: it follows the events of its socket. */
class SharedConnection extends Connection {
  /** @param {SocketSharing} sharing @param {any} socket */
  constructor(sharing, socket) {
    super(sharing, socket);
    this.sharing = sharing;
    /** The packets that wait until it is known whose socket this is. @type {Packet[] | undefined} */
    this.heldPackets = undefined;
    /** How many events have arrived, and are not dispatched. */
    this.arrived = 0;
    /** The event that a plugin is given right now. @type {SharedEvent | undefined} */
    this.delivering = undefined;
    /** The client may go before its socket is connected: ends the look for that. @type {(() => void) | undefined} */
    this.endLook = socketIo.whileConnecting(socket, () => !socket.connected && this.leave());
    // Its former connection may have left a session of the socket's own in the store.
    if (socket.recovered) this.isStored = true;
  }

  /** `socket.session`. One event of the socket may destroy the session while others go on: they keep the object that they had. */
  get session() {
    const { current } = this;
    return current.value ?? (current.isEnded && current.isShared ? current.session : undefined);
  }

  set session(session) {
    this.current.value = session;
  }

  /**
   * A packet with an event has arrived.
   * @param {Packet} [packet]
   * @param {(packet: any) => void} [plugin] is to have it, and calls the listeners or passes it on
   */
  receive(packet = {}, plugin) {
    const { delivering, socket } = this;
    if (delivering !== undefined) {
      if (plugin === undefined) delivering.results = delivering.callAll();
      else plugin.call(socket, packet);
      return;
    }
    if (this.heldPackets !== undefined) return this.hold(packet);
    const [name, data] = packet.data ?? [];
    if (name === KEY_EVENT) return presentKey(this, data, this.ackOf(packet));
    // If nobody listens, the store is not asked. One that is in front may add a listener.
    const isAlone = this.waiting === 0 && this.arrived === 0;
    if (plugin === undefined && isAlone && !socketIo.isHeard(socket, name)) return;
    if (this.isUnknown) {
      this.identify();
      return this.hold(packet);
    }
    this.arrived += 1;
    nextTick(dispatch, new SharedEvent(this, socket, packet.data ?? [], packet, plugin));
  }

  /** @param {Packet} packet */
  ackOf({ id }) {
    return id === undefined || id === null ? undefined : socketIo.makeAck(this.socket, id);
  }

  /** Keeps a packet until it is known whose socket this is. While the store hangs, its client may send on. @param {Packet} packet */
  hold(packet) {
    const { heldPackets: held = [] } = this;
    if (isFull(this.adopted.inAll, held.length)) {
      const event = new SharedEvent(this, this.socket, packet.data ?? [], packet);
      return event.refuse(failure('ERR_OVERLOADED'));
    }
    this.adopted.inAll.waiting += 1;
    held.push(packet);
  }

  /** Binds a socket recovered past the middlewares. Until then its packets wait, and the app is not told. */
  recover() {
    const { sharing, socket } = this;
    this.holdWhile((error, held) => {
      // It has left again, and the app has never heard of it.
      if (!socket.connected) return;
      if (error && sharing.options.required) return socket.disconnect();
      this.welcome('connect');
      this.welcome('connection');
      for (const packet of held) socketIo.deliver(socket, packet);
    });
  }

  /** @param {Found} found */
  bind(found) {
    const failed = super.bind(found);
    if (failed === undefined) this.isUnknown = false;
    return failed;
  }

  /** The store has failed to say whose socket this is. Before the next event it is asked again, or after a while. @param {unknown} error */
  unknown(error) {
    this.isUnknown = true;
    // An event that has asked ends in the error.
    if (this.isWelcome) this.identifyLater();
    else this.report(error, 'connection');
  }

  identifyLater() {
    clearTimeout(this.retry);
    this.wait = Math.min(2 * this.wait, LAST_WAIT);
    const again = () => this.isUnknown && !this.hasLeft && this.identify();
    this.retry = setTimeout(again, this.wait * (1 + Math.random())).unref();
  }

  /** Finds out whose socket this is, which the store could not say before. */
  identify() {
    if (this.heldPackets !== undefined) return;
    const { socket } = this;
    this.holdWhile((error, held) => {
      let failed = this.isUnknown ? error : undefined;
      if (!socket.connected) failed ??= failure('ERR_STORE_UNAVAILABLE');
      if (!failed) this.tellLoss();
      for (const packet of held) {
        if (failed) new SharedEvent(this, socket, packet.data ?? [], packet).refuse(failed);
        else socketIo.deliver(socket, packet);
      }
    });
  }

  /** Finds out whose socket this is. Until then its packets wait. @param {(error: unknown, held: Packet[]) => void} done */
  holdWhile(done) {
    this.heldPackets = [];
    authenticate(this, (error) => {
      // Socket.IO tells of `connect` and `connection` in one go. Both have to be over.
      nextTick(() => {
        const { heldPackets: held = [] } = this;
        this.heldPackets = undefined;
        this.adopted.inAll.waiting -= held.length;
        done(error, held);
      });
    });
  }

  /** A plugin makes an acknowledgement. @param {number} id @returns {(...values: any[]) => void} */
  ack(id) {
    const ack = socketIo.makeAck(this.socket, id);
    return this.delivering?.afterSave(ack) ?? ack;
  }

  /** It has connected, or has gone before that. */
  stopLooking() {
    this.endLook?.();
    this.endLook = undefined;
  }

  /** The socket is in its namespace, and the app's listeners are told. @param {'connect' | 'connection'} name */
  welcome(name) {
    this.stopLooking();
    this.isWelcome = true;
    const { socket } = this;
    const { nsp } = socket;
    const event = new SharedEvent(this, nsp, [name, socket]);
    event.mayNeverEnd = true;
    if (nsp.listenerCount(name) > 0) {
      // Other middlewares may have taken their time since its session was loaded.
      if (this.isFresh) event.start();
      else event.dispatch();
    }
    if (name === 'connect') return;
    this.tellLoss();
    if (this.isUnknown) this.identifyLater();
  }

  /** Tells a client that it has come back without its session. */
  tellLoss() {
    if (this.isLost) this.sharing.tellEnd(this, 'expire');
    this.isLost = false;
  }

  /** The socket leaves: its listeners run immediately, whatever the store does. @param {string} name @param {any[]} args */
  leaving(name, args) {
    const { socket } = this;
    [this.reason] = args;
    const isByApp = BY_APP.has(this.reason ?? '');
    // That it has connected, the app is told before.
    this.startPending((event) => !isByApp || /** @type {SharedEvent} */ (event).emitter !== socket);
    if (socket.listenerCount(name) > 0) new SharedEvent(this, socket, [name, ...args]).startNow();
    if (name === 'disconnect') this.leave();
    else if (this.sid !== undefined) {
      socketIo.rememberRoom(socket, roomOf(this.sid));
      rememberSessionRooms(this);
    } else {
      for (const room of this.formerRooms ?? []) socketIo.rememberRoom(socket, room);
      this.formerRooms = undefined;
    }
  }

  /** It is known whose socket it is: a recovered one leaves our rooms that it had before, and that are not its session's. */
  leaveFormerRooms() {
    const { formerRooms = [], sharing, sid, socket } = this;
    this.formerRooms = undefined;
    // Recovered once more, by now.
    if (sharing.connections.get(socket.id) !== this) return;
    for (const room of formerRooms)
      if (sid === undefined || room !== roomOf(sid)) socketIo.leaveRoom(socket, room);
  }

  /** The app disconnects its socket, which is to have its acknowledgements before. @param {() => void} disconnect */
  disconnect(disconnect) {
    if (this.unsent === 0) return disconnect();
    const earlier = this.allSent;
    this.allSent = () => {
      earlier?.();
      disconnect();
    };
  }

  /** Whether the app has disconnected it. */
  get isExpelled() {
    if (this.allSent !== undefined) return true;
    return !this.socket.connected && this.hasLeft && BY_APP.has(this.reason ?? '');
  }

  cleaned() {
    socketIo.closeRooms(this.socket);
    const { nsp } = this.socket;
    // A dynamic namespace that has become empty, where the app wants that.
    if (socketIo.isClosed(nsp)) this.sharing.namespaces.delete(nsp);
    // Refused: there will be no `disconnect`.
    if (!this.socket.connected) this.leave();
  }

  leave() {
    this.stopLooking();
    this.leaveFormerRooms();
    super.leave();
  }

  /** The socket may be recovered, and wants its own session back then. */
  discardOwn() {
    const { adopted, id, sharing, socket } = this;
    const duration = sharing.closed ? 0 : socketIo.recoverableFor(socket, this.reason);
    if (duration === 0) super.discardOwn();
    else setTimeout(() => sharing.connections.has(id) || adopted.destroyOwn(id), duration).unref();
  }

  /** Extends the life of the session, if the app wants that, once in the interval. @param {string} event that keeps it alive */
  keepAlive(event) {
    const { adopted, bound, current } = this;
    const { touchInterval } = this.sharing.options;
    if (touchInterval === undefined || bound === undefined || current.sid !== bound.sid) return;
    const now = performance.now();
    if (now - bound.lastTouch < touchInterval) return;
    const session = current.value;
    if (typeof adopted.store.touch !== 'function' || session?.id !== bound.sid) return;
    bound.lastTouch = now;
    try {
      const snapshot = snapshotOf(session);
      // A cookie that a handler has changed is a change still.
      const isUntouched = snapshot?.hasCookie(session);
      session.touch();
      if (isUntouched) snapshot?.touched(session);
    } catch (error) {
      // A handler has put something else into its place: `Object.assign(session, { cookie: null })`.
      return this.report(error, event);
    }
    adopted.touch(bound.sid, session, (error) => error && this.report(error, event));
  }
}

/** @param {SharedEvent} event */
function dispatch(event) {
  event.connection.arrived -= 1;
  // The socket has left since the packet came: Socket.IO handles it no more, either.
  const { isExpelled, socket } = event.connection;
  if (socket.connected && !isExpelled) event.dispatch();
}

// Few connections have these.

SharedConnection.prototype.isWelcome = false;
/** Whether the store has failed to say whose socket it is. */
SharedConnection.prototype.isUnknown = false;
/** Asks again. @type {any} */
SharedConnection.prototype.retry = undefined;
/** How long was waited before it was asked last, in ms. */
SharedConnection.prototype.wait = FIRST_WAIT / 2;
/** Whether its session was loaded in this round of the event loop. @type {boolean} */
SharedConnection.prototype.isFresh = false;
/** How many events that its middlewares have let pass later wait for the store. @type {number} */
SharedConnection.prototype.passing = 0;
/** The rooms of ours that it had before it was recovered, until it is known whose socket it is. @type {string[] | undefined} */
SharedConnection.prototype.formerRooms = undefined;
/** Why it has left, in Socket.IO's words. @type {string | undefined} */
SharedConnection.prototype.reason = undefined;
/** Whether it has come back without the session that it had, and has not been told. @type {boolean} */
SharedConnection.prototype.isLost = false;

module.exports.SharedConnection = SharedConnection;
