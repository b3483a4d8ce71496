'use strict';

const native = require('../native.js');

const { clock } = native.hot();

/** The text of a session that has not been parsed: it is when, and as far as, a handler looks at it. */
class UnparsedText {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** A `GET` that is about to be sent, and those who wait for it. */
class Load {
  /** @param {number} clock when it began */
  constructor(clock) {
    this.clock = clock;
    /** @type {((error: unknown, data?: any) => void)[]} */
    this.callbacks = [];
  }

  /** @param {unknown} error @param {any} [data] */
  answer(error, data) {
    for (const callback of this.callbacks) callback(error, data);
  }
}

/**
 * What events load from Redis: as connect-redis does, from the same key by the same client, but as text. Loads of one
 * session that come together are one.
 */
class RedisLoads {
  /** @param {import('./store-calls.js').StoreCalls} adopted */
  constructor(adopted) {
    this.adopted = adopted;
    /** Those that the client has not sent yet. @type {Map<string, Load>} */
    this.unsent = new Map();
    /** Whether it is a client that sends what it was given at the end of a phase of the event loop, as node-redis does. */
    this.waits = typeof adopted.store.client.evalSha === 'function';
    this.sent = () => this.unsent.clear();
  }

  /**
   * @param {string} sid
   * @param {(error: unknown, data?: any) => void} callback gets an `UnparsedText`, or what else is there; no app code
   */
  get(sid, callback) {
    const { adopted, unsent } = this;
    const other = unsent.get(sid);
    // What this process has begun to write since, it would not see.
    if (other !== undefined && adopted.since(sid, other.clock) === 'unchanged') {
      other.callbacks.push(callback);
      return;
    }
    const load = new Load(clock(adopted.number));
    load.callbacks.push(callback);
    const { client, prefix } = adopted.store;
    client.get(prefix + sid).then(
      (/** @type {any} */ reply) => {
        this.end(sid, load);
        this.answer(load, reply);
      },
      (/** @type {unknown} */ error) => {
        this.end(sid, load);
        load.answer(error ?? new Error('The session store rejected.'));
      },
    );
    if (!this.waits) return;
    if (unsent.size === 0) setImmediate(this.sent);
    unsent.set(sid, load);
  }

  /**
   * Nobody joins it any more: it may be answered in the phase in which it was sent.
   *
   * @param {string} sid
   * @param {Load} load
   */
  end(sid, load) {
    if (this.unsent.get(sid) === load) this.unsent.delete(sid);
  }

  /**
   * @param {Load} load
   * @param {any} reply
   */
  answer(load, reply) {
    // As express-session spells a session. Anything else is looked at at once.
    if (typeof reply === 'string' && reply.startsWith('{"cookie":{') && reply.endsWith('}')) {
      load.answer(null, new UnparsedText(reply));
      return;
    }
    for (const callback of load.callbacks) {
      let data = null;
      try {
        if (reply) data = this.adopted.store.serializer.parse(reply);
      } catch (error) {
        callback(error);
        continue;
      }
      callback(null, data);
    }
  }
}

module.exports.RedisLoads = RedisLoads;
module.exports.UnparsedText = UnparsedText;
