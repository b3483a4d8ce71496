'use strict';

const { ask, NO_LINE } = require('./ask.js');

/** How Redis refuses what it could not do for any two keys: of a cluster's slots, or of what the user may not do. */
const REFUSED = /^(CROSSSLOT|NOPERM|MOVED|ERR)\b/;

/** Reads a key's record and a session from Redis by one command (`MGET`), where it allows that. */
class RedisPair {
  /** @param {import('./store-calls.js').StoreCalls} adopted on connect-redis */
  constructor(adopted) {
    this.adopted = adopted;
    const { client } = adopted.store;
    // As node-redis and ioredis have it.
    const method = ['mGet', 'mget'].find((name) => typeof client[name] === 'function');
    const read = (/** @type {string[]} */ names) => client[/** @type {string} */ (method)](names);
    this.client = { get: (/** @type {string[]} */ names) => read(names) };
    this.works = method !== undefined;
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
