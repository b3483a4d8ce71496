'use strict';

const { ask, NO_LINE } = require('../ask.js');
const { REFUSED, readerOf } = require('./redis-client.js');

/** Reads a key's record and a session from Redis by one command (`MGET`), where it allows that. */
class RedisPair {
  /** @param {import('../store-calls.js').StoreCalls} adopted on connect-redis */
  constructor(adopted) {
    this.adopted = adopted;
    const read = readerOf(adopted.store.client);
    this.client = { get: (/** @type {any} */ names) => read?.(names) };
    this.works = read !== undefined;
  }

  /**
   * @param {string} key
   * @param {string} sid
   * @param {(error: unknown, texts?: [record: any, session: any]) => void} done without texts where Redis refused
   */
  get(key, sid, done) {
    const { prefix } = this.adopted.store;
    const answered = (/** @type {any} */ error, /** @type {any} */ texts) => {
      if (!error) done(null, texts);
      else if (REFUSED.test(error.message)) {
        this.works = false;
        done(null);
      } else done(error);
    };
    const names = /** @type {any} */ ([prefix + key, prefix + sid]);
    ask({ answered }, NO_LINE, this.adopted.timeout, this.client, 'get', names);
  }
}

module.exports.RedisPair = RedisPair;
