'use strict';

// A handler cannot tell that its session is parsed only as far as it looks at it: whatever it does, it sees and leaves in
// the store what it would with express-session's whole Session.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { inspect } = require('node:util');
const fc = require('fast-check');
const expressSession = require('express-session');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { data, program, run } = require('./support/session-program.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

/** Programs that told the two apart once. */
const EXAMPLES = [
  // A save writes a field called like a method, which a whole session does not have: that is no change of others.
  [{ toJSON: [] }, [[{ what: 'nest', key: 'toJSON' }], [{ what: 'inspect' }]]],
  [{ cart: [], id: {} }, [[{ what: 'save' }, { what: 'nest', key: 'cart' }], [{ what: 'spread' }], []]],
];

const RUNS_OF_LOOKS = { numRuns: 300 };
const RUNS = { numRuns: 500, examples: EXAMPLES };

const redisServer = suiteRedis();

function programs(context) {
  context.on('run', function (steps, ack) {
    ack(run(this.session, steps));
  });
}

async function side(t, store) {
  const f = await fixture(t, { store, app: programs });
  const { socket, sid } = await f.bound();
  const put = (fields) =>
    new Promise((resolve, reject) => {
      const cookie = {
        originalMaxAge: 3_600_000,
        expires: '2126-01-01T00:00:00.000Z',
        httpOnly: true,
        path: '/',
      };
      store.set(sid, { cookie, ...fields }, (error) => (error ? reject(error) : resolve()));
    });
  return { put, socket, sid };
}

for (const [name, open] of [
  ['MemoryStore', () => stores.memory()],
  ['EmbeddedStore', () => stores.embedded()],
  ['connect-redis', () => stores.redis(redisServer)],
]) {
  test(`${name}: any program on a session sees and stores what it would on a whole one`, LIMIT, async (t) => {
    const kept = await open();
    const whole = new expressSession.MemoryStore();
    const ours = await side(t, kept.store);
    const theirs = await side(t, whole);
    // The app's own: it is called with all of the data.
    const { createSession } = whole;
    whole.createSession = (req, stored) => createSession(req, stored);
    t.after(async () => {
      await settle();
      await kept.cleanup();
    });
    await fc.assert(
      fc.asyncProperty(data, fc.array(program, { minLength: 1, maxLength: 3 }), async (fields, events) => {
        await Promise.all([ours.put(fields), theirs.put(fields)]);
        for (const steps of events) {
          const [seen, expected] = await Promise.all([
            ours.socket.ask('run', steps),
            theirs.socket.ask('run', steps),
          ]);
          assert.deepEqual(seen, expected);
          // An answer leaves before its session is saved.
          await settle();
          await until(
            async () => (await kept.text(ours.sid)) === whole.sessions[theirs.sid],
            `${await kept.text(ours.sid)} to be ${whole.sessions[theirs.sid]}`,
            // When it fails, each step of making the program smaller waits so long.
            10_000,
          );
        }
      }),
      RUNS,
    );
  });
}

const LOOKS = new Set(['read', 'in', 'own', 'keys', 'json', 'spread', 'loop', 'inspect', 'symbols']);
const looks = program.map((steps) => steps.filter(({ what }) => LOOKS.has(what)));

for (const [name, open] of [
  ['MemoryStore', () => stores.memory()],
  ['connect-redis', () => stores.redis(redisServer)],
]) {
  test(`${name}: an event has what others have stored, whatever was looked at before`, LIMIT, async (t) => {
    const kept = await open();
    const { put, socket, sid } = await side(t, kept.store);
    t.after(async () => {
      await settle();
      await kept.cleanup();
    });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(data, looks), { minLength: 2, maxLength: 5 }), async (events) => {
        for (const [fields, steps] of events) {
          await put(fields);
          const stored = await kept.text(sid);
          await socket.ask('run', steps);
          const [[seen], expected] = [
            await socket.ask('run', [{ what: 'json' }]),
            new expressSession.Session({ sessionID: sid }, JSON.parse(stored)),
          ];
          assert.equal(seen, inspect(JSON.stringify(expected), { depth: 9 }).replaceAll(sid, 'the id'));
          // Looking is no change.
          assert.equal(await kept.text(sid), stored);
        }
      }),
      RUNS_OF_LOOKS,
    );
  });
}
