'use strict';

const { endOf, endOfCookie, isSameContent } = require('../../session/session-data.js');

/** @import { Connection } from '../connection.js' */
/** @import { Watch } from './watch.js' */

/**
 * When a session is looked up whose date has passed, in ms after that: a store that counts in seconds keeps it up to 1 s
 * longer, and one that was touched by another process keeps it for as long as that says.
 */
const AFTER_END = [5, 340, 680, 1010];
/** How long after a load that may be out of date the session is looked up again, in ms. */
const SOON = 100;

/** A session that sockets of this process are bound to. */
class BoundSession {
  /** @param {Watch} watch @param {string} sid @param {Connection} first */
  constructor(watch, sid, first) {
    this.watch = watch;
    this.sid = sid;
    /** Most have one: an array that has grown takes 140 bytes more. @type {Connection[]} */
    this.connections = [first];
    /** The stored text, as far as this process knows. @type {string | undefined} */
    this.text = undefined;
    /** The text before that, and until when it was, by `performance.now()`. @type {string | undefined} */
    this.former = undefined;
    this.formerUntil = 0;
    /** When it ends by its cookie, in ms since 1970: by that in the text, or by a touch since. */
    this.end = Number.POSITIVE_INFINITY;
    this.endInText = Number.POSITIVE_INFINITY;
    /** When an event, a commit, a request or a look-up of this process saw it last, by `performance.now()`. */
    this.seen = performance.now();
    /** When its life was extended last, by `performance.now()`. */
    this.lastTouch = this.seen;
    /** How often it was looked up since its date has passed. */
    this.tries = 0;
    /** Whether it is to be looked up when it is due, whatever else. */
    this.isWanted = false;
    /** 1 while it is being looked up, 2 when it is to be looked up once more then. */
    this.asked = 0;
  }

  /**
   * The session was loaded.
   * @param {string} text @param {number | undefined} clock when the load began, if that is known
   * @param {boolean} [isLookUp] whether it was looked up
   */
  learn(text, clock, isLookUp = false) {
    this.seen = performance.now();
    if (text === this.text) return;
    const { adopted } = this.watch.sharing;
    if (adopted?.isAtHand()) {
      // What was loaded for an HTTP request a moment ago may be old, and no clock tells that there.
      const now = adopted.driver.readText?.(this.sid);
      if (now !== undefined && now !== this.text) this.take(now);
      return;
    }
    // A slow load, which takes `storeTimeout` at most, is answered behind a faster one that began later.
    const { storeTimeout } = this.watch.sharing.options;
    const isBack = !isLookUp && text === this.former && this.seen - this.formerUntil < storeTimeout;
    if (this.text === undefined || !(isBack || this.isOutdated(clock))) return this.take(text);
    this.isWanted = true;
    this.watch.times.set(this.sid, SOON);
  }

  /**
   * This process has written the session.
   * @param {string} text @param {string | null | undefined} expected what was stored before
   * @param {Connection | undefined} maker whose handler has changed it
   * @param {boolean} isQuiet whether the change is told to nobody
   * @param {number} round of those who are told
   */
  wrote(text, expected, maker, isQuiet, round) {
    this.seen = performance.now();
    const before = this.text;
    if (text === before) return;
    // What somebody else had written before, and nobody here has seen, is a change for its maker, too.
    const mayBeStrange = before !== undefined && typeof expected === 'string' && expected !== before;
    if (mayBeStrange && !isSameContent(expected, before))
      this.take(text, undefined, isQuiet && round > 2, round);
    else this.take(text, maker, isQuiet, round);
  }

  /** The life of the session was extended. @param {any} cookie */
  touched(cookie) {
    this.seen = performance.now();
    this.lastTouch = this.seen;
    if (typeof cookie !== 'object' || cookie === null) return;
    this.moveEnd(endOfCookie(cookie));
  }

  /** @param {string} text @param {Connection} [maker] @param {boolean} [isQuiet] @param {number} [round] as `followed` has them */
  take(text, maker, isQuiet = false, round = 1) {
    const before = this.text;
    this.former = before;
    this.formerUntil = performance.now();
    this.text = text;
    try {
      const end = endOf(text);
      // A write that leaves the cookie as it was leaves the life that a touch has given the session, too.
      if (end !== this.endInText) this.moveEnd(end);
      this.endInText = end;
    } catch {
      // It is no JSON: those who open the session are told so.
    }
    if (before !== undefined) this.watch.followed(this, before, maker, isQuiet, round);
  }

  /** @param {number} end */
  moveEnd(end) {
    // After a look-up that has found it beyond its end, no due time goes by that any more.
    const mustSchedule = end < this.end || this.tries > 0;
    this.end = end;
    this.tries = 0;
    // An end that is later than the due time needs no call: the session is asked for the next one when it is due.
    if (mustSchedule) this.watch.schedule(this);
  }

  /** Whether a load may be older than what this process has written since. @param {number | undefined} clock */
  isOutdated(clock) {
    const { adopted } = this.watch.sharing;
    if (adopted === undefined || clock === undefined) return false;
    return adopted.commits.held.has(this.sid) || adopted.since(this.sid, clock) !== 'unchanged';
  }

  /** How long until its date has passed and the store has dropped it, in ms. */
  get untilEnd() {
    const after = AFTER_END[this.tries];
    return after === undefined ? Number.POSITIVE_INFINITY : this.end + after - Date.now();
  }
}

module.exports.BoundSession = BoundSession;
