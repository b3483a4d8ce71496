'use strict';

const { roomOf } = require('../rooms.js');
const { idsIn, reachesOthers } = require('../socket-io.js');
const { setTimeout } = require('../../support/timers.js');

/** @import { SocketSharing } from './socket-sharing.js' */

/** By which the processes of a cluster tell each other that a session has ended. */
const END = 'io-session:end';
/** By which they tell each other that a session has changed: those that have sockets of it look it up. */
const CHANGE = 'io-session:change';
const REASONS = ['destroy', 'regenerate'];

/**
 * The processes of a cluster: they tell each other of a session by Socket.IO's adapter, or by the app's emitters, on the main
 * namespace, which every server has. They say the name of the session's room, which does not give its id away.
 */
class Cluster {
  /** @param {SocketSharing} sharing */
  constructor(sharing) {
    this.sharing = sharing;
    /** The main namespaces of the servers. @type {Set<any>} */
    this.mains = new Set();
    /** The rooms of the sessions that other processes have ended a moment ago. @type {Set<string>} */
    this.ended = new Set();
    this.hearEnd = (/** @type {unknown} */ room, /** @type {unknown} */ reason) => {
      if (typeof room !== 'string' || !REASONS.includes(String(reason))) return;
      // A socket that is being bound right now, to what was loaded before.
      this.ended.add(room);
      setTimeout(() => this.ended.delete(room), sharing.options.storeTimeout).unref();
      const sid = this.sidIn(room);
      if (sid !== undefined) sharing.adopted?.end(sid, /** @type {'destroy' | 'regenerate'} */ (reason));
    };
    this.hearChange = (/** @type {unknown} */ room) => {
      const sid = typeof room === 'string' ? this.sidIn(room) : undefined;
      if (sid !== undefined) sharing.watch.changedElsewhere(sid);
    };
  }

  /** Joins the processes that a server's adapter reaches. @param {any} server */
  join(server) {
    const main = server.of('/');
    // Not in Socket.IO 2.
    if (typeof main.serverSideEmit !== 'function' || this.mains.has(main)) return;
    this.mains.add(main);
    main.on(END, this.hearEnd);
    main.on(CHANGE, this.hearChange);
  }

  leave() {
    for (const main of this.mains) {
      main.off(END, this.hearEnd);
      main.off(CHANGE, this.hearChange);
    }
    this.mains.clear();
  }

  /** This process has ended a session, or changed one. @param {string} event @param {string} sid @param {string[]} reason */
  tell(event, sid, ...reason) {
    const { mains, sharing } = this;
    try {
      const emitters = sharing.options.emitter.map((emitter) => emitter.of('/'));
      for (const sender of [...[...mains].filter(reachesOthers), ...emitters])
        sender.serverSideEmit(event, roomOf(sid), ...reason);
    } catch (error) {
      // Their next event or look-up notices; what this process has done has succeeded.
      sharing.report(error, {});
    }
  }

  /** Whether another process has ended a session a moment ago. @param {string} sid */
  hasEnded(sid) {
    return this.ended.size > 0 && this.ended.has(roomOf(sid));
  }

  /** Whose room it is, as far as a socket of this process is in it. @param {string} room @returns {string | undefined} */
  sidIn(room) {
    const { connections, namespaces } = this.sharing;
    for (const id of [...namespaces.keys()].flatMap((namespace) => idsIn(namespace, room))) {
      const sid = connections.get(id)?.sid;
      if (sid !== undefined && roomOf(sid) === room) return sid;
    }
    return undefined;
  }
}

module.exports = { CHANGE, Cluster, END };
