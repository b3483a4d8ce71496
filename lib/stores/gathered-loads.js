'use strict';

const { Batches } = require('./batches.js');
const { converting, storedOf, storedOfText } = require('./stored.js');
const { firstAnswer } = require('./tickets.js');
const { nextTick } = require('../support/timers.js');

/** @import { StoreCalls } from './store-calls.js' */
/** @import { Stored } from './stored.js' */

/** @typedef {(error: unknown, stored: Stored | undefined, clock: number) => void} Callback gets what the store has, and the clock when it was asked; runs no app code */
/** @typedef {{ sid: string, waiting: Callback[], clock: number }} Load */

/**
 * Loads of one session in one round of the event loop are one, and those of several are one command where the store can. None is
 * sent before the packets that have arrived are read, and nobody joins one later: an event sees what was stored when it came.
 */
class GatheredLoads {
  /** @param {StoreCalls} calls */
  constructor(calls) {
    this.calls = calls;
    /** Those that are not sent, by session. @type {Map<string, Load>} */
    this.unsent = new Map();
    /** @type {Batches<Load>} */
    this.batches = new Batches((loads) => this.send(loads));
  }

  /** @param {string} sid @param {Callback} callback */
  get(sid, callback) {
    const known = this.unsent.get(sid);
    if (known !== undefined) {
      known.waiting.push(callback);
      return;
    }
    const load = { sid, waiting: [callback], clock: 0 };
    this.unsent.set(sid, load);
    this.batches.add(load);
  }

  /** @param {Load[]} loads */
  send(loads) {
    for (const load of loads) {
      this.unsent.delete(load.sid);
      // A save that has ended in this round is no later than the load.
      load.clock = this.calls.clock;
    }
    const { loadTexts } = this.calls.driver;
    if (loads.length === 1 || loadTexts === undefined) {
      for (const load of loads) this.sendOne(load);
      return;
    }
    const sids = loads.map(({ sid }) => sid);
    loadTexts(sids, (error, texts) => {
      if (error || texts?.length !== loads.length) this.batches.sendApart(loads);
      else for (const [at, load] of loads.entries()) this.taking(load, storedOfText)(null, texts[at]);
    });
  }

  /** @param {Load} load */
  sendOne(load) {
    const { driver, original, self } = this.calls;
    const { loadText } = driver;
    const asked = () => {
      load.clock = this.calls.clock;
    };
    firstAnswer(
      (done) => (loadText ? loadText(load.sid, done, asked) : original.get.call(self, load.sid, done)),
      this.taking(load, loadText ? storedOfText : storedOf),
    );
  }

  /** What takes the store's answer to a load. @param {Load} load @param {typeof storedOf} make */
  taking(load, make) {
    // Behind the end of a save that was answered before.
    return converting(make, (error, stored) => nextTick(() => this.answer(load, error, stored)));
  }

  /**
   * One answer for all who wait. What its text does not say all of each asks for by itself: only the store can copy it.
   *
   * @param {Load} load @param {unknown} error @param {Stored} [stored]
   */
  answer({ sid, waiting, clock }, error, stored) {
    const [first, ...others] = waiting.splice(0);
    first?.(error, stored, clock);
    for (const callback of others) {
      if (stored?.data === undefined) callback(error, stored, clock);
      else this.sendOne({ sid, waiting: [callback], clock: this.calls.clock });
    }
  }
}

module.exports.GatheredLoads = GatheredLoads;
