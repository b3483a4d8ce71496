'use strict';

// Of a long session only the change goes to Redis. What is stored afterwards is the whole text, byte for byte.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { promisify } = require('node:util');
const fc = require('fast-check');
const { redisCompareAndSet } = require('..');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { REDIS_CLIENTS } = require('./support/stores.js');

// Of one to four bytes; some begin or end with the same bytes or the same half of a character.
const LETTERS = ['a', 'b', '\\n', '"', 'é', 'è', 'ż', '一', '丁', '😀', '😁', '🨀', '\u2028'];

for (const name of ['node-redis', 'ioredis', 'node-redis 2']) {
  describe(`long sessions on ${name}`, () => {
    const server = suiteRedis();

    async function open(t) {
      const [client, close] = await REDIS_CLIENTS[name](server.port);
      const [reader, closeReader] = await REDIS_CLIENTS['node-redis'](server.port);
      t.after(() => Promise.all([close(), closeReader()]));
      const store = { prefix: 'long:', compareAndSet: redisCompareAndSet(client) };
      const change = promisify((sid, expected, text, done) =>
        store.compareAndSet(sid, expected, { text, session: {}, renew: false }, done),
      );
      return {
        change,
        read: (sid) => reader.get(`long:${sid}`),
        put: (sid, text) => reader.set(`long:${sid}`, text),
      };
    }

    test('any change of any text is stored as it is', LIMIT, async (t) => {
      const { change, read, put } = await open(t);
      const letters = (maxLength) => fc.array(fc.constantFrom(...LETTERS), { maxLength });
      const edit = fc.record({ at: fc.nat(4000), out: fc.nat(3), letters: letters(3) });
      const edits = fc.array(edit, { minLength: 1, maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(letters(50), edits, async (some, changes) => {
          let now = Array.from({ length: 4000 }, (_, at) => some[at % some.length] ?? 'a');
          let text = JSON.stringify(now.join(''));
          await put('any', text);
          for (const { at, out, letters: added } of changes) {
            now = now.toSpliced(at, out, ...added);
            const next = JSON.stringify(now.join(''));
            assert.equal(await change('any', text, next), true);
            assert.equal(await read('any'), next);
            text = next;
          }
        }),
        { numRuns: 50 },
      );
    });

    test(
      'a text that grows, shrinks, repeats itself or is another one is stored as it is',
      LIMIT,
      async (t) => {
        const { change, read, put } = await open(t);
        const long = 'a'.repeat(6000);
        const texts = [
          long,
          `${long}a`,
          `a${long}`,
          long.slice(1),
          `${long}${long}`,
          'b'.repeat(6000),
          '😀'.repeat(3000),
        ];
        for (const before of texts) {
          for (const after of [...texts, '', 'a', '😁'.repeat(3000), '🨀'.repeat(3000)]) {
            await put('one', before);
            assert.equal(await change('one', before, after), true);
            assert.equal(await read('one'), after);
          }
        }
      },
    );

    test('a text that somebody else has changed stays, and is told', LIMIT, async (t) => {
      const { change, read, put } = await open(t);
      const long = 'ż'.repeat(6000);
      await put('other', `${long}!`);
      assert.equal(await change('other', `${long}?`, `${long}.`), `${long}!`);
      assert.equal(await read('other'), `${long}!`);
      assert.equal(await change('gone', long, `${long}.`), null);
      assert.equal(await read('gone'), null);
    });
  });
}
