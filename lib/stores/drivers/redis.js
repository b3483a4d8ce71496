'use strict';

const { createHash } = require('node:crypto');
const { hear, rejected, thrown } = require('../ask.js');

/** @typedef {(error: unknown, reply?: any) => void} Callback */

/**
 * Compares and sets in one step inside Redis, so that no other process can come between. ARGV has the text that was loaded,
 * the new text, and the time to live: `keep` for the one that the key has, `end` to end it now, or so many seconds. Gives 1
 * when it was written, nothing when there is no session, and else the text that is there.
 */
const SCRIPT = `local current = redis.call('GET', KEYS[1])
if not current then return false end
if current ~= ARGV[1] then return current end
if ARGV[3] == 'keep' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
elseif ARGV[3] == 'end' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
end
return 1`;
const SHA = createHash('sha1').update(SCRIPT).digest('hex');
/** The script's reply for a session that it has written, which is the text of none. */
const WRITTEN = '1';

/**
 * The commands that are needed of a Redis client.
 *
 * @typedef {object} Commands
 * @property {(name: string, callback: Callback) => void} get
 * @property {((names: string[], callback: Callback) => void) | undefined} getAll undefined where the client shows no `MGET`
 * @property {((command: 'eval' | 'evalsha', script: string, name: string, args: string[], callback: Callback) => void) | undefined} run
 *   undefined where the client shows no scripts
 */

/** @type {WeakMap<object, Commands>} */
const known = new WeakMap();

/** @param {any} client @returns {Commands} */
function commandsOf(client) {
  let commands = known.get(client);
  if (commands === undefined) {
    commands = typeof client.evalSha === 'function' ? ofNodeRedis(client) : ofOthers(client);
    known.set(client, commands);
  }
  return commands;
}

/**
 * node-redis from 4 on, which answers by promise.
 *
 * @param {any} client
 * @returns {Commands}
 */
function ofNodeRedis(client) {
  const modern = client.options?.legacyMode ? client.v4 : client;
  return {
    get: (name, callback) => byPromise(callback, () => modern.get(name)),
    getAll: (names, callback) => byPromise(callback, () => modern.mGet(names)),
    run(command, script, name, args, callback) {
      const options = { keys: [name], arguments: args };
      byPromise(callback, () => modern[command === 'eval' ? 'eval' : 'evalSha'](script, options));
    },
  };
}

/**
 * ioredis and node-redis 2 and 3, which take a callback, and the clients of connect-redis 7 and 8, which answer by promise and
 * show no scripts.
 *
 * @param {any} client
 * @returns {Commands}
 */
function ofOthers(client) {
  const runs = typeof client.eval === 'function' && typeof client.evalsha === 'function';
  return {
    get: (name, callback) => byEither(callback, (done) => client.get(name, done)),
    getAll:
      typeof client.mget === 'function'
        ? (names, callback) => byEither(callback, (done) => client.mget(names, done))
        : undefined,
    run: runs
      ? (command, script, name, args, callback) =>
          byEither(callback, (done) => client[command](script, 1, name, ...args, done))
      : undefined,
  };
}

/**
 * Calls a client that answers by promise.
 *
 * @param {Callback} callback
 * @param {() => Promise<any>} call
 */
function byPromise(callback, call) {
  try {
    call().then(
      (reply) => callback(null, reply),
      (error) => callback(rejected(error)),
    );
  } catch (error) {
    callback(thrown(error));
  }
}

/**
 * Calls a client that answers by callback, by promise, or by both: the first answer counts.
 *
 * @param {Callback} callback
 * @param {(done: Callback) => unknown} call
 */
function byEither(callback, call) {
  let isAnswered = false;
  /** @type {Callback} */
  const done = (error, reply) => {
    if (isAnswered) return;
    isAnswered = true;
    callback(error, reply);
  };
  try {
    hear(call(done), done);
  } catch (error) {
    done(thrown(error));
  }
}

/**
 * @param {Commands} commands
 * @param {string} name
 * @param {string[]} args
 * @param {(error: unknown, outcome?: true | string | null) => void} callback
 */
function runScript({ run }, name, args, callback) {
  if (run === undefined) {
    callback(new Error('io-session: this Redis client runs no scripts.'));
    return;
  }
  const replied = (/** @type {any} */ error, /** @type {any} */ reply) => {
    if (error) callback(error);
    else if (reply === null || reply === undefined) callback(null, null);
    else {
      // A client may be set to give bytes, or numbers as texts.
      const text = String(reply);
      callback(null, text === WRITTEN || text);
    }
  };
  run('evalsha', SHA, name, args, (error, reply) => {
    // The server has not seen the script yet, or has been restarted.
    if (String(/** @type {any} */ (error)?.message).includes('NOSCRIPT'))
      run('eval', SCRIPT, name, args, replied);
    else replied(error, reply);
  });
}

/**
 * How long the store lets a session live that is saved now, in the script's words; undefined where only its `touch` knows.
 *
 * @param {any} store
 * @param {any} session
 * @returns {string | undefined}
 */
function lifeOf(store, session) {
  if (store.disableTTL) return 'keep';
  const seconds = store.getTTL?.(session) ?? store._getTTL?.(session);
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) return undefined;
  return seconds > 0 ? String(Math.ceil(seconds)) : 'end';
}

/**
 * @param {any} store
 * @param {any} client
 * @param {string} sid
 * @param {string} expected
 * @param {import('./index.js').Change} change
 * @param {(error: unknown, outcome?: true | string | null) => void} callback
 */
function compareAndSet(store, client, sid, expected, { text, session, renew }, callback) {
  const life = renew ? lifeOf(store, session) : 'keep';
  runScript(commandsOf(client), store.prefix + sid, [expected, text, life ?? 'keep'], (error, outcome) => {
    if (life !== undefined || error || outcome !== true || typeof store.touch !== 'function')
      callback(error, outcome);
    else store.touch(sid, session, (/** @type {unknown} */ failed) => callback(failed, true));
  });
}

/**
 * The driver of a connect-redis store: sessions are read as texts from the same keys by the same client, and compared and set
 * by a script where the client runs scripts.
 *
 * @param {any} store
 * @returns {import('./index.js').Driver}
 */
function redisDriver(store) {
  /** @type {import('./index.js').Driver} */
  const driver = {
    exact: 'process',
    loadText: (sid, callback) => commandsOf(store.client).get(store.prefix + sid, callback),
  };
  if (commandsOf(store.client).getAll !== undefined) {
    driver.loadTexts = (sids, callback) => {
      const names = sids.map((sid) => store.prefix + sid);
      commandsOf(store.client).getAll?.(names, callback);
    };
  }
  if (commandsOf(store.client).run !== undefined) {
    driver.exact = 'processes';
    driver.compareAndSet = (sid, expected, change, callback) =>
      compareAndSet(store, store.client, sid, expected, change, callback);
  }
  return driver;
}

/** Whether a store has what connect-redis has. Only a probe can tell whether it is one. @param {any} store */
function looksLikeRedis(store) {
  return typeof store.prefix === 'string' && typeof store.client?.get === 'function';
}

/**
 * Makes the `compareAndSet` of a connect-redis store that hides its client: 7 and 8.
 *
 * @param {any} client of node-redis or ioredis, a cluster's included
 * @returns {(this: any, sid: string, expected: string, change: import('./index.js').Change, callback: (error: unknown, outcome?: true | string | null) => void) => void}
 * @throws {TypeError} when it is neither
 */
function redisCompareAndSet(client) {
  const isClient = client !== null && typeof client === 'object';
  if (!isClient || typeof client.get !== 'function' || commandsOf(client).run === undefined) {
    throw new TypeError('io-session: redisCompareAndSet(client) takes a client of node-redis or ioredis.');
  }
  return /** @this {any} */ function (sid, expected, change, callback) {
    compareAndSet(this, client, sid, expected, change, callback);
  };
}

module.exports.looksLikeRedis = looksLikeRedis;
module.exports.redisCompareAndSet = redisCompareAndSet;
module.exports.redisDriver = redisDriver;
