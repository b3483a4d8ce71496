'use strict';

const { RedisChanges } = require('./redis-changes.js');
const { sendsLater } = require('./redis-client.js');
const { RedisReads } = require('./redis-reads.js');

/** @type {WeakMap<object, RedisTurn>} */
const turns = new WeakMap();

/**
 * One turn of the event loop, as a Redis client sees it: the sessions that are read in it are one command, and those that
 * are written are one. Each command costs the process more than a session does.
 */
class RedisTurn {
  /** @param {any} client */
  constructor(client) {
    this.sendsLater = sendsLater(client);
    this.isOpen = false;
    /** @type {RedisReads<any>} */
    this.reads = new RedisReads(this, client);
    this.changes = new RedisChanges(this, client);
    this.end = () => {
      this.isOpen = false;
      // What is read sees what was written before.
      this.changes.flush();
      this.reads.flush();
    };
  }

  /**
   * Begins a turn, if none has begun.
   *
   * @returns {boolean} whether this is the first command of a turn, and goes at once: the client sends the others of the turn with it
   */
  begin() {
    if (this.isOpen) return false;
    this.isOpen = true;
    // Before the client's own.
    setImmediate(this.end);
    return this.sendsLater;
  }
}

/** @param {any} client @returns {RedisTurn} */
function turnOf(client) {
  let turn = turns.get(client);
  if (turn === undefined) {
    turn = new RedisTurn(client);
    turns.set(client, turn);
  }
  return turn;
}

module.exports.RedisTurn = RedisTurn;
module.exports.turnOf = turnOf;
