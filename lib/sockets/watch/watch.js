'use strict';

const { DueTimes } = require('../../../native.js');
const { publish } = require('../../support/diagnostics.js');
const { isSameContent } = require('../../session/session-data.js');
const { holderOf } = require('../../session/snapshot.js');
const { BoundSession } = require('./bound-session.js');
const { ChangeEvent } = require('./change-event.js');
const { LookUps } = require('./look-ups.js');
const { correctRooms, roomsFor } = require('./session-rooms.js');

/** @import { Found } from '../binding/key-lookup.js' */
/** @import { Connection } from '../connection.js' */
/** @import { Sharing } from '../sharing/sharing.js' */
/** @import { Telling } from '../../session/snapshot.js' */
/** @import { SessionWritten } from '../../stores/adopted-store.js' */

/** How much sooner or later than `checkInterval` a session is looked up: not all of them at once. */
const JITTER = 0.1;
/** Look-ups that are due within so many ms are one batch. */
const GRID = 100;
/** After how long a look-up that has failed is tried again where there is no `checkInterval`, in ms. */
const RETRY = 30_000;

/**
 * Watches the sessions that sockets of this process are bound to, one due time for each: no socket outlives its session, and
 * what others change in it is told. It is a `StoreWatcher` of the app's session store.
 */
class Watch {
  /** @param {Sharing} sharing */
  constructor(sharing) {
    this.sharing = sharing;
    /** @type {Map<string, BoundSession>} */
    this.sessions = new Map();
    this.lookUps = new LookUps(this);
    /** Made when the first socket is bound. @type {DueTimes | undefined} */
    this.dueTimes = undefined;
  }

  /** How often the life of a session is extended because a socket of it is connected, in ms. */
  get touchInterval() {
    const { keepAlive, touchInterval } = this.sharing.options;
    return (keepAlive === 'connected' && touchInterval) || Number.POSITIVE_INFINITY;
  }

  get times() {
    this.dueTimes ??= new DueTimes((sids) => {
      for (const sid of sids) this.due(sid);
    });
    return this.dueTimes;
  }

  /** A socket is bound to a session. @param {Connection} connection @param {Found} found @returns {BoundSession} */
  add(connection, { sid, stored, clock }) {
    const known = this.sessions.get(sid);
    const bound = known ?? new BoundSession(this, sid, connection);
    this.sessions.set(sid, bound);
    // Before it is one of them: it has no change to be told of.
    bound.learn(stored.text, clock);
    if (!bound.connections.includes(connection)) bound.connections.push(connection);
    if (known === undefined) this.schedule(bound);
    if (this.sharing.options.rooms && bound.text !== undefined)
      correctRooms(connection, roomsFor(connection, bound.text));
    return bound;
  }

  /** A socket is bound to its session no more. @param {Connection} connection @param {BoundSession} bound */
  remove(connection, bound) {
    const { connections, sid } = bound;
    const index = connections.indexOf(connection);
    if (index !== -1) connections.splice(index, 1);
    if (connections.length > 0 || this.sessions.get(sid) !== bound) return;
    this.sessions.delete(sid);
    this.dueTimes?.delete(sid);
  }

  /** @param {string} sid @param {string} text @param {number} clock */
  knows(sid, text, clock) {
    this.sessions.get(sid)?.learn(text, clock);
  }

  /** @param {SessionWritten} written */
  wrote({ sid, session, text, expected, telling }) {
    const maker = holderOf(session?.req)?.connection;
    // A change by `onSessionChange` is told to nobody: two sockets would answer each other for ever.
    const { isQuiet, round = 0 } = telling ?? maker?.telling ?? {};
    this.sessions.get(sid)?.wrote(text, expected, maker, isQuiet === true, round + 1);
    const mayBeAnswer = isQuiet === undefined && round > 0;
    if (!isQuiet && !mayBeAnswer && typeof expected === 'string')
      this.sharing.spreadChange(sid, expected, text);
  }

  /** Who hears of what is changed right now by a session's id: all. An `onSessionChange` of it may do that, or a job. @param {string} sid @returns {Telling} */
  tellingOf(sid) {
    const rounds = (this.sessions.get(sid)?.connections ?? []).map(({ round }) => round);
    return { isQuiet: false, round: Math.max(0, ...rounds) };
  }

  /** @param {string} sid @param {any} cookie */
  touched(sid, cookie) {
    this.sessions.get(sid)?.touched(cookie);
  }

  /** Another process has changed a session. @param {string} sid */
  changedElsewhere(sid) {
    const bound = this.sessions.get(sid);
    if (bound) this.lookUps.ask(bound);
  }

  /**
   * The text of a session is another one: if that says something else, its sockets are told.
   * @param {BoundSession} bound @param {string} before
   * @param {Connection | undefined} maker whose own change it is
   * @param {boolean} isQuiet whether it is told to nobody
   * @param {number} round of those who are told
   */
  followed(bound, before, maker, isQuiet, round) {
    const { sharing } = this;
    const { onSessionChange, rooms } = sharing.options;
    const { sid, text } = bound;
    if (text === undefined || !(onSessionChange || rooms) || isSameContent(before, text)) return;
    const connections = bound.connections.filter(({ hasLeft }) => !hasLeft);
    const [first] = connections;
    if (first === undefined) return;
    if (rooms) {
      const names = roomsFor(first, text);
      for (const connection of connections) correctRooms(connection, names);
    }
    const told = isQuiet ? [] : connections.filter((connection) => connection !== maker);
    if (told.length === 0) return;
    first.adopted.counts.changes += 1;
    publish('change', sid, { sockets: told.length });
    if (onSessionChange) for (const connection of told) ChangeEvent.tell(connection, round);
  }

  /** Whether sockets are bound to a session still. @param {BoundSession} bound */
  isWatched(bound) {
    return this.sessions.get(bound.sid) === bound;
  }

  /** Sets the due time of a session. @param {BoundSession} bound @param {boolean} [hasFailed] whether it could not be looked up */
  schedule(bound, hasFailed = false) {
    if (!this.isWatched(bound)) return;
    const { checkInterval } = this.sharing.options;
    const now = performance.now();
    const retry = hasFailed ? (checkInterval || RETRY) * (1 - JITTER * Math.random()) : 0;
    const check = checkInterval || Number.POSITIVE_INFINITY;
    const atCheck = bound.seen - now + check * (1 - JITTER + 2 * JITTER * Math.random());
    const inMs = hasFailed ? retry : Math.min(atCheck, bound.lastTouch - now + this.touchInterval);
    const onGrid = Math.ceil((now + inMs) / GRID) * GRID - now;
    const due = hasFailed ? onGrid : Math.min(onGrid, bound.untilEnd);
    if (due !== Number.POSITIVE_INFINITY) this.times.set(bound.sid, Math.max(0, due));
  }

  /** A session is to be looked up, an interval from now. @param {BoundSession} bound */
  want(bound) {
    bound.isWanted = true;
    this.schedule(bound, true);
  }

  /** @param {BoundSession} bound */
  mustTouch(bound) {
    return performance.now() - bound.lastTouch >= this.touchInterval;
  }

  /** The due time of a session has passed. @param {string} sid */
  due(sid) {
    const bound = this.sessions.get(sid);
    if (bound === undefined) return;
    const { checkInterval } = this.sharing.options;
    const least = checkInterval ? checkInterval * (1 - JITTER) : Number.POSITIVE_INFINITY;
    const isUnseen = performance.now() - bound.seen >= least;
    const { isWanted } = bound;
    bound.isWanted = false;
    if (isWanted || isUnseen || bound.untilEnd <= 0 || this.mustTouch(bound)) this.lookUps.ask(bound);
    else this.schedule(bound);
  }

  /** A session was looked up. @param {BoundSession} bound @param {Found['stored'] | undefined} stored @param {number} clock */
  found(bound, stored, clock) {
    publish('lookUp', bound.sid, { found: stored !== undefined });
    if (stored === undefined) return this.gone(bound);
    bound.learn(stored.text, clock, true);
    for (const connection of bound.connections) {
      if (connection.isUntold) ChangeEvent.tell(connection);
      connection.isUntold = false;
    }
    // It is there, though its date may have passed.
    if (bound.untilEnd <= 0) bound.tries += 1;
    if (this.mustTouch(bound)) this.touch(bound, stored);
    if (!bound.isWanted) this.schedule(bound);
  }

  /** A session is not there any more: its sockets lose it. @param {BoundSession} bound */
  gone(bound) {
    if (bound.connections.length === 0) return;
    const { adopted } = bound.connections[0];
    adopted.counts.expirations += 1;
    for (const connection of [...bound.connections]) if (!connection.hasLeft) connection.lose('expire');
  }

  /** Extends the life of a session with a connected socket. @param {BoundSession} bound @param {Found['stored']} stored */
  touch(bound, stored) {
    const { adopted } = this.sharing;
    bound.lastTouch = performance.now();
    if (adopted === undefined || typeof adopted.store.touch !== 'function') return;
    const session = adopted.openSession(adopted.requestFor(bound.sid), stored, adopted.clock);
    session.touch();
    adopted.touch(bound.sid, session, (error) => error && adopted.onError(error));
  }

  /** Forgets all sessions. */
  clear() {
    for (const { connections } of this.sessions.values())
      for (const connection of connections) connection.bound = undefined;
    this.sessions.clear();
    this.dueTimes = undefined;
  }
}

module.exports.Watch = Watch;
