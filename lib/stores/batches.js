'use strict';

const { setImmediate } = require('../support/timers.js');

/** How many are sent at once at most: while the store works on them, everybody else waits. */
const MOST = 64;
/** How long each is sent by itself after the store has refused several at once, in ms. */
const APART = 60_000;

/** What comes in one round of the event loop is sent together: each call costs the process more than an item in it does. @template Item */
class Batches {
  /** @param {(items: Item[]) => void} send */
  constructor(send) {
    this.send = send;
    /** @type {Item[]} */
    this.unsent = [];
    /** Until then each is sent by itself, by `performance.now()`. */
    this.apartUntil = 0;
    this.flush = () => {
      const items = this.unsent;
      this.unsent = [];
      const most = performance.now() < this.apartUntil ? 1 : MOST;
      while (items.length > 0) send(items.splice(0, most));
    };
  }

  /** @param {Item} item */
  add(item) {
    if (this.unsent.push(item) === 1) setImmediate(this.flush);
  }

  /** The store has refused several at once: a Redis cluster does, where their keys are of several slots. @param {Item[]} items */
  sendApart(items) {
    this.apartUntil = performance.now() + APART;
    for (const item of items) this.send([item]);
  }
}

module.exports.Batches = Batches;
