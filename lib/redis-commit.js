'use strict';

const { createHash } = require('node:crypto');

/**
 * Compares and sets in one step inside Redis, so that no other process can come between. ARGV: the text that was
 * loaded, the new text, and the time to live: `keep` the one it has, `none`, `end` it now, or so many seconds.
 * Gives 1 when it was written, nothing when there is no session, and else the text that is there.
 */
const SCRIPT = `local current = redis.call('GET', KEYS[1])
if not current then return false end
if current ~= ARGV[1] then return current end
if ARGV[3] == 'keep' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
elseif ARGV[3] == 'none' then
  redis.call('SET', KEYS[1], ARGV[2])
elseif ARGV[3] == 'end' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
return 1`;
const SHA = createHash('sha1').update(SCRIPT).digest('hex');

/** What connect-redis has in one class: a subclass's or an app's own method stands somewhere else. */
const METHODS = /** @type {const} */ (['get', 'set', 'destroy', 'touch', 'ids']);

/**
 * connect-redis, or anything shaped like it, keeping plain JSON, and untouched by subclass or app.
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
    typeof (store.getTTL ?? store._getTTL) === 'function' &&
    typeof store.client?.get === 'function'
  );
}

/**
 * How scripts are run with a client of node-redis or ioredis, which differ in how they take them; undefined for another.
 *
 * @param {any} client
 * @returns {((command: 'eval' | 'evalsha', script: string, key: string, args: string[]) => Promise<unknown>) | undefined}
 */
function runnerOf(client) {
  if (typeof client?.evalSha === 'function' && typeof client.eval === 'function') {
    return (command, script, key, args) =>
      client[command === 'eval' ? 'eval' : 'evalSha'](script, { keys: [key], arguments: args });
  }
  if (typeof client?.evalsha === 'function' && typeof client.eval === 'function')
    return (command, script, key, args) => client[command](script, 1, key, ...args);
  return undefined;
}

/**
 * Makes the `compareAndSet` of a connect-redis store. connect-redis 9 and later show their client, and get it without
 * being asked; earlier ones hide it, so that the app has to give it.
 *
 * @param {any} client of node-redis or ioredis, a cluster's included
 * @returns {import('./comparing-commit.js').CompareAndSet}
 * @throws {TypeError} when it is neither
 */
function redisCompareAndSet(client) {
  const run = runnerOf(client);
  if (!run) {
    throw new TypeError(
      'io-session: redisCompareAndSet(client) takes a client of node-redis or ioredis; this one cannot run scripts.',
    );
  }
  return /** @this {any} */ function compareAndSet(sid, expected, { text, session, renew }, callback) {
    const key = this.prefix + sid;
    const args = [expected, text, renew ? timeToLive(this, session) : 'keep'];
    const done = (/** @type {any} */ reply) => callback(null, reply === 1 || reply);
    const failed = (/** @type {any} */ error) => callback(error ?? new Error('The Redis client rejected.'));
    // The server has not seen the script yet, or has been restarted.
    const again = async () => run('eval', SCRIPT, key, args);
    run('evalsha', SHA, key, args).then(done, (error) => {
      if (String(error?.message).startsWith('NOSCRIPT')) again().then(done, failed);
      else failed(error);
    });
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
