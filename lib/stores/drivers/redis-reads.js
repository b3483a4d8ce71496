'use strict';

const { rejected } = require('../ask.js');
const { RedisBatch } = require('./redis-batch.js');
const { REFUSED, readerOf } = require('./redis-client.js');

/**
 * @typedef {object} Read
 * @property {string} name
 * @property {(error: unknown, reply?: any) => void} answer
 */

/**
 * What is read in a turn.
 *
 * @template {Read} R
 * @extends {RedisBatch<R>}
 */
class RedisReads extends RedisBatch {
  /**
   * @param {import('./redis-turn.js').RedisTurn} turn
   * @param {any} client
   */
  constructor(turn, client) {
    super(turn);
    this.client = client;
    this.readAll = readerOf(client);
    this.together = this.readAll !== undefined;
    /** Those of this turn, by name: whoever wants the same may join them. @type {Map<string, R>} */
    this.unsent = new Map();
  }

  /** @param {R} read */
  add(read) {
    this.unsent.set(read.name, read);
    super.add(read);
  }

  flush() {
    // Not `clear()`: V8 chains the tables that a Map has had, and where one of them has grown old, all that were in the later
    // ones outlive their time.
    if (this.unsent.size > 0) this.unsent = new Map();
    super.flush();
  }

  /** @param {R} read */
  sendOne(read) {
    this.readOne(read.name).then(
      (reply) => {
        this.forget(read);
        read.answer(null, reply);
      },
      (error) => {
        this.forget(read);
        read.answer(rejected(error));
      },
    );
  }

  /** @param {R[]} reads */
  sendAll(reads) {
    const { readAll } = /** @type {{ readAll: NonNullable<ReturnType<typeof readerOf>> }} */ (this);
    readAll(reads.map(({ name }) => name)).then(
      (replies) => {
        for (let at = 0; at < reads.length; at += 1) reads[at].answer(null, replies[at]);
      },
      (error) => {
        if (REFUSED.test(error?.message)) {
          this.together = false;
          this.send(reads);
        } else for (const read of reads) read.answer(rejected(error));
      },
    );
  }

  /** @param {string} name @returns {Promise<any>} */
  async readOne(name) {
    return this.client.get(name);
  }

  /** Nobody joins it any more: a client may answer in the turn in which it was asked. @param {R} read */
  forget(read) {
    if (this.unsent.get(read.name) === read) this.unsent.delete(read.name);
  }
}

module.exports.RedisReads = RedisReads;
