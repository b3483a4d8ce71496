'use strict';

// The rows of the contract that could depend on a version or on a store, over all versions, and over the stores that need
// no database server of their own but Redis. Those on PostgreSQL and MariaDB are suites of their own.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { begin, lifeRows, rows } = require('./support/contract-rows.js');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { startRedis, suiteRedis } = require('./support/redis-server.js');
const { keyPath } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

const redisServer = suiteRedis();

const redis = (version, client) => () => stores.redis(redisServer, undefined, { version, client });

const STORES = {
  MemoryStore: () => stores.memory(),
  EmbeddedStore: () => stores.embedded(),
  'connect-redis': redis('connect-redis 9'),
  'session-file-store': () => stores.file(),
};

const MORE_STORES = {
  memorystore: () => stores.memorystore(),
  'better-sqlite3-session-store': () => stores.sqlite(),
  'connect-redis 3 on node-redis 2': redis('connect-redis 3', 'node-redis 2'),
  'connect-redis 6 on node-redis 3': redis('connect-redis 6', 'node-redis 3'),
  'connect-redis 7 on node-redis': redis('connect-redis 7'),
  'connect-redis 7 on ioredis': redis('connect-redis 7', 'ioredis'),
  'connect-redis 8 on node-redis 5': redis('connect-redis 8', 'node-redis 5'),
  'connect-redis 8 on ioredis': redis('connect-redis 8', 'ioredis'),
  'connect-redis 10 on node-redis': redis('connect-redis 10'),
};

for (const expressVersion of [4, 5]) {
  for (const socketIoVersion of [2, 4]) {
    for (const store of Object.keys(STORES)) {
      describe(`Express ${expressVersion}, Socket.IO ${socketIoVersion}, ${store}`, () => {
        rows(STORES[store], { expressVersion, socketIoVersion });
      });
    }
  }
}

for (const [name, open] of Object.entries(MORE_STORES)) describe(name, () => rows(open));

// What ZappaJS 6.5.0 installs.
const zappaStore = redis('connect-redis 3', 'node-redis 2');
describe("Zappa's own stack: Express 4, Socket.IO 2, connect-redis 3 on node-redis 2", () => {
  rows(zappaStore, { expressVersion: 4, socketIoVersion: 2 });
});

// Side by side: what takes time is that sessions expire.
describe('the life of a session', { concurrency: true }, () => {
  for (const [name, open] of Object.entries({ ...STORES, ...MORE_STORES, 'connect-redis 3': zappaStore })) {
    describe(name, () => lifeRows(open));
  }
});

const MINUTE = 60_000;
const MONTH = 30 * 24 * 60 * MINUTE;

describe('C15c: how long a session lives after a socket write', () => {
  for (const [what, maxAge] of [
    ['a session of a minute', MINUTE],
    ['a session of thirty days', MONTH],
  ]) {
    test(`${what}, on Redis: its TTL follows the cookie`, LIMIT, async (t) => {
      const { kept, bound } = await begin(t, STORES['connect-redis'], {
        sessionOptions: { cookie: { maxAge } },
      });
      const { socket, sid } = await bound();
      await socket.ask('write', { more: 1 });
      await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
      const ttl = await kept.ttl(sid);
      assert.ok(ttl > maxAge / 1000 - 15 && ttl <= maxAge / 1000, `${ttl} s`);
    });

    test(`${what}, in a file: its maxAge stays`, LIMIT, async (t) => {
      const { kept, bound } = await begin(t, STORES['session-file-store'], {
        sessionOptions: { cookie: { maxAge } },
      });
      const { socket, sid } = await bound();
      // express-session itself loses a millisecond now and then when it touches a cookie.
      const { cookie: before } = await kept.read(sid);
      assert.ok(before.originalMaxAge <= maxAge && before.originalMaxAge > maxAge - 1000);
      await socket.ask('write', { more: 1 });
      await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
      assert.deepEqual((await kept.read(sid)).cookie, before);
    });
  }

  test('a session without a maxAge, on Redis: the day that the store gives it', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, STORES['connect-redis']);
    const { socket, sid } = await bound();
    await socket.ask('write', { more: 1 });
    await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
    const ttl = await kept.ttl(sid);
    assert.ok(ttl > 86_000 && ttl <= 86_400, `${ttl} s`);
  });

  test(
    'a session without a maxAge, on Redis: requests that save begin it anew, handlers do not',
    LIMIT,
    async (t) => {
      const { kept, bound } = await begin(t, STORES['connect-redis']);
      const { browser, socket, sid } = await bound();
      await kept.expire(sid, 500);
      await socket.ask('write', { more: 1 });
      await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
      const afterHandler = await kept.ttl(sid);
      assert.ok(afterHandler > 400 && afterHandler <= 500, `${afterHandler} s`);
      await browser.request('/write?json={"more":2}');
      const afterRequest = await kept.ttl(sid);
      assert.ok(afterRequest > 86_000 && afterRequest <= 86_400, `${afterRequest} s`);
    },
  );

  test('a cookie that a handler lets expire takes the session out of Redis', LIMIT, async (t) => {
    const app = (context) =>
      context.on('expire', function (ms, ack) {
        this.session.cookie.expires = new Date(Date.now() - ms);
        ack();
      });
    for (const ms of [500, 1500, 90_000]) {
      const { kept, bound } = await begin(t, STORES['connect-redis'], { app });
      const { socket, sid } = await bound();
      await socket.ask('expire', ms);
      await until(async () => (await kept.read(sid)) === undefined, `gone ${ms} ms after its end`);
    }
  });

  test('A23: a record of a key expires in Redis by itself', LIMIT, async (t) => {
    const { kept, login } = await begin(t, STORES['connect-redis'], { options: { keyMaxAge: MINUTE } });
    const browser = await login();
    const { key } = (await browser.json(keyPath('a-socket'))).body;
    const ttl = await kept.ttl(key);
    assert.ok(ttl > 45 && ttl <= 60, `${ttl} s`);
  });
});

describe('a Redis that stops answering', () => {
  test('an event whose store is paused fails in time, and works again afterwards', LIMIT, async (t) => {
    const server = await startRedis();
    const kept = await stores.redis(server);
    const errors = [];
    const f = await fixture(t, {
      store: kept.store,
      options: { storeTimeout: 1_000, onError: (error) => errors.push(error) },
    });
    t.after(async () => {
      server.resume();
      await kept.cleanup();
      await server.stop();
    });
    const { socket, sid } = await f.bound();
    server.pause();
    socket.send('write', { lost: true });
    await until(() => errors.length > 0, 'the deadline passes');
    server.resume();
    assert.equal((await socket.ask('read', {})).id, sid);
    assert.equal((await kept.read(sid)).lost, undefined);
  });
});
