'use strict';

const { createHash } = require('node:crypto');
const { RedisBatch } = require('./redis-batch.js');
const { REFUSED, runnerOf } = require('./redis-client.js');

/**
 * Compares and sets in one step inside Redis, so that no other process can come between. For each key ARGV has: the text
 * that was loaded, the new text, and the time to live: `keep` the one it has, `none`, `end` it now, or so many seconds.
 * Gives for each 1 when it was written, nothing when there is no session, and else the text that is there; no more where
 * one fails, and an error where that is the first: then nothing was written.
 */
const SCRIPT = `local function set(key, expected, text, life)
  local current = redis.pcall('GET', key)
  if type(current) == 'table' then return current end
  if not current then return false end
  if current ~= expected then return current end
  local answer
  if life == 'keep' then
    answer = redis.pcall('SET', key, text, 'KEEPTTL')
  elseif life == 'none' then
    answer = redis.pcall('SET', key, text)
  elseif life == 'end' then
    answer = redis.pcall('DEL', key)
  else
    answer = redis.pcall('SET', key, text, 'EX', life)
  end
  if type(answer) == 'table' and answer.err then return answer end
  return 1
end
local done = {}
for at, key in ipairs(KEYS) do
  local answer = set(key, ARGV[3 * at - 2], ARGV[3 * at - 1], ARGV[3 * at])
  if type(answer) == 'table' then
    if at == 1 then return answer end
    return done
  end
  done[at] = answer
end
return done`;
const SHA = createHash('sha1').update(SCRIPT).digest('hex');
/** The script's word for a session that it has written, which is the text of none. */
const WRITTEN = '1';
/** An error that Redis replies with begins with its code; one of a client that has lost it does not. */
const REPLY = /^[A-Z]{2,}\b/;

/**
 * @typedef {object} Change
 * @property {string} key
 * @property {string} expected the text that was loaded
 * @property {string} text
 * @property {string} life in the words of the script
 * @property {(error: unknown, outcome?: true | string | null) => void} answer
 */

/**
 * What is compared and set in a turn.
 *
 * @extends {RedisBatch<Change>}
 */
class RedisChanges extends RedisBatch {
  /**
   * @param {import('./redis-turn.js').RedisTurn} turn
   * @param {any} client
   */
  constructor(turn, client) {
    super(turn);
    this.runner = /** @type {NonNullable<ReturnType<typeof runnerOf>>} */ (runnerOf(client));
  }

  /** @param {Change} change */
  sizeOf({ expected, text }) {
    return expected.length + text.length;
  }

  /** @param {Change} change */
  sendOne(change) {
    this.run([change], (error, replies) => change.answer(error, replies && outcomeOf(replies[0])));
  }

  /** @param {Change[]} changes */
  sendAll(changes) {
    this.run(changes, (error, replies) => {
      if (replies) {
        for (let at = 0; at < replies.length; at += 1) changes[at].answer(null, outcomeOf(replies[at]));
        // One that failed has kept those behind it from being written.
        if (replies.length < changes.length) this.send(changes.slice(replies.length));
        return;
      }
      const message = String(/** @type {any} */ (error).message);
      const isRefused = REFUSED.test(message);
      if (isRefused) this.together = false;
      // Nothing was written. Where the connection was lost nobody knows that.
      if (isRefused || REPLY.test(message)) for (const change of changes) this.sendOne(change);
      else for (const change of changes) change.answer(error);
    });
  }

  /**
   * @param {Change[]} changes
   * @param {(error: unknown, replies?: any[]) => void} done
   */
  run(changes, done) {
    /** @type {string[]} */
    const keys = [];
    /** @type {string[]} */
    const args = [];
    for (const { key, expected, text, life } of changes) {
      keys.push(key);
      args.push(expected, text, life);
    }
    const replied = (/** @type {any[]} */ replies) => done(null, replies);
    const failed = (/** @type {any} */ error) => done(error ?? new Error('The Redis client rejected.'));
    this.runner('evalsha', SHA, keys, args).then(replied, (error) => {
      // The server has not seen the script yet, or has been restarted.
      if (String(error?.message).startsWith('NOSCRIPT'))
        this.runner('eval', SCRIPT, keys, args).then(replied, failed);
      else failed(error);
    });
  }
}

/**
 * @param {any} reply
 * @returns {true | string | null}
 */
function outcomeOf(reply) {
  if (reply === null || reply === undefined) return null;
  // A client may be set to give bytes, or numbers as texts.
  const text = String(reply);
  return text === WRITTEN || text;
}

module.exports.RedisChanges = RedisChanges;
