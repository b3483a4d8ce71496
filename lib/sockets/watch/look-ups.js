'use strict';

/** @import { BoundSession } from './bound-session.js' */
/** @import { Watch } from './watch.js' */
/** @import { Stored } from '../../stores/stored.js' */

/** How many sessions are looked up at once: an outage that ends is no rush on the store. */
const MOST = 64;
/** After so many failures in a row the store is down. */
const OUTAGE = 2;

/**
 * Looks sessions up, one call for many where the store can. A store that fails says nothing about a session: it is looked up
 * again an interval later, and meanwhile one call at a time finds out whether the store is back.
 */
class LookUps {
  /** @param {Watch} watch */
  constructor(watch) {
    this.watch = watch;
    /** @type {BoundSession[]} */
    this.waiting = [];
    this.inFlight = 0;
    /** Failures in a row. */
    this.failures = 0;
  }

  /** @param {BoundSession} bound */
  ask(bound) {
    if (bound.asked > 0) {
      bound.asked = 2;
      return;
    }
    bound.asked = 1;
    this.waiting.push(bound);
    this.start();
  }

  /** Makes as many calls as may be in flight. */
  start() {
    while (this.waiting.length > 0 && this.inFlight < (this.failures > 0 ? 1 : MOST))
      this.next(/** @type {BoundSession} */ (this.waiting.shift()));
  }

  /** @param {BoundSession} bound */
  next(bound) {
    const { adopted } = this.watch.sharing;
    if (adopted === undefined || !this.watch.isWatched(bound)) {
      bound.asked = 0;
      return;
    }
    adopted.counts.lookUps += 1;
    this.inFlight += 1;
    adopted.read(bound.sid, (error, stored, clock) => this.answered(bound, error, stored, clock));
  }

  /** @param {BoundSession} bound @param {unknown} error @param {Stored | undefined} stored @param {number} clock */
  answered(bound, error, stored, clock) {
    this.inFlight -= 1;
    if (error) this.failed(bound, error);
    else {
      this.failures = 0;
      try {
        if (this.watch.isWatched(bound)) this.watch.found(bound, stored, clock);
      } catch (thrown) {
        // By a socket that was told of its end.
        this.watch.sharing.report(thrown, {});
        this.watch.schedule(bound, true);
      }
      this.ended(bound);
    }
    this.start();
  }

  /** @param {BoundSession} bound @param {unknown} error */
  failed(bound, error) {
    // Once for an outage.
    if (this.failures === 0) this.watch.sharing.report(error, {});
    this.failures += 1;
    const others = this.failures >= OUTAGE ? this.waiting.splice(0) : [];
    for (const one of [bound, ...others]) {
      this.watch.schedule(one, true);
      this.ended(one);
    }
  }

  /** @param {BoundSession} bound */
  ended(bound) {
    const { asked } = bound;
    bound.asked = 0;
    if (asked === 2) this.ask(bound);
  }
}

module.exports.LookUps = LookUps;
