'use strict';

const { anyListeners, hasMiddlewares, refuseEvent, runMiddlewares } = require('./socket-io.js');
const { undelete } = require('./shared-properties.js');
const { SocketEvent } = require('./socket-event.js');
const { nextTick, setImmediate } = require('../support/timers.js');

/** @import { SharedConnection } from './shared-connection.js' */
/** @import { Packet } from './socket-io.js' */

/** @typedef {Promise<unknown>[]} Results the promises that listeners have returned */
/** @typedef {(...values: any[]) => void} Ack sends an acknowledgement */

/** One event of a socket that shares a session by `shareSession`. */
class SharedEvent extends SocketEvent {
  /**
   * @param {SharedConnection} connection
   * @param {any} emitter whose listeners are called: the socket, or for `connection` its namespace
   * @param {any[]} args the event's name, and what the listeners get
   * @param {Packet} [packet] that it came in: listeners for any event and middlewares see those only
   * @param {(packet: any) => void} [plugin] the `onevent` of a plugin, which is to have the packet
   */
  constructor(connection, emitter, args, packet, plugin) {
    super(connection, args[0]);
    this.connection = connection;
    this.emitter = emitter;
    this.packet = packet;
    this.plugin = plugin;
    /** Acknowledges the event, where its client waits for that. */
    this.ack = packet && connection.ackOf(packet);
    this.ackAfterSave = this.ack && this.afterSave(this.ack);
    this.args = this.ackAfterSave ? [...args, this.ackAfterSave] : args;
    /** Whether a middleware has let it pass later, and it waits for the store. */
    this.isPassing = false;
    /** The one whose middlewares have let it pass: what they have changed is saved with it. @type {SharedEvent | undefined} */
    this.before = undefined;
    /** What the listeners have returned that a plugin has called through us. @type {Results | undefined} */
    this.results = undefined;
  }

  /** An acknowledgement that is sent when what was changed before it is saved. @param {Ack} ack @returns {Ack} */
  afterSave(ack) {
    return this.acknowledgement((error, values) => {
      if (error) ack(this.connection.sharing.answerTo(error));
      else ack(...values);
    });
  }

  /** @param {unknown} [error] */
  run(error) {
    if (error === undefined) return this.deliver();
    this.ack?.(this.connection.sharing.answerTo(error));
    return undefined;
  }

  /** @param {unknown} error */
  refuse(error) {
    const { connection, emitter, name } = this;
    this.stopPassing();
    this.before?.answered();
    if (emitter === connection.socket) return super.refuse(error);
    // The app has to hear of its sockets, whatever the store does.
    connection.report(error, name);
    return this.start();
  }

  /** Calls the listeners, as Socket.IO does. @returns {Promise<unknown> | undefined} when some of them answered by promise */
  deliver() {
    const { connection, packet, plugin } = this;
    if (packet === undefined) return this.allOf(this.listen());
    if (plugin === undefined) return this.allOf(this.callAll());
    connection.delivering = this;
    try {
      plugin.call(connection.socket, packet);
    } finally {
      connection.delivering = undefined;
    }
    return this.allOf(this.results ?? []);
  }

  /** Calls the listeners for any event, and those of the event, or the middlewares in front of these. @returns {Results} */
  callAll() {
    const { socket } = this.connection;
    const results = call(anyListeners(socket), socket, this.args);
    if (hasMiddlewares(socket)) this.filter();
    // The app has disconnected its socket: as by Socket.IO, what has come from it is not handled any more.
    else if (!this.connection.isExpelled) results.push(...this.listen());
    return results;
  }

  /** Calls the listeners of the event itself. @returns {Results} */
  listen() {
    const { args, emitter } = this;
    return call(emitter.rawListeners(args[0]), emitter, args.slice(1));
  }

  /** Runs the socket's middlewares. What they pass is an event of its own: many drop packets silently. */
  filter() {
    const { args, connection } = this;
    let isNow = true;
    setImmediate(() => {
      isNow = false;
    });
    connection.filtered += 1;
    // They may change what they hold, as a handler that has ended and not acknowledged.
    this.isUnanswered = true;
    let left = 1;
    const passed = (/** @type {any} */ error) => {
      // One may say so twice.
      connection.filtered -= left;
      left = 0;
      if (error) this.refusePacket(error);
      else if (connection.socket.connected) this.resume(isNow);
      else this.saveFiltered();
      connection.idle?.();
    };
    runMiddlewares(connection.socket, args, (error) => {
      // Socket.IO waits for the current operation. A socket that leaves has no later one.
      if (connection.letThrough) connection.letThrough.push(() => passed(error));
      else nextTick(passed, error);
    });
  }

  /** The middlewares have let it pass. @param {boolean} isNow whether its session has just been loaded */
  resume(isNow) {
    const { ack, args, connection, ackAfterSave } = this;
    const rest = new SharedEvent(connection, connection.socket, args);
    rest.before = this;
    if (ack && args.at(-1) === ackAfterSave) {
      rest.ack = ack;
      rest.args = [...args.slice(0, -1), rest.afterSave(ack)];
    }
    // In the order in which they have passed.
    if (isNow && connection.passing === 0) return rest.start();
    connection.passing += 1;
    rest.isPassing = true;
    rest.dispatch();
  }

  /** It has waited for its place. */
  stopPassing() {
    if (this.isPassing) this.connection.passing -= 1;
    this.isPassing = false;
  }

  start() {
    this.stopPassing();
    undelete(this.connection.socket);
    return super.start();
  }

  /** @param {(error?: unknown) => void} done */
  commit(done) {
    const { connection } = this;
    if (undelete(connection.socket)) connection.session = null;
    super.commit(done);
  }

  /** @param {unknown} error */
  failed(error) {
    this.before?.answered();
    return super.failed(error);
  }

  /** A middleware has refused the event. @param {any} error */
  refusePacket(error) {
    const { connection, name } = this;
    this.saveFiltered();
    try {
      refuseEvent(connection.socket, error);
    } catch (thrown) {
      // A listener of `error` has thrown.
      if (!connection.sharing.options.onError) throw thrown;
      connection.report(thrown, name);
    }
  }

  /** Saves what the middlewares have changed, where no listener is called. */
  saveFiltered() {
    this.answered();
    this.commit(() => {});
  }

  /** One promise for all, fulfilled when the last is settled. @param {Results} results @returns {Promise<unknown> | undefined} */
  allOf(results) {
    if (results.length < 2) return results[0];
    return Promise.allSettled(results).then((outcomes) => {
      const { connection, name } = this;
      const [first, ...others] = outcomes.filter((outcome) => outcome.status === 'rejected');
      for (const { reason } of others) {
        // Without an `onError`, Node.js shows each, as it would without us.
        if (connection.sharing.options.onError) connection.report(reason, name);
        else Promise.reject(reason);
      }
      if (first !== undefined) throw first.reason;
    });
  }

  save() {
    super.save();
    this.before?.answered();
    if (this.failure === undefined) this.connection.keepAlive(this.name);
  }
}

/** Calls listeners as an EventEmitter does. @param {Function[]} listeners @param {any} emitter @param {any[]} args */
function call(listeners, emitter, args) {
  /** @type {Results} */
  const results = [];
  for (const listener of listeners) {
    let result;
    try {
      result = listener.apply(emitter, args);
    } catch (error) {
      // An earlier listener is under way: it ends first.
      if (results.length === 0) throw error;
      results.push(Promise.reject(error));
      break;
    }
    if (typeof result?.then === 'function') results.push(result);
  }
  return results;
}

module.exports.SharedEvent = SharedEvent;
