'use strict';

const { isDeepStrictEqual } = require('node:util');
const { hear, thrown } = require('./ask.js');
const { sources, textOf } = require('../session/snapshot.js');
const { UnparsedText } = require('./drivers/redis-load.js');

/** @typedef {(error: unknown, data?: any) => void} Callback gets what the store has; no app code */

/**
 * Loads of one session that come in one turn of the event loop are one: none is sent before the packets that have arrived
 * are read. Nobody joins one that has been sent, since an event sees what was stored when it came.
 */
class GatheredLoads {
  /** @param {(sid: string, callback: Callback) => any} send the store's own `get` */
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
      hear(this.send(sid, callback), callback);
    } catch (error) {
      callback(thrown(error));
    }
  }

  /** @param {string} sid @param {Callback[]} callbacks @returns {Callback} */
  sharing(sid, callbacks) {
    return (error, data) => this.share(sid, callbacks, error, data);
  }

  /**
   * Each gets an object of its own: a handler changes its session as it likes. What is more than JSON nobody can copy but the
   * store.
   *
   * @param {string} sid
   * @param {Callback[]} callbacks
   * @param {unknown} error
   * @param {any} data
   */
  share(sid, callbacks, error, data) {
    const [first, ...others] = callbacks.splice(0);
    // The store has answered twice.
    if (first === undefined) return;
    const isObject = !error && typeof data === 'object' && data !== null && !(data instanceof UnparsedText);
    const text = isObject ? jsonOf(data) : undefined;
    first(error, data);
    for (const callback of others) {
      if (!isObject) callback(error, data);
      else if (text === undefined) this.load(sid, callback);
      else callback(null, made(text));
    }
  }
}

/** The text from which the same data can be made again; undefined where there is none. @param {any} data */
function jsonOf(data) {
  const known = sources.get(data)?.text;
  if (known !== undefined) return known;
  const text = textOf(data);
  return text !== undefined && isDeepStrictEqual(JSON.parse(text), data) ? text : undefined;
}

/**
 * Data of its own, of which it is known what it was made of. Not so of what the store gave: it may give that again, changed.
 *
 * @param {string} text
 */
function made(text) {
  const data = JSON.parse(text);
  sources.set(data, { text, clock: 0 });
  return data;
}

module.exports.GatheredLoads = GatheredLoads;
