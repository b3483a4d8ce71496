'use strict';

/** @typedef {import('../../stores/adopted-store.js').AdoptedStore} AdoptedStore */
/** @typedef {import('./bound-session.js').BoundSession} BoundSession */

/** How many sessions are looked up at once: an outage that ends is no rush on the store. */
const MOST = 64;
/** After so many failures in a row the store is down. */
const OUTAGE = 2;

/**
 * Looks sessions up, one call for many where the store can. A store that fails says nothing about a session: it is looked up
 * again an interval later, and meanwhile one call at a time finds out whether the store is back.
 */
class LookUps {
  /** @param {import('./watch.js').Watch} watch */
  constructor(watch) {
    this.watch = watch;
    /** @type {BoundSession[]} */
    this.waiting = [];
    this.inFlight = 0;
    /** Failures in a row. */
    this.failures = 0;
    this.isScheduled = false;
    this.flush = () => {
      this.isScheduled = false;
      this.start();
    };
  }

  /** @param {BoundSession} bound */
  ask(bound) {
    if (bound.asked > 0) {
      bound.asked = 2;
      return;
    }
    bound.asked = 1;
    this.waiting.push(bound);
    if (this.isScheduled) return;
    // What is due at the same time is one batch.
    this.isScheduled = true;
    setImmediate(this.flush);
  }

  /** Makes as many calls as may be in flight. */
  start() {
    const most = this.failures > 0 ? 1 : MOST;
    while (this.waiting.length > 0 && this.inFlight < most) this.next();
  }

  next() {
    const { adopted } = this.watch;
    if (adopted === undefined) {
      this.waiting = [];
      return;
    }
    const bound = /** @type {BoundSession} */ (this.waiting.shift());
    if (!this.isWanted(bound)) return;
    adopted.counts.lookUps += 1;
    if (adopted.isAtHand()) this.look(adopted, bound);
    else this.load(adopted, bound);
  }

  /** Whether sockets are bound to it still. @param {BoundSession} bound */
  isWanted(bound) {
    if (this.watch.isWatched(bound)) return true;
    bound.asked = 0;
    return false;
  }

  /** @param {AdoptedStore} adopted @param {BoundSession} bound */
  look(adopted, bound) {
    const clock = adopted.clock();
    let text;
    try {
      text = adopted.readText(bound.sid);
    } catch (error) {
      this.failed(bound, error);
      return;
    }
    this.answered(bound, text, clock);
  }

  /** @param {AdoptedStore} adopted @param {BoundSession} bound */
  load(adopted, bound) {
    this.inFlight += 1;
    const clock = adopted.load(bound.sid, {}, (error, stored) => {
      this.inFlight -= 1;
      if (error) this.failed(bound, error);
      else this.answered(bound, stored?.text, clock);
      this.start();
    });
  }

  /** @param {BoundSession} bound @param {any} text @param {number | undefined} clock */
  answered(bound, text, clock) {
    this.failures = 0;
    this.isTold = false;
    try {
      if (this.watch.isWatched(bound)) this.watch.found(bound, text, clock);
    } catch (error) {
      // What is stored is no session's text.
      this.watch.sharing.report(error, {});
      this.watch.schedule(bound, true);
    }
    this.ended(bound);
  }

  /** @param {BoundSession} bound @param {unknown} error */
  failed(bound, error) {
    this.failures += 1;
    if (!this.isTold) this.watch.sharing.report(error, {});
    this.isTold = true;
    this.putOff(bound);
    if (this.failures >= OUTAGE) for (const other of this.waiting.splice(0)) this.putOff(other);
  }

  /** @param {BoundSession} bound */
  putOff(bound) {
    this.watch.schedule(bound, true);
    this.ended(bound);
  }

  /** @param {BoundSession} bound */
  ended(bound) {
    const { asked } = bound;
    bound.asked = 0;
    if (asked === 2) this.ask(bound);
  }
}

/** Whether the app was told of the outage. @type {boolean} */
LookUps.prototype.isTold = false;

module.exports.LookUps = LookUps;
