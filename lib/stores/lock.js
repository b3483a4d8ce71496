'use strict';

const { codeOf, failure, timedOut } = require('../support/errors.js');
const { nextTick } = require('../support/timers.js');

/** How many may wait for one session, or for one socket to be known. A client can make its own wait, as fast as it sends events. */
const MOST = 10_000;
/** How many may wait in one store. Who has a session to itself waits for nobody. */
const MOST_IN_ALL = 65_536;
/** The errors of what has not ended in time. */
const TIMEOUTS = new Set(['ERR_STORE_TIMEOUT', 'ERR_UPDATE_TIMEOUT']);

/** @typedef {(stored?: string, error?: unknown) => void} Leave gives the lock back */

/** Whether no more may wait. @param {{ waiting: number }} inAll @param {number} length how many wait already in the same place */
function isFull(inAll, length) {
  return length >= MOST || inAll.waiting >= MOST_IN_ALL;
}

/** A lock for each session: who takes it sees what the one before has written. In this process only. */
class Locks {
  /** @param {{ waiting: number }} inAll counts all who wait in the store */
  constructor(inAll) {
    this.inAll = inAll;
    /**
     * The locks that are taken: who waits, by session, and how many have joined one of those.
     * @type {Map<string, { waiting: ((stored: string | undefined, isStuck: boolean) => void)[], joined: number }>}
     */
    this.held = new Map();
  }

  /** How many wait for the lock of a session. @param {string} sid */
  waitingFor(sid) {
    return this.held.get(sid)?.waiting.length ?? 0;
  }

  /** One more is served together with one who waits for the lock of a session. Throws where too many wait. @param {string} sid */
  join(sid) {
    const lock = this.held.get(sid);
    if (lock === undefined) return;
    if (isFull(this.inAll, lock.waiting.length + lock.joined)) throw failure('ERR_OVERLOADED');
    lock.joined += 1;
  }

  /** Those who have joined one are served. @param {string} sid @param {number} joined */
  part(sid, joined) {
    const lock = this.held.get(sid);
    if (lock !== undefined) lock.joined -= joined;
  }

  /**
   * Takes the lock of a session. Who gets it, or an error, calls `leave` in the end: with the text that it has written, and with the
   * error that it has ended in. Where that is a timeout, those who have waited for as long fail with it; else each has its turn,
   * however long that takes: the store answers.
   *
   * @param {string} sid
   * @param {number} timeout in ms
   * @param {(failed: Error | undefined, stored: string | undefined, leave: Leave) => void} start called now where the lock is free;
   *   `stored`: the text that the one before has written
   * @param {boolean} [isNext] whether it comes before all who wait
   */
  enter(sid, timeout, start, isNext = false) {
    const { held, inAll } = this;
    /** @type {Leave} */
    const leave = (stored, error) => {
      const next = held.get(sid)?.waiting.shift();
      if (next === undefined) {
        held.delete(sid);
        return;
      }
      inAll.waiting -= 1;
      // Not one inside of the other: there may be thousands, and of a session that is gone each ends at once.
      nextTick(next, stored, TIMEOUTS.has(String(codeOf(error))));
    };
    const lock = held.get(sid);
    if (lock === undefined) {
      held.set(sid, { waiting: [], joined: 0 });
      start(undefined, undefined, leave);
    } else if (isFull(inAll, lock.waiting.length + lock.joined))
      start(failure('ERR_OVERLOADED'), undefined, () => {});
    else {
      inAll.waiting += 1;
      const end = performance.now() + timeout;
      lock.waiting[isNext ? 'unshift' : 'push']((stored, isStuck) =>
        start(isStuck && performance.now() >= end ? timedOut(timeout) : undefined, stored, leave),
      );
    }
  }
}

module.exports = { Locks, isFull };
