'use strict';

const { hear, thrown } = require('./ask.js');

/** @typedef {import('./stored.js').Stored} Stored */
/** @typedef {(error: unknown, stored?: Stored) => void} Callback gets what the store has; runs no app code */

/**
 * Loads of one session that come in one turn of the event loop are one: none is sent before the packets that have arrived
 * are read. Nobody joins one that has been sent, since an event sees what was stored when it came.
 */
class GatheredLoads {
  /** @param {(sid: string, callback: Callback) => unknown} send loads one session */
  constructor(send) {
    this.send = send;
    /** Who waits, by session: one, or several. @type {Map<string, Callback | Callback[]>} */
    this.unsent = new Map();
    this.flush = () => {
      const loads = this.unsent;
      this.unsent = new Map();
      for (const [sid, waiting] of loads) {
        this.load(sid, typeof waiting === 'function' ? waiting : this.sharing(sid, waiting));
      }
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
      hear(this.send(sid, callback), /** @type {any} */ (callback));
    } catch (error) {
      callback(thrown(error));
    }
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
