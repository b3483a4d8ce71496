'use strict';

const { EventRequest } = require('./event-request.js');
const { LastingEvent } = require('./lasting-event.js');
const { enter } = require('./scope.js');
const { SessionEvent } = require('./session-event.js');
const { socketMethods } = require('../session/methods.js');

/** @type {any[]} */
const NOTHING = [];

/** One event of a socket that shares a session by `shareSession`. */
class SocketEvent extends LastingEvent {
  /**
   * @param {import('./socket-connection.js').SocketConnection} connection
   * @param {any} emitter whose listeners are called: the socket, or for `connection` its namespace
   * @param {any[]} args the event's name, and what the listeners get
   */
  constructor(connection, emitter, args) {
    super(connection, args[0]);
    this.emitter = emitter;
    this.args = args;
    /** Whether it came as a packet, which listeners for any event and middlewares see too. */
    this.isPacket = false;
    /** What its client has been told could not be saved: the session's id, and its text. @type {string | undefined} */
    this.unsaved = undefined;
  }

  /** The session, as this event sees it. Most handlers never look, and need no request. */
  get seen() {
    this.request ??= new EventRequest(this, this.sid ?? this.connection.id);
    return this.request.session;
  }

  set seen(session) {
    this.request ??= new EventRequest(this, this.sid ?? this.connection.id);
    this.request.session = session;
  }

  get methods() {
    return socketMethods;
  }

  /** Whoever makes its session, it has our methods. @param {any} session */
  accept(session) {
    if (this.retired) {
      this.connection.latest.accept(session);
      return;
    }
    this.methods.give(session);
    super.accept(session);
  }

  /**
   * It came as a packet; the client may wait for an acknowledgement. That is sent when what was changed before it is
   * saved: who has the answer finds the change in the store.
   *
   * @param {((...values: any[]) => void) | undefined} ack
   * @returns {this}
   */
  asPacket(ack) {
    this.isPacket = true;
    if (ack === undefined) return this;
    this.ack = ack;
    this.args.push((/** @type {any[]} */ ...values) => {
      this.ack = undefined;
      this.write((error) => {
        if (error) {
          this.report(error);
          ack(this.connection.sharing.answerTo(error));
        } else ack(...values);
        this.settle();
      });
    });
    return this;
  }

  /** Runs it without waiting for the store: what is not at hand is taken as the event before it left it. */
  atOnce() {
    const { adopted, connection, sid } = this;
    const id = this.storedId();
    if (id !== undefined && !adopted.isAtHand()) this.resume(connection.latest);
    else if (id !== undefined) {
      this.text = adopted.readText(id);
      this.clock = adopted.clock();
      if (this.text === undefined && sid !== undefined) {
        if (connection.sid === sid) connection.end('expire');
        this.sid = undefined;
      }
    }
    this.handle();
  }

  /**
   * The event that goes on with this one's session: itself, or another where its handlers have not ended yet.
   *
   * @param {any} emitter
   * @param {any[]} args
   * @returns {SocketEvent}
   */
  become(emitter, args) {
    if (!this.settled) {
      const event = new SocketEvent(this.connection, emitter, args);
      event.resume(this);
      return event;
    }
    this.emitter = emitter;
    this.args = args;
    this.name = args[0];
    return this;
  }

  settle() {
    if (!this.settled) return;
    this.args = NOTHING;
    this.unsaved = undefined;
    this.connection.settled(this);
    super.settle();
  }

  handle() {
    return enter(this, handle);
  }

  /** @param {unknown} [error] */
  run(error) {
    return error === undefined ? this.deliver() : this.refused(error);
  }

  /** Calls the listeners, as Socket.IO does. @returns {Promise<unknown> | undefined} when some of them answered by promise */
  deliver() {
    const { args, connection } = this;
    const { socket } = connection;
    /** @type {Promise<unknown>[]} */
    const results = [];
    if (this.isPacket) {
      if (socket._anyListeners?.length > 0) call(socket.listenersAny(), socket, args, results);
      if (socket.fns?.length > 0) {
        results.push(this.filter());
        return settling(results);
      }
    }
    this.listen(results);
    return settling(results);
  }

  /** Calls the listeners of the event itself. @param {Promise<unknown>[]} results */
  listen(results) {
    const { args, connection, emitter } = this;
    // The app has disconnected its socket: as by Socket.IO 4, what has come from it is not handled any more.
    if (this.isPacket && connection.isExpelled) return;
    call(emitter.rawListeners(args[0]), emitter, args.slice(1), results);
  }

  /** Runs the middlewares of the socket (`socket.use`), then the listeners. @returns {Promise<unknown>} */
  filter() {
    const { args } = this;
    const { socket } = this.connection;
    return new Promise((resolve, reject) => {
      const listen = (/** @type {any} */ error) => {
        /** @type {Promise<unknown>[]} */
        const results = [];
        try {
          if (!error) this.listen(results);
          // As Socket.IO 4 and 2 tell of it.
          else if (socket._onerror) socket._onerror(error);
          else socket.error(error.data || error.message);
        } catch (thrown) {
          reject(thrown);
          return;
        }
        resolve(settling(results));
      };
      socket.run(args, (/** @type {any} */ error) => process.nextTick(listen, error));
    });
  }

  /** The store failed, and the handlers do not run: who waits for an acknowledgement is told. @param {unknown} error */
  refused(error) {
    this.handled = true;
    const { ack } = this;
    this.ack = undefined;
    ack?.(this.connection.sharing.answerTo(error));
    this.settle();
  }

  /**
   * @param {any} session
   * @param {import('../session/snapshot.js').Origin | undefined} origin
   * @param {string} text
   * @param {(error?: unknown) => void} done
   */
  save(session, origin, text, done) {
    const { unsaved } = this;
    // A client that was told of the failure must not find it saved after all.
    if (unsaved !== undefined && unsaved === session.id + text) done();
    else if (this.handled) super.save(session, origin, text, done);
    else {
      super.save(session, origin, text, (error) => {
        if (error) this.unsaved = session.id + text;
        done(error);
      });
    }
  }

  commit() {
    this.handled = true;
    this.write((error) => {
      if (error) this.report(error);
      this.settle();
    });
    this.keepAlive();
  }

  /** @param {unknown} error */
  failed(error) {
    this.handled = true;
    this.settle();
    return super.failed(error);
  }

  /** Extends the life of the session in the store, where the app wants that and it is time. */
  keepAlive() {
    const { adopted, connection } = this;
    const { touchInterval } = connection.sharing.options;
    if (touchInterval === undefined || this.sid === undefined || connection.sid !== this.sid) return;
    const now = Date.now();
    if (now - (connection.touched ?? 0) < touchInterval) return;
    const session = this.seen;
    if (typeof adopted.store.touch !== 'function' || session?.id !== this.sid) return;
    connection.touched = now;
    try {
      session.touch();
    } catch (error) {
      // A handler has put what a client sent into its place: `Object.assign(session, { cookie: null })`.
      this.report(error);
      return;
    }
    adopted.touch(this.sid, session, (error) => error && this.report(error));
  }
}

/**
 * Runs an event's handlers, in its scope.
 *
 * @param {SocketEvent} event
 */
function handle(event) {
  event.handled = false;
  return SessionEvent.prototype.handle.call(event);
}

/**
 * Calls listeners as an EventEmitter does, and collects the promises that they give.
 *
 * @param {Function[]} listeners
 * @param {any} emitter
 * @param {any[]} args
 * @param {Promise<unknown>[]} results
 */
function call(listeners, emitter, args, results) {
  for (const listener of listeners) {
    const result = listener.apply(emitter, args);
    if (typeof result?.then === 'function') results.push(result);
  }
}

/**
 * One promise for all: fulfilled when the last is settled. The first that rejects is its reason; each further one is
 * shown by Node.js, as it would be without us.
 *
 * @param {Promise<unknown>[]} results
 * @returns {Promise<unknown> | undefined}
 */
function settling(results) {
  if (results.length < 2) return results[0];
  return Promise.allSettled(results).then((outcomes) => {
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    for (const { reason } of failed.slice(1)) Promise.reject(reason);
    if (failed.length > 0) throw failed[0].reason;
  });
}

module.exports.SocketEvent = SocketEvent;
