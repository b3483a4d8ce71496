'use strict';

const { countTimeouts } = require('../../stores/tickets.js');
const { isSameContent } = require('../../session/session-data.js');
const { CHANGE, Cluster, END } = require('./cluster.js');
const { EmbeddedStore } = require('../../stores/embedded-store.js');
const { failure, isFailure } = require('../../support/errors.js');
const { httpMethods, whenOut } = require('../../http/responses.js');
const { leaveSessionRooms } = require('../watch/session-rooms.js');
const { takeSession } = require('../shared-properties.js');
const { unfollowSocket } = require('../socket-io.js');
const { socketMethods } = require('../../session/methods.js');
const { updateSession } = require('../../session/update.js');
const { delay, nextTurn, setTimeout } = require('../../support/timers.js');
const { Sharing } = require('./sharing.js');

/** @import { Found } from '../binding/key-lookup.js' */
/** @import { Connection } from '../connection.js' */
/** @import { SharedConnection } from '../shared-connection.js' */
/** @import { Where } from './sharing.js' */
/** @import { AdoptedStore, SessionEnded } from '../../stores/adopted-store.js' */
/** @import { ShareOptions } from '../../support/options.js' */

/** What tells a client that its session has ended. */
const END_EVENT = 'session:end';

/** How often it is looked whether all has ended after `close()`, in ms. */
const POLL = 10;

/** What a client may know of a failure. @param {unknown} error */
function concealed(error) {
  return isFailure(error) ? error : failure('ERR_STORE_UNAVAILABLE');
}

/** What an app shares that calls `shareSession`. @extends {Sharing<ShareOptions>} */
class SocketSharing extends Sharing {
  /** @param {ShareOptions} options */
  constructor(options) {
    super(() => options);
    this.tellsExpress = false;
    this.methods = socketMethods;
    this.closed = false;
    /** The namespaces it serves, and how each is given back as it was. @type {Map<any, () => void>} */
    this.namespaces = new Map();
    this.cluster = new Cluster(this);
    /** Whether the app has asked for the Socket.IO middleware. */
    this.servesSockets = false;
    this.use(this.options.store ?? new EmbeddedStore(), "shareSession: the option 'store'");
    /** Its store, after `close()`, too. */
    this.own = /** @type {AdoptedStore} */ (this.adopted);
    this.own.methods = httpMethods;
  }

  /** @param {SessionEnded} end */
  sessionEnded(end) {
    super.sessionEnded(end);
    // Not before: a socket that shares again meanwhile would be given the session that is about to go. And the browsers are
    // to have their new cookie by then.
    end.after?.push(() => whenOut(end.sid, () => this.cluster.tell(END, end.sid, end.reason)));
  }

  /** @param {string} sid @param {string} before @param {string} text */
  spreadChange(sid, before, text) {
    const { emitter, onSessionChange, rooms } = this.options;
    // A process without sockets need not know whether others follow the changes.
    const isFollowed = emitter.length > 0 || onSessionChange !== undefined || rooms !== undefined;
    if (isFollowed && !isSameContent(before, text)) this.cluster.tell(CHANGE, sid);
  }

  /** @param {Found} found */
  isOver(found) {
    return super.isOver(found) || this.cluster.hasEnded(found.sid);
  }

  /** @param {Connection} connection @param {string} reason @param {string} sid */
  ended(connection, reason, sid) {
    // The client shares again when it hears of it. The cookie of the session that takes this one's place has to be there.
    whenOut(sid, () => {
      if (!connection.hasLeft && connection.sid === undefined) this.tellEnd(connection, reason);
    });
  }

  /** Tells a client that its session has ended. @param {Connection} connection @param {string} reason */
  tellEnd(connection, reason) {
    connection.socket.emit(END_EVENT, { reason });
    super.ended(connection, reason);
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

  /** Its client is told no word of the store's: the app is. @param {unknown} error @param {Where} where */
  refused(error, where) {
    this.report(error, where);
  }

  /** The sockets that are bound to a session. @param {string} sid @returns {any[]} */
  socketsOf(sid) {
    return [...this.connections.values()].filter((one) => one.sid === sid).map(({ socket }) => socket);
  }

  /** Changes what is stored of a session, by its id. @param {unknown} sid @param {(session: any) => unknown} change */
  async update(sid, change) {
    if (typeof sid !== 'string')
      throw new TypeError('io-session: sharing.update(sid, fn): sid must be the id of a session, a string.');
    if (this.adopted === undefined) throw failure('ERR_NO_SESSION_STORE');
    return updateSession(this.adopted, sid, undefined, change, this.methods, this.watch.tellingOf(sid));
  }

  /** What it has done, and what it holds. */
  stats() {
    const { binds, own } = this;
    const sockets = [...this.connections.values()].filter(({ sid }) => sid !== undefined).length;
    return { exact: own.exact, sockets, binds, ...own.counts, timeouts: countTimeouts() };
  }

  /** Gives everything back as it was. @returns {Promise<void>} */
  close() {
    if (!this.closed) this.giveBack();
    return this.settled();
  }

  /** Waits until what is under way has ended and is saved, as long as a call to the store may take. The process stays for that: code behind it closes the store, say. */
  async settled() {
    const { commits, updates } = this.own;
    const end = performance.now() + this.options.storeTimeout;
    const isBusy = () =>
      this.handlers > 0 ||
      commits.held.size > 0 ||
      updates.held.size > 0 ||
      [...this.connections.values()].some(({ waiting }) => waiting > 0);
    // What has arrived begins.
    await nextTurn();
    while (isBusy() && performance.now() < end) await delay(POLL);
  }

  giveBack() {
    this.closed = true;
    // One may have dropped a packet silently.
    let waitsForMiddlewares = true;
    for (const connection of [...this.connections.values()]) {
      // One that has left may have listeners of `disconnect` that are running.
      if (connection.hasLeft) continue;
      const { socket } = connection;
      leaveSessionRooms(connection);
      // Nobody is asked any more whose socket it is.
      /** @type {SharedConnection} */ (connection).isUnknown = false;
      // In the middle of an event, or of its connecting, it keeps its session. What comes meanwhile may change that, too.
      connection.idle = () => {
        const { filtered, running, waiting } = connection;
        if (running.length > 0 || waiting > 0 || (waitsForMiddlewares && filtered > 0)) return;
        connection.idle = undefined;
        unfollowSocket(socket);
        connection.leave();
        if (socket.connected) takeSession(socket);
      };
      connection.idle();
    }
    const stopWaiting = () => {
      waitsForMiddlewares = false;
      for (const { idle } of [...this.connections.values()]) idle?.();
    };
    setTimeout(stopWaiting, this.options.storeTimeout).unref();
    for (const restore of this.namespaces.values()) restore();
    this.namespaces.clear();
    this.cluster.leave();
    this.use(undefined, '');
  }
}

module.exports.SocketSharing = SocketSharing;
