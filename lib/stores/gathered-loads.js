'use strict';

const { thrown } = require('./tickets.js');

/** @typedef {import('./stored.js').Stored} Stored */
/** @typedef {(error: unknown, stored?: Stored) => void} Callback gets what the store has; runs no app code */

/** How many sessions one command loads at most: while the store works on it, everybody else waits. */
const MOST = 64;
/** How long each session is loaded by itself after the store has refused several at once, in ms. */
const APART = 60_000;

/**
 * Loads of one session that come in one round of the event loop are one, and those of several are one command where the store
 * can. None is sent before the packets that have arrived are read. Nobody joins one that has been sent, since an event sees
 * what was stored when it came.
 */
class GatheredLoads {
  /** @param {import('./store-calls.js').StoreCalls} calls */
  constructor(calls) {
    this.calls = calls;
    /** Until then the store is not asked for several at once, by `performance.now()`. */
    this.apartUntil = 0;
    /** Who waits, by session: one, or several. @type {Map<string, Callback | Callback[]>} */
    this.unsent = new Map();
    this.flush = () => {
      const loads = [...this.unsent];
      this.unsent = new Map();
      const isTogether = this.calls.driver.loadTexts !== undefined && performance.now() >= this.apartUntil;
      while (isTogether && loads.length > 1) this.loadAll(loads.splice(0, MOST));
      for (const [sid, waiting] of loads) this.load(sid, this.answerTo(sid, waiting));
    };
  }

  /** @param {string} sid @param {Callback} callback */
  get(sid, callback) {
    const { unsent } = this;
    const others = unsent.get(sid);
    if (Array.isArray(others)) others.push(callback);
    else if (others !== undefined) unsent.set(sid, [others, callback]);
    else {
      if (unsent.size === 0) setImmediate(this.flush);
      unsent.set(sid, callback);
    }
  }

  /** @param {string} sid @param {Callback} callback */
  load(sid, callback) {
    try {
      this.calls.loadNow(sid, callback);
    } catch (error) {
      callback(thrown(error));
    }
  }

  /**
   * Loads several sessions. Where that fails each is loaded by itself: a Redis cluster refuses keys of several slots.
   *
   * @param {[sid: string, waiting: Callback | Callback[]][]} loads
   */
  loadAll(loads) {
    const sids = loads.map(([sid]) => sid);
    this.calls.loadTextsNow(sids, (error, all) => {
      if (error || all?.length !== loads.length) this.apartUntil = performance.now() + APART;
      for (const [at, [sid, waiting]] of loads.entries()) {
        const callback = this.answerTo(sid, waiting);
        if (error || all?.length !== loads.length) this.load(sid, callback);
        else callback(all[at].error, all[at].stored);
      }
    });
  }

  /** @param {string} sid @param {Callback | Callback[]} waiting @returns {Callback} */
  answerTo(sid, waiting) {
    return typeof waiting === 'function' ? waiting : this.sharing(sid, waiting);
  }

  /**
   * One answer for several. An object that its text does not say each asks for by itself: nobody can copy it but the store.
   *
   * @param {string} sid
   * @param {Callback[]} callbacks
   * @returns {Callback}
   */
  sharing(sid, callbacks) {
    return (error, stored) => {
      // Empty where the store answers twice.
      const [first, ...others] = callbacks.splice(0);
      first?.(error, stored);
      for (const callback of others) {
        if (stored?.data === undefined) callback(error, stored);
        else this.load(sid, callback);
      }
    };
  }
}

module.exports.GatheredLoads = GatheredLoads;
