'use strict';

const { createHash } = require('node:crypto');

/**
 * Compares and sets in one step inside Redis, so that no other process can come between. ARGV: the text that was
 * loaded (empty: nothing was stored), the new text, the time to live in s (0: keep the one it has, -1: none).
 * Gives 1 when it was written, nothing when there is no session, and else the text that is there.
 */
const SCRIPT = `local current = redis.call('GET', KEYS[1])
if current then
  if current ~= ARGV[1] then return current end
elseif ARGV[1] ~= '' then
  return false
end
local ttl = tonumber(ARGV[3])
if ttl > 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ttl)
elseif ttl == 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2])
end
return 1`;
const SHA = createHash('sha1').update(SCRIPT).digest('hex');

/** What connect-redis has in one class: a subclass's or an app's own method stands somewhere else. */
const METHODS = /** @type {const} */ (['get', 'set', 'destroy', 'touch', 'ids']);

/**
 * connect-redis 9 and later over node-redis, or anything shaped like it, keeping plain JSON, and untouched by subclass or
 * app.
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
    typeof store.getTTL === 'function' &&
    typeof store.client?.evalSha === 'function' &&
    typeof store.client.eval === 'function'
  );
}

/** @type {import('./store-kind.js').CommitTo} */
function commitToRedis(adopted, commit, done) {
  const { store } = adopted;
  // In the words of the script: keep, none, or so many seconds.
  const ttl = !commit.renew ? 0 : store.disableTTL ? -1 : store.getTTL(commit.session);
  const hasExpired = commit.renew && !store.disableTTL && ttl <= 0;
  if (commit.expected === null || hasExpired) {
    // A session that is new has nothing to be compared with, and one that expires now is destroyed: the store's
    // own `set` does both.
    adopted.put(commit.sid, commit.session, (error) => done(error, { written: true }), commit.clock);
    return;
  }
  const call = {
    keys: [store.prefix + commit.sid],
    arguments: [commit.expected, commit.text, String(ttl)],
  };
  adopted.askClient(
    commit.sid,
    () => evaluate(store.client, call),
    (error, reply) => {
      if (error) done(error, {});
      else if (reply === null || reply === undefined) done(null, { gone: true });
      else if (typeof reply === 'string') done(null, { current: reply });
      else done(null, { written: true });
    },
  );
}

/**
 * @param {any} client
 * @param {{ keys: string[], arguments: string[] }} call
 * @returns {Promise<string | number | null>}
 */
function evaluate(client, call) {
  return client.evalSha(SHA, call).catch((/** @type {any} */ error) => {
    // The server has not seen the script yet, or has been restarted.
    if (String(error?.message).startsWith('NOSCRIPT')) return client.eval(SCRIPT, call);
    throw error;
  });
}

module.exports.commitToRedis = commitToRedis;
module.exports.isRedisStore = isRedisStore;
