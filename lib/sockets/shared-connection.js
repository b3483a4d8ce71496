'use strict';

const { failure } = require('../support/errors.js');
const { socketMethods } = require('../session/methods.js');
const { snapshotOf } = require('../session/snapshot.js');
const { isFull } = require('../stores/lock.js');
const { Connection } = require('./connection.js');
const { KEY_EVENT, presentKey } = require('./binding/key-event.js');
const { SharedEvent } = require('./shared-event.js');
const { rememberSessionRooms } = require('./watch/session-rooms.js');
const { rememberRoom } = require('./rooms.js');
const { closeRooms, isHeard, makeAck, recoverableFor, whileConnecting } = require('./socket-io.js');

/** The reasons for which a socket leaves by itself. For any other the app has disconnected it. */
const BY_CLIENT = new Set([
  'client namespace disconnect',
  'transport close',
  'transport error',
  'ping timeout',
  'parse error',
]);

/** A connection of an app that calls `shareSession`: it follows the events of its socket. */
class SharedConnection extends Connection {
  /** @param {import('./sharing/socket-sharing.js').SocketSharing} sharing @param {any} socket */
  constructor(sharing, socket) {
    super(sharing, socket);
    this.sharing = sharing;
    /** @type {string | undefined} */
    this.boundTo = undefined;
    /** The packets that wait until it is known whose socket this is. @type {any[] | undefined} */
    this.held = undefined;
    /** How many events have arrived, and are not dispatched. */
    this.arrived = 0;
    /** The event that a plugin is given right now. @type {SharedEvent | undefined} */
    this.delivering = undefined;
    /** Stops looking for a client that goes before its socket is connected. @type {() => void} */
    this.connected = whileConnecting(socket, () => !socket.connected && this.leave());
    // Its former connection may have left a session of the socket's own in the store.
    if (socket.recovered) this.isStored = true;
  }

  get sid() {
    return this.boundTo;
  }

  set sid(sid) {
    this.boundTo = sid;
  }

  get methods() {
    return socketMethods;
  }

  /**
   * `socket.session`. One event of the socket may destroy the session while others go on: they keep the object that they had.
   */
  get session() {
    const { current } = this;
    return current.value ?? (current.isEnded && current.isShared ? current.session : undefined);
  }

  set session(session) {
    this.current.value = session;
  }

  /**
   * Binds the socket to a session that has been found.
   *
   * @param {string} sid
   * @param {import('./connection.js').Stored | undefined} stored
   * @param {number | undefined} clock
   */
  bind(sid, stored, clock) {
    const error = super.bind(sid, stored, clock);
    if (error !== -1) return error;
    if (this.sharing.options.touchInterval !== undefined) this.touched = Date.now();
    this.sharing.binds += 1;
    return error;
  }

  /**
   * A packet with an event has arrived.
   *
   * @param {import('./socket-io.js').Packet} [packet]
   * @param {(packet: any) => void} [plugin] is to have it, and calls the listeners or passes it on
   */
  receive(packet = {}, plugin) {
    const { delivering, socket } = this;
    if (delivering !== undefined) {
      if (plugin === undefined) delivering.passed();
      else plugin.call(socket, packet);
      return;
    }
    if (this.held !== undefined) {
      this.hold(packet);
      return;
    }
    const args = packet.data ?? [];
    const ack = this.ackOf(packet);
    const [name, data] = args;
    if (name === KEY_EVENT) {
      presentKey(this.sharing, this, data, ack);
      return;
    }
    // If nobody listens, the store is not asked.
    // One that is in front may add a listener.
    const isAlone = this.waiting === 0 && this.arrived === 0;
    if (plugin === undefined && isAlone && !isHeard(socket, name)) return;
    this.arrived += 1;
    const event = new SharedEvent(this, socket, args).asPacket(packet, ack);
    event.plugin = plugin;
    process.nextTick(dispatch, event);
  }

  /** @param {{ id?: number | null }} packet */
  ackOf({ id }) {
    return id === undefined || id === null ? undefined : makeAck(this.socket, id);
  }

  /** Keeps a packet until it is known whose socket this is. While the store hangs, its client may send on. @param {any} packet */
  hold(packet) {
    const held = /** @type {any[]} */ (this.held);
    if (isFull(this.adopted, held.length)) {
      const event = new SharedEvent(this, this.socket, packet.data ?? []).asPacket(
        packet,
        this.ackOf(packet),
      );
      event.refuse(failure('ERR_OVERLOADED'));
      return;
    }
    this.adopted.waiting += 1;
    held.push(packet);
  }

  /** It is known whose socket this is. @returns {any[]} the packets that have waited for it */
  takeHeld() {
    /** @type {any[]} */
    const held = this.held ?? [];
    this.held = undefined;
    this.adopted.waiting -= held.length;
    return held;
  }

  /** A plugin makes an acknowledgement. @param {number} id @returns {(...values: any[]) => void} */
  ack(id) {
    const ack = makeAck(this.socket, id);
    return this.delivering?.held(ack) ?? ack;
  }

  /**
   * The socket is in its namespace, and the app's listeners are told.
   *
   * @param {'connect' | 'connection'} name
   */
  welcome(name) {
    this.connected();
    this.isWelcome = true;
    const { socket } = this;
    const { nsp } = socket;
    if (nsp.listenerCount(name) > 0) new SharedEvent(this, nsp, [name, socket]).start();
    if (name === 'connect' || !this.isLost) return;
    this.isLost = false;
    this.sharing.tellEnd(this, 'expire');
  }

  /**
   * The socket leaves: its listeners run immediately, with the current session, whatever the store does.
   *
   * @param {string} name
   * @param {any[]} args
   */
  leaving(name, args) {
    const { socket } = this;
    [this.reason] = args;
    if (BY_CLIENT.has(this.reason ?? '')) this.startPending();
    if (socket.listenerCount(name) > 0) {
      const event = new SharedEvent(this, socket, [name, ...args]);
      const { adopted, storedId } = this;
      if (storedId !== undefined && adopted.isAtHand()) event.look(storedId);
      event.start();
    }
    if (name === 'disconnect') this.leave();
    else if (this.sid !== undefined) {
      rememberRoom(socket, this.sid);
      rememberSessionRooms(this);
    }
  }

  /** Whether the app has disconnected it. */
  get isExpelled() {
    return !this.socket.connected && this.hasLeft && !BY_CLIENT.has(this.reason ?? '');
  }

  cleaned() {
    closeRooms(this.socket);
    this.sharing.forgetClosed(this.socket.nsp);
  }

  refused() {
    this.leave();
  }

  leave() {
    this.connected();
    super.leave();
  }

  /** The socket may be recovered, and wants its own session back then. */
  discardOwn() {
    const { adopted, id, sharing, socket } = this;
    const duration = sharing.closed ? 0 : recoverableFor(socket, this.reason);
    if (duration === 0) super.discardOwn();
    else setTimeout(() => sharing.connections.has(id) || adopted.store.destroy(id), duration).unref();
  }

  /**
   * Extends the life of the session in the store, if the app wants that and the interval has passed.
   *
   * @param {string} event the event that kept it alive
   */
  keepAlive(event) {
    const { adopted, sid } = this;
    const { touchInterval } = this.sharing.options;
    if (touchInterval === undefined || sid === undefined || this.current.sid !== sid) return;
    const now = Date.now();
    if (now - (this.touched ?? 0) < touchInterval) return;
    const session = this.current.value;
    if (typeof adopted.store.touch !== 'function' || session?.id !== sid) return;
    this.touched = now;
    try {
      session.touch();
      snapshotOf(session)?.touched(session);
    } catch (error) {
      // A handler has put something else into its place: `Object.assign(session, { cookie: null })`.
      this.report(error, event);
      return;
    }
    adopted.touch(sid, session, (error) => error && this.report(error, event));
  }
}

/** @param {SharedEvent} event */
function dispatch(event) {
  event.connection.arrived -= 1;
  // The socket has left since the packet came: Socket.IO handles it no more, either.
  if (event.connection.socket.connected) event.dispatch();
}

// Few connections have these.

/** When the life of its session was extended last, in ms. @type {number | undefined} */
SharedConnection.prototype.touched = undefined;
SharedConnection.prototype.isWelcome = false;
/** Why it has left, in Socket.IO's words. @type {string | undefined} */
SharedConnection.prototype.reason = undefined;
/** Whether it has come back without the session that it had, and has not been told. @type {boolean} */
SharedConnection.prototype.isLost = false;
/** Whether Socket.IO has recovered it without its middlewares. @type {boolean} */
SharedConnection.prototype.isRecovered = false;

module.exports.SharedConnection = SharedConnection;
