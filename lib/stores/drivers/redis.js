'use strict';

const { runnerOf } = require('./redis-client.js');
const { turnOf } = require('./redis-turn.js');

/** What connect-redis has in one class: a subclass's or an app's own method stands somewhere else. */
const METHODS = /** @type {const} */ (['get', 'set', 'destroy', 'touch', 'ids']);

/**
 * connect-redis from 7 on, or anything shaped like it, keeping plain JSON, and untouched by subclass or app. The clients of
 * earlier ones answer by callback, and not by promise.
 *
 * @param {any} store
 * @returns {boolean}
 */
function isRedisStore(store) {
  let own = Object.getPrototypeOf(store);
  while (own !== null && !Object.hasOwn(own, 'get')) own = Object.getPrototypeOf(own);
  return (
    own !== null &&
    METHODS.every((method) => Object.hasOwn(own, method) && store[method] === own[method]) &&
    store.serializer === JSON &&
    typeof store.prefix === 'string' &&
    // What those have, each with another name for it.
    typeof (store.getTTL ?? store.normalizeClient) === 'function' &&
    typeof store.client?.get === 'function'
  );
}

/**
 * Makes the `compareAndSet` of a connect-redis store. connect-redis 9 and later show their client, and get it without
 * being asked; earlier ones hide it, so that the app has to give it.
 *
 * @param {any} client of node-redis or ioredis, a cluster's included
 * @returns {import('./comparing.js').CompareAndSet}
 * @throws {TypeError} when it is neither
 */
function redisCompareAndSet(client) {
  if (!runnerOf(client)) {
    throw new TypeError(
      'io-session: redisCompareAndSet(client) takes a client of node-redis or ioredis that answers by promise: not one of node-redis 3, nor of its legacyMode.',
    );
  }
  const { changes } = turnOf(client);
  return /** @this {any} */ function compareAndSet(sid, expected, { text, session, renew }, callback) {
    const life = renew ? timeToLive(this, session) : 'keep';
    changes.add({ key: this.prefix + sid, expected, text, life, answer: callback });
  };
}

/**
 * In the words of the script.
 *
 * @param {any} store
 * @param {any} session
 */
function timeToLive(store, session) {
  if (store.disableTTL) return 'none';
  const ttl = store.getTTL ? store.getTTL(session) : store._getTTL(session);
  return ttl > 0 ? String(ttl) : 'end';
}

/**
 * Whether a store shows a client that can run scripts.
 *
 * @param {any} store
 * @returns {boolean}
 */
function showsClient(store) {
  return runnerOf(store.client) !== undefined;
}

module.exports.isRedisStore = isRedisStore;
module.exports.redisCompareAndSet = redisCompareAndSet;
module.exports.showsClient = showsClient;
