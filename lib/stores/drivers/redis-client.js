'use strict';

/**
 * How several keys at once are refused, though each by itself is not: by Redis, for a cluster's slots or for what the user may
 * not do, or by ioredis, which looks at the slots itself where it makes pipelines (`enableAutoPipelining`).
 */
const REFUSED = /^(CROSSSLOT|NOPERM|MOVED|TRYAGAIN|ERR|All the keys in a pipeline)\b/;

/**
 * How scripts are run with a client of node-redis or ioredis, which differ in how they take them; undefined for another, and
 * for one of node-redis 3 or its `legacyMode`: those answer by callback.
 *
 * @param {any} client
 * @returns {((command: 'eval' | 'evalsha', script: string, keys: string[], args: string[]) => Promise<any>) | undefined}
 */
function runnerOf(client) {
  if (typeof client?.eval !== 'function') return undefined;
  if (typeof client.evalSha === 'function') {
    if (client.options?.legacyMode) return undefined;
    return async (command, script, keys, args) =>
      client[command === 'eval' ? 'eval' : 'evalSha'](script, { keys, arguments: args });
  }
  // In node-redis 3, `pipeline` is a flag.
  if (typeof client.evalsha === 'function' && typeof client.pipeline === 'function')
    return async (command, script, keys, args) => client[command](script, keys.length, ...keys, ...args);
  return undefined;
}

/**
 * How several keys are read by one command (`MGET`); undefined for a client that cannot.
 *
 * @param {any} client
 * @returns {((names: string[]) => Promise<any>) | undefined}
 */
function readerOf(client) {
  // As node-redis and ioredis have it.
  const method = ['mGet', 'mget'].find((name) => typeof client[name] === 'function');
  return method === undefined ? undefined : async (names) => client[method](names);
}

/**
 * Whether a client sends what it was given at the end of a phase of the event loop, as node-redis does.
 *
 * @param {any} client
 */
function sendsLater(client) {
  return typeof client.evalSha === 'function';
}

module.exports.REFUSED = REFUSED;
module.exports.readerOf = readerOf;
module.exports.runnerOf = runnerOf;
module.exports.sendsLater = sendsLater;
