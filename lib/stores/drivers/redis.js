'use strict';

const { createHash } = require('node:crypto');
const { isLive } = require('../../session/session-data.js');
const { attempt } = require('../../support/errors.js');
const { Batches } = require('../batches.js');
const { firstAnswer } = require('../tickets.js');
const { setImmediate } = require('../../support/timers.js');

/** @import { Change, Driver, Outcome } from './index.js' */

/** @typedef {(error: unknown, reply?: any) => void} Callback */
/** @typedef {(error: unknown, outcome?: Outcome) => void} Compared */

/**
 * Compares and sets in one step inside Redis, so that no other process can come between. For each key ARGV has the text that was
 * loaded, or its SHA-1; how many bytes of it stay at its beginning and at its end, and what comes between; and the time to live:
 * `keep` for the one that the key has, `end` to end it now, or so many seconds. The reply for each is `+` when it was written, `-`
 * when there is no session, `=` and the text that is there, or `!` and why it failed.
 */
const SCRIPT = `local function set(key, at)
  local expected, head, tail, middle, life = ARGV[at - 4], ARGV[at - 3], ARGV[at - 2], ARGV[at - 1], ARGV[at]
  local current = redis.pcall('GET', key)
  if type(current) == 'table' then return '!' .. current.err end
  if not current then return '-' end
  if current ~= expected and redis.sha1hex(current) ~= expected then return '=' .. current end
  local text = current:sub(1, head) .. middle .. current:sub(#current - tail + 1)
  local answer
  if life == 'keep' then
    answer = redis.pcall('SET', key, text, 'KEEPTTL')
  elseif life == 'end' then
    answer = redis.pcall('DEL', key)
  else
    answer = redis.pcall('SET', key, text, 'EX', life)
  end
  if type(answer) == 'table' and answer.err then return '!' .. answer.err end
  return '+'
end
local replies = {}
for at, key in ipairs(KEYS) do
  replies[at] = set(key, 5 * at)
end
return replies`;
/** From so many characters on, a digest costs less than to send a text twice. */
const LONG = 4096;
const SHA = digestOf(SCRIPT);
/** An error that Redis replies with begins with its code; ioredis looks at a cluster's slots itself. Of a lost connection it says nothing. */
const REFUSED = /^(?:[A-Z]{2,}\b|All the keys)/;

/**
 * The commands that are needed of a Redis client.
 *
 * @typedef {object} Commands
 * @property {(name: string, callback: Callback, asked?: () => void) => void} get `asked` is called where it is not asked at once
 * @property {(names: string[], callback: Callback) => void} [getAll] undefined where the client shows no `MGET`
 * @property {(command: 'eval' | 'evalsha', script: string, names: string[], args: string[], callback: Callback) => void} [run]
 *   undefined where the client shows no scripts
 * @property {(name: string, callback: () => void) => void} [tell] waits until the caches of all clients are told of a write
 * @property {Map<string, (() => void)[]>} [beingWritten] the keys that this process is writing right now, of which its own cache has
 *   the text of before, and the reads that wait for that
 * @property {Writes} [writes]
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

/** node-redis from 4 on, which answers by promise. @param {any} client @returns {Commands} */
function ofNodeRedis(client) {
  const modern = client.options?.legacyMode ? client.v4 : client;
  /** @type {Commands & { run: {} }} */
  const commands = {
    get: (name, callback) => firstAnswer(() => modern.get(name), callback),
    getAll: (names, callback) => firstAnswer(() => modern.mGet(names), callback),
    run(command, script, names, args, callback) {
      const options = { keys: names, arguments: args };
      firstAnswer(() => modern[command === 'eval' ? 'eval' : 'evalSha'](script, options), callback);
    },
  };
  return modern.clientSideCache ? throughCache(commands.get, commands.run) : commands;
}

/**
 * The same of a client with a cache of its own (`clientSideCache`), which Redis tells of each change.
 *
 * A read waits until the event loop has asked once more which connections have something: what Redis sent before the event came
 * is heard then. In the round of the event itself it may not be: a socket that had a packet when that round began is read late in
 * it, with all that has come since. A session whose date has passed is read in Redis, where a touch may have moved its end.
 *
 * @param {Commands['get']} get @param {NonNullable<Commands['run']>} run @returns {Commands}
 */
function throughCache(get, run) {
  /** @type {NonNullable<Commands['beingWritten']>} */
  const beingWritten = new Map();
  const read = (
    /** @type {string} */ name,
    /** @type {Callback} */ callback,
    /** @type {() => void} */ asked = () => {},
  ) => {
    const waiting = beingWritten.get(name);
    if (waiting !== undefined) {
      waiting.push(() => read(name, callback, asked));
      return;
    }
    asked();
    const answered = (/** @type {unknown} */ error, /** @type {any} */ text) => {
      // What is no session has no date.
      if (error || !text || attempt(() => isLive(String(text)), true)) callback(error, text);
      else new Writes({ run }).send([{ name, args: ['', '0', '0', '', 'keep'], callback }]);
    };
    get(name, answered);
  };
  return {
    get: (name, callback, asked) => setImmediate(read, name, callback, asked),
    // No `getAll`: the cache keeps one answer for each command, and those for several keys would hardly ever come again.
    run,
    // Redis answers a write before it tells the others of it, and the next command after that.
    tell: (name, callback) => run('eval', 'return 1', [name], [], () => callback()),
    beingWritten,
  };
}

/**
 * ioredis and node-redis 2 and 3, by callback, and the clients of connect-redis 7 and 8, by promise and without scripts.
 *
 * @param {any} client @returns {Commands}
 */
function ofOthers(client) {
  /** @type {Commands} */
  const commands = { get: (name, callback) => firstAnswer((done) => client.get(name, done), callback) };
  if (typeof client.mget === 'function')
    commands.getAll = (names, callback) => firstAnswer((done) => client.mget(names, done), callback);
  if (typeof client.eval === 'function' && typeof client.evalsha === 'function')
    commands.run = (command, script, names, args, callback) =>
      firstAnswer((done) => client[command](script, names.length, ...names, ...args, done), callback);
  return commands;
}

/**
 * @typedef {object} Write
 * @property {string} name the key
 * @property {[expected: string, head: string, tail: string, middle: string, life: string]} args
 * @property {Compared} callback
 */

/** What is compared and set by one client. */
class Writes {
  /** @param {Pick<Commands, 'run' | 'tell' | 'beingWritten'>} commands */
  constructor({ run, tell, beingWritten }) {
    this.run = /** @type {NonNullable<Commands['run']>} */ (run);
    this.tell = tell;
    this.beingWritten = beingWritten;
    /** @type {Batches<Write>} */
    this.batches = new Batches((writes) => this.send(writes));
  }

  /** @param {Write} write */
  add(write) {
    if (!this.beingWritten?.has(write.name)) this.beingWritten?.set(write.name, []);
    this.batches.add(write);
  }

  /** Answers writes, and lets the reads of their keys go on. @param {Write[]} writes @param {(write: Write, at: number) => void} answerOne */
  end(writes, answerOne) {
    for (const [at, write] of writes.entries()) {
      answerOne(write, at);
      const waiting = this.beingWritten?.get(write.name) ?? [];
      this.beingWritten?.delete(write.name);
      // When the save that has written it has ended.
      for (const read of waiting) setImmediate(read);
    }
  }

  /** By one script. @param {Write[]} writes */
  send(writes) {
    const names = writes.map(({ name }) => name);
    const args = writes.flatMap((write) => write.args);
    const replied = (/** @type {any} */ error, /** @type {any} */ replies) => {
      const answerAll = () => this.end(writes, (write, at) => answer(write, replies[at]));
      if (!error && this.tell) this.tell(names[0], answerAll);
      else if (!error) answerAll();
      else if (writes.length > 1 && REFUSED.test(error.message)) {
        // What was written all the same is seen by its text.
        this.batches.sendApart(writes);
      } else this.end(writes, ({ callback }) => callback(error));
    };
    this.run('evalsha', SHA, names, args, (error, replies) => {
      // The server has not seen the script yet, or has been restarted.
      if (String(/** @type {any} */ (error)?.message).includes('NOSCRIPT'))
        this.run('eval', SCRIPT, names, args, replied);
      else replied(error, replies);
    });
  }
}

/** @param {Write} write @param {any} reply a client may be set to give bytes */
function answer({ callback }, reply) {
  const text = String(reply);
  if (text === '+') callback(null, true);
  else if (text === '-') callback(null, null);
  else if (text[0] === '=') callback(null, text.slice(1));
  else callback(new Error(text.slice(1)));
}

/** @param {string} text */
function digestOf(text) {
  return createHash('sha1').update(text).digest('hex');
}

/**
 * A change in the script's words, without the life. Of a long text only what has changed is sent.
 *
 * @param {string} before @param {string} text
 * @returns {[expected: string, head: string, tail: string, middle: string]}
 */
function changeOf(before, text) {
  if (before.length < LONG) return [before, '0', '0', text];
  const shorter = Math.min(before.length, text.length);
  let head = most(shorter, (from, to) => before.slice(from, to) === text.slice(from, to));
  // Not inside of a character of two units.
  if (isHighSurrogate(before, head - 1)) head -= 1;
  const [end, textEnd] = [before.length, text.length];
  const isSameEnd = (/** @type {number} */ from, /** @type {number} */ to) =>
    before.slice(end - to, end - from) === text.slice(textEnd - to, textEnd - from);
  let tail = most(shorter - head, isSameEnd);
  if (isHighSurrogate(before, end - tail - 1)) tail -= 1;
  const bytes = (/** @type {string} */ part) => String(Buffer.byteLength(part));
  const middle = text.slice(head, textEnd - tail);
  return [digestOf(before), bytes(before.slice(0, head)), bytes(before.slice(end - tail)), middle];
}

/** The greatest number for which all parts up to it are the same. @param {number} limit @param {(from: number, to: number) => boolean} isSame */
function most(limit, isSame) {
  let [low, high] = [0, limit];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (isSame(low, middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** @param {string} text @param {number} at */
function isHighSurrogate(text, at) {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800;
}

/**
 * How long the store lets a session live that is saved now, in the script's words; undefined where only its `touch` knows.
 *
 * @param {any} store @param {any} session @returns {string | undefined}
 */
function lifeOf(store, session) {
  if (store.disableTTL) return 'keep';
  const seconds = store.getTTL?.(session) ?? store._getTTL?.(session);
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) return undefined;
  return seconds > 0 ? String(Math.ceil(seconds)) : 'end';
}

/**
 * @param {any} store @param {any} client @param {string} sid @param {string} expected @param {Change} change
 * @param {Compared} callback
 */
function compareAndSet(store, client, sid, expected, { text, session, renew }, callback) {
  const commands = commandsOf(client);
  if (commands.run === undefined)
    return callback(new Error('io-session: this Redis client runs no scripts.'));
  commands.writes ??= new Writes(commands);
  const life = renew ? lifeOf(store, session) : 'keep';
  commands.writes.add({
    name: store.prefix + sid,
    args: [...changeOf(expected, text), life ?? 'keep'],
    callback(error, outcome) {
      if (error || outcome !== true) callback(error, outcome);
      else if (life === undefined && typeof store.touch === 'function')
        store.touch(sid, session, (/** @type {unknown} */ failed) => callback(failed, true));
      else callback(null, true);
    },
  });
}

/** The driver of a connect-redis store, by its client; it compares and sets by a script. @param {any} store @returns {Driver} */
function redisDriver(store) {
  const commands = () => commandsOf(store.client);
  const nameOf = (/** @type {string} */ sid) => store.prefix + sid;
  const { getAll, run, tell } = commands();
  return {
    exact: run ? 'processes' : 'process',
    loadText: (sid, callback, asked) => commands().get(nameOf(sid), callback, asked),
    // A client of another kind, put in the place of the first one, may not have these.
    loadTexts: getAll && ((sids, callback) => (commands().getAll ?? getAll)(sids.map(nameOf), callback)),
    tell: tell && ((sid, callback) => (commands().tell ?? tell)(nameOf(sid), callback)),
    compareAndSet:
      run &&
      ((sid, expected, change, callback) =>
        compareAndSet(store, store.client, sid, expected, change, callback)),
  };
}

/** Whether a store has what connect-redis has. Only a probe can tell whether it is one. @param {any} store */
function looksLikeRedis(store) {
  return typeof store.prefix === 'string' && typeof store.client?.get === 'function';
}

/**
 * Makes the `compareAndSet` of a connect-redis store that hides its client: 7 and 8.
 *
 * @param {any} client of node-redis or ioredis, a cluster's included
 * @returns {(this: any, sid: string, expected: string, change: Change, callback: Compared) => void}
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

module.exports = { looksLikeRedis, redisCompareAndSet, redisDriver };
