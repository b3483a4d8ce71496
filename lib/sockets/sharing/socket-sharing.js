'use strict';

const debug = require('debug')('io-session');
const { countTimeouts } = require('../../stores/ask.js');
const { isSameContent } = require('../../session/session-data.js');
const { spreadChange, spreadEnd, hearEnds, hearChanges } = require('./cluster.js');
const { EmbeddedStore } = require('../../stores/embedded-store.js');
const { Failure, failure } = require('../../support/errors.js');
const { Responses } = require('../../http/responses.js');
const { leaveSessionRooms } = require('../watch/session-rooms.js');
const { roomOf } = require('../rooms.js');
const { takeSession } = require('../shared-properties.js');
const { isClosed, unfollowSocket } = require('../socket-io.js');
const { requestMethods } = require('../../session/methods.js');
const { Sharing } = require('./sharing.js');

/** @typedef {import('../../support/options.js').ShareOptions} ShareOptions */
/** @typedef {import('../connection.js').Connection} Connection */

/** What tells a client that its session has ended. */
const END_EVENT = 'session:end';
/** What is wrong with a key or a cookie, and no fault of the store's. */
const CLIENTS = ['ERR_MISSING_KEY', 'ERR_MISSING_DATA'];

/** What a client may know of a failure. @param {unknown} error */
function concealed(error) {
  return error instanceof Failure ? error : failure('ERR_STORE_UNAVAILABLE');
}

/** What an app shares that calls `shareSession`. */
class SocketSharing extends Sharing {
  /** @param {ShareOptions} options */
  constructor(options) {
    super(() => options);
    this.read = options;
    this.own = options;
    this.channel = options.channel;
    this.maxFailedKeys = options.maxFailedKeys;
    this.maxKeysPerMinute = options.maxKeysPerMinute;
    this.tellsExpress = false;
    this.closed = false;
    /** The namespaces it serves, and how each is given back as it was. @type {Map<any, () => void>} */
    this.namespaces = new Map();
    /** The main namespaces of their servers, and how to hear no more of other processes there. @type {Map<any, () => void>} */
    this.mains = new Map();
    /** The rooms of the sessions that other processes have ended a moment ago. @type {Set<string>} */
    this.endedElsewhere = new Set();
    this.responses = new Responses();
    /** Whether the app has asked for the Socket.IO middleware. */
    this.servesSockets = false;
    /** How often it has bound a socket. */
    this.binds = 0;
    this.onEnd = (/** @type {import('../../stores/adopted-store.js').SessionEnded} */ end) => {
      this.unbindAll(end);
      // Not before: a socket that shares again meanwhile would be given the session that is about to go.
      // And their browsers are to have their new cookie by then.
      end.after?.push(() => this.responses.whenOut(end.sid, () => spreadEnd(this, end)));
    };
    this.use(options.store ?? new EmbeddedStore(), "shareSession: the option 'store'");
    const adopted = /** @type {import('../../stores/adopted-store.js').AdoptedStore} */ (
      /** @type {unknown} */ (this.adopted)
    );
    adopted.methods = requestMethods;
    /** @type {'processes' | 'process'} */
    this.exact = adopted.exact;
    /** What has been done with its store. They outlive `close()`. */
    this.counts = adopted.counts;
  }

  /** @returns {ShareOptions} */
  get options() {
    return this.own;
  }

  /** Begins to serve a namespace. @param {any} namespace @param {() => void} restore */
  serve(namespace, restore) {
    this.namespaces.set(namespace, restore);
    this.join(namespace.server);
  }

  get touchInterval() {
    const { keepAlive, touchInterval } = this.options;
    return keepAlive === 'connected' && touchInterval !== undefined ? touchInterval : super.touchInterval;
  }

  /** @param {string} sid @param {string} before @param {string} text */
  spreadChange(sid, before, text) {
    const { emitter, onSessionChange, rooms } = this.options;
    // A process without sockets need not know whether others follow the changes.
    const isFollowed = emitter.length > 0 || onSessionChange !== undefined || rooms !== undefined;
    if (isFollowed && !isSameContent(before, text)) spreadChange(this, sid);
  }

  /** @param {import('../binding/key-lookup.js').Found} found */
  isOver(found) {
    if (super.isOver(found)) return true;
    return this.endedElsewhere.size > 0 && this.endedElsewhere.has(roomOf(found.sid));
  }

  /** Joins the processes that a server's adapter reaches. @param {any} server */
  join(server) {
    const main = server.of('/');
    // Not in Socket.IO 2.
    if (typeof main.serverSideEmit !== 'function' || this.mains.has(main)) return;
    const deafen = [hearEnds(this, main), hearChanges(this, main)];
    this.mains.set(main, () => {
      for (const end of deafen) end();
    });
  }

  /**
   * Socket.IO closes a dynamic namespace that has become empty, where the app wants that.
   *
   * @param {any} namespace
   */
  forgetClosed(namespace) {
    if (isClosed(namespace)) this.namespaces.delete(namespace);
  }

  /** @param {Connection} connection @param {string} reason @param {string} sid */
  ended(connection, reason, sid) {
    debug('socket %s lost its session: %s', connection.id, reason);
    // The client shares again when it hears of it. The cookie of the session that takes this one's place has to be there.
    this.responses.whenOut(sid, () => {
      if (!connection.hasLeft && connection.sid === undefined) this.tellEnd(connection, reason);
    });
  }

  /** Tells a client that its session has ended. @param {Connection} connection @param {string} reason */
  tellEnd(connection, reason) {
    connection.socket.emit(END_EVENT, { reason });
    this.apply(connection, reason);
  }

  /** Whether a failure is the store's, and not the client's. @param {any} error */
  isFault(error) {
    return !CLIENTS.includes(error?.code);
  }

  /** @param {unknown} error */
  answerTo(error) {
    const { code, message } = concealed(error);
    return { error: message, code };
  }

  /** @param {unknown} error */
  statusOf(error) {
    return concealed(error).status;
  }

  /** Its client is told no word of the store's: the app is. @param {unknown} error @param {{ socket?: any, event?: string }} where */
  refused(error, where) {
    this.report(error, where);
  }

  /** The connections that are bound to a session, of all sessions or of one. @param {string} [sid] @returns {Connection[]} */
  bound(sid) {
    const all = [...this.connections.values()];
    return all.filter((connection) =>
      sid === undefined ? connection.sid !== undefined : connection.sid === sid,
    );
  }

  /** What it has done, and what it holds. */
  stats() {
    const { adopted, binds, counts } = this;
    // A probe may have told more since.
    if (adopted) this.exact = adopted.exact;
    return { exact: this.exact, sockets: this.bound().length, binds, ...counts, timeouts: countTimeouts() };
  }

  /** Gives everything back as it was. */
  close() {
    if (this.closed) return;
    this.closed = true;
    for (const connection of [...this.connections.values()]) {
      // One that has left may have listeners of `disconnect` that are running.
      if (connection.hasLeft) continue;
      const { socket } = connection;
      leaveSessionRooms(connection);
      unfollowSocket(socket);
      // While the store is still known: what it has there of its own goes.
      connection.leave();
      // In the middle of an event, or of its connecting, it keeps its session.
      if (connection.isGone && socket.connected) takeSession(socket);
    }
    for (const restore of this.namespaces.values()) restore();
    this.namespaces.clear();
    for (const deafen of this.mains.values()) deafen();
    this.mains.clear();
    this.use(undefined, '');
  }
}

module.exports.SocketSharing = SocketSharing;
