'use strict';

const native = require('../../../native.js');
const { turnOf } = require('./redis-turn.js');

/** The text of a session that has not been parsed: it is when, and as far as, a handler looks at it. */
class UnparsedText {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** A session that is being read, and those who wait for it. */
class Load {
  /**
   * @param {any} store
   * @param {string} sid
   * @param {number} clock when it began
   * @param {(error: unknown, data?: any) => void} callback
   */
  constructor(store, sid, clock, callback) {
    this.store = store;
    this.name = store.prefix + sid;
    this.clock = clock;
    /** @type {((error: unknown, data?: any) => void)[]} */
    this.callbacks = [callback];
  }

  /**
   * @param {unknown} error
   * @param {any} [reply]
   */
  answer(error, reply) {
    // As express-session spells a session. Anything else is looked at at once.
    const isText = typeof reply === 'string' && reply.startsWith('{"cookie":{') && reply.endsWith('}');
    const text = isText ? new UnparsedText(reply) : undefined;
    for (const callback of this.callbacks) {
      if (error || isText) callback(error, text);
      else this.parse(reply, callback);
    }
  }

  /**
   * @param {any} reply
   * @param {(error: unknown, data?: any) => void} callback
   */
  parse(reply, callback) {
    let data = null;
    try {
      if (reply) data = this.store.serializer.parse(reply);
    } catch (error) {
      callback(error);
      return;
    }
    callback(null, data);
  }
}

/**
 * What events load from Redis: as connect-redis does, from the same key by the same client, but as text. Loads of one
 * session that come together are one.
 */
class RedisLoads {
  /** @param {import('../store-calls.js').StoreCalls} adopted */
  constructor(adopted) {
    this.adopted = adopted;
    /** @type {import('./redis-reads.js').RedisReads<Load>} */
    this.reads = turnOf(adopted.store.client).reads;
  }

  /**
   * @param {string} sid
   * @param {(error: unknown, data?: any) => void} callback gets an `UnparsedText`, or what else is there; no app code
   */
  get(sid, callback) {
    const { adopted, reads } = this;
    const { number, store } = adopted;
    const other = reads.unsent.get(store.prefix + sid);
    // What this process has begun to write since, it would not see.
    if (other !== undefined && adopted.since(sid, other.clock) === 'unchanged') {
      other.callbacks.push(callback);
      return;
    }
    reads.add(new Load(store, sid, native.clock(number), callback));
  }
}

module.exports.RedisLoads = RedisLoads;
module.exports.UnparsedText = UnparsedText;
