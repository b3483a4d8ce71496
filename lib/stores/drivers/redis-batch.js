'use strict';

/** Of how many one command is made at most: while Redis works on it, everybody else waits. */
const MOST = 64;
/** From so many characters on, a command takes no more. */
const MOST_CHARACTERS = 65_536;

/**
 * What waits for the end of a turn, to go to Redis as one command.
 *
 * @abstract
 * @template Item
 */
class RedisBatch {
  /** @param {import('./redis-turn.js').RedisTurn} turn */
  constructor(turn) {
    this.turn = turn;
    /** @type {Item[]} */
    this.waiting = [];
    /** Whether Redis has not refused to work on several keys at once. */
    this.together = true;
  }

  /** @param {Item} item */
  add(item) {
    if (this.turn.begin()) this.send([item]);
    else this.waiting.push(item);
  }

  /** It is the end of the turn. */
  flush() {
    const { waiting } = this;
    if (waiting.length === 0) return;
    this.waiting = [];
    for (let from = 0, to = 0; from < waiting.length; from = to) {
      let characters = 0;
      do characters += this.sizeOf(waiting[to++]);
      while (to < waiting.length && to - from < MOST && characters < MOST_CHARACTERS);
      this.send(waiting.slice(from, to));
    }
  }

  /** @param {Item[]} items */
  send(items) {
    if (items.length === 1) this.sendOne(items[0]);
    else if (this.together) this.sendAll(items);
    else for (const item of items) this.sendOne(item);
  }

  /** How many characters an item adds to the command. @param {Item} _item */
  sizeOf(_item) {
    return 0;
  }

  /** @abstract @param {Item} _item */
  sendOne(_item) {}

  /** @abstract @param {Item[]} _items */
  sendAll(_items) {}
}

module.exports.RedisBatch = RedisBatch;
