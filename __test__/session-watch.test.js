'use strict';

// No socket outlives its session, not even one that never sends anything.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const session = require('express-session');
const { EmbeddedStore } = require('..');
const { deferred } = require('./support/deferred.js');
const { LIMIT } = require('./support/limit.js');
const { startRedis, suiteRedis } = require('./support/redis-server.js');
const { suitePostgres } = require('./support/postgres-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const { fixture } = require('./support/fixture.js');
const { share } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

const redis = suiteRedis();
const postgres = suitePostgres();

// A store that answers by promise alone, and whose sessions the test can take away and make fail.
class PromiseStore extends session.Store {
  sessions = new Map();
  gets = [];
  failure = undefined;

  async get(sid) {
    this.gets.push(sid);
    if (this.failure) throw this.failure;
    const text = this.sessions.get(sid);
    return text === undefined ? null : JSON.parse(text);
  }

  async set(sid, data) {
    this.sessions.set(sid, JSON.stringify(data));
    return null;
  }

  async touch(sid, data) {
    if (this.sessions.has(sid)) await this.set(sid, data);
    return null;
  }

  async destroy(sid) {
    this.sessions.delete(sid);
    return null;
  }
}

function byPromise() {
  const store = new PromiseStore();
  return { store, remove: async (sid) => store.sessions.delete(sid), cleanup: async () => {} };
}

function embedded() {
  const store = new EmbeddedStore();
  return { store, remove: (sid) => store.destroy(sid), cleanup: async () => {} };
}

// An expiry in the store's own time; a removal behind everybody's back.
const STORES = {
  MemoryStore: () => stores.memory(),
  EmbeddedStore: embedded,
  'connect-redis': () => stores.redis(redis),
  'connect-pg-simple': () => stores.postgres(postgres),
  'a store by promise': byPromise,
};

// What comes after the first date of a session has passed.
const USES = {
  read: ({ browser }) => browser.json('/read'),
  written: ({ socket }) => socket.ask('write'),
  'written and touched': async ({ browser, socket }) => {
    await socket.ask('write');
    await browser.json('/read');
  },
};

// They wait for the ends of sessions most of the time.
describe('no socket outlives its session', { concurrency: 4 }, () => {
  for (const [name, make] of Object.entries(STORES)) {
    describe(name, () => {
      // A store by promise keeps what has expired: only the one here.
      if (name !== 'a store by promise') {
        test('a silent socket is told when its session expires, and is a stranger then', LIMIT, async (t) => {
          const kept = await make();
          const f = await shareFixture(t, { kept, sessionOptions: { cookie: { maxAge: 1500 } } });
          const { socket, sid } = await f.bound();
          const began = performance.now();
          assert.deepEqual(await socket.next('session:end'), { reason: 'expire' });
          assert.ok(performance.now() - began < 4000, 'within a second of its end, on a busy machine');
          assert.deepEqual(f.sharing.socketsOf(sid), []);
          assert.equal(f.sharing.stats().expirations, 1);
        });
      }

      if (name !== 'EmbeddedStore') {
        test(
          'a session that was removed by hand ends its silent sockets at the next look-up',
          LIMIT,
          async (t) => {
            const kept = await make();
            const f = await shareFixture(t, { kept, options: { checkInterval: 1000 } });
            const { socket, sid } = await f.bound();
            const bystander = await f.bound();
            const strays = bystander.socket.collect('session:end');
            const told = socket.next('session:end');
            await kept.remove(sid);
            assert.deepEqual(await told, { reason: 'expire' });
            assert.deepEqual(f.sharing.socketsOf(sid), []);
            const { lookUps } = f.sharing.stats();
            await until(() => f.sharing.stats().lookUps > lookUps, 'the other one is looked up');
            assert.deepEqual(strays, []);
            assert.equal(f.sharing.socketsOf(bystander.sid).length, 1);
          },
        );
      }

      // A store by promise keeps what has expired.
      if (name !== 'a store by promise')
        for (const [last, use] of Object.entries(USES)) {
          test(
            `a silent socket whose session was touched, and then ${last}, is told when that expires`,
            LIMIT,
            async (t) => {
              const kept = await make();
              const f = await shareFixture(t, {
                kept,
                options: { checkInterval: false },
                sessionOptions: { cookie: { maxAge: 1500 } },
                app: ({ io }) =>
                  io.on('connection', (socket) =>
                    socket.on('write', (ack) => {
                      socket.session.more = 1;
                      ack();
                    }),
                  ),
              });
              const { browser, socket } = await f.bound();
              const told = socket.next('session:end');
              // As long as its first date has not passed.
              const touched = performance.now() + 2000;
              await until(async () => {
                await browser.json('/read');
                return performance.now() > touched;
              });
              await use({ browser, socket });
              const began = performance.now();
              assert.deepEqual(await told, { reason: 'expire' });
              assert.ok(
                performance.now() - began < 4500,
                'within a second or two of its end, on a busy machine',
              );
            },
          );
        }

      test('a session that HTTP keeps alive by touches loses no socket', LIMIT, async (t) => {
        const kept = await make();
        const f = await shareFixture(t, {
          kept,
          sessionOptions: { cookie: { maxAge: 1200 }, rolling: true },
        });
        const { browser, socket, sid } = await f.bound();
        const ends = socket.collect('session:end');
        const end = performance.now() + 3 * 1200;
        await until(async () => {
          await browser.json('/read');
          return performance.now() > end;
        });
        assert.deepEqual(ends, []);
        assert.equal(f.sharing.socketsOf(sid).length, 1);
      });
    });
  }

  test('every tab of a session that expires is told, by one look-up', LIMIT, async (t) => {
    const f = await shareFixture(t, {
      store: new session.MemoryStore(),
      sessionOptions: { cookie: { maxAge: 1500 } },
    });
    const { socket, key } = await f.bound();
    const tabs = [socket, await f.connect({ key }), await f.connect({ key })];
    assert.deepEqual(
      await Promise.all(tabs.map((tab) => tab.next('session:end'))),
      Array(3).fill({ reason: 'expire' }),
    );
    assert.equal(f.sharing.stats().lookUps, 1);
    assert.equal(f.sharing.stats().expirations, 1);
  });

  test(
    "onSessionEnd 'disconnect': a silent socket is disconnected when its session expires",
    LIMIT,
    async (t) => {
      const f = await shareFixture(t, {
        store: new session.MemoryStore(),
        options: { onSessionEnd: 'disconnect' },
        sessionOptions: { cookie: { maxAge: 1000 } },
      });
      const { socket } = await f.bound();
      assert.equal(await socket.next('disconnect'), 'io server disconnect');
    },
  );

  test('checkInterval false: a session without an end is never looked up', LIMIT, async (t) => {
    const { store } = byPromise();
    const f = await shareFixture(t, { store, options: { checkInterval: false } });
    const { sid } = await f.bound();
    assert.equal(store.gets.filter((id) => id === sid).length > 0, true);
    assert.equal(f.sharing.stats().lookUps, 0);
  });

  test(
    'an outage is no end, is told once, and what has ended meanwhile is found afterwards',
    LIMIT,
    async (t) => {
      const { store } = byPromise();
      const told = [];
      const f = await shareFixture(t, {
        store,
        options: { checkInterval: 1000, onError: (error) => told.push(error.message) },
      });
      const bounds = [];
      for (let n = 0; n < 5; n += 1) bounds.push(await f.bound());
      store.failure = new Error('the store is down');
      const before = store.gets.length;
      await until(() => store.gets.length >= before + 4, 'looked up in vain, several times');
      assert.equal(f.sharing.stats().sockets, 5);
      store.sessions.delete(bounds[0].sid);
      const ended = bounds[0].socket.next('session:end');
      store.failure = undefined;
      assert.deepEqual(await ended, { reason: 'expire' });
      assert.deepEqual(told, ['the store is down']);
      assert.equal(f.sharing.stats().sockets, 4);
    },
  );

  test(
    'Redis is down for three intervals: no socket is lost, and all are looked up afterwards',
    LIMIT,
    async (t) => {
      const server = await startRedis({ appendonly: 'yes', appendfsync: 'always' });
      const kept = await stores.redis(server);
      const told = [];
      const f = await shareFixture(t, {
        kept,
        options: { checkInterval: 1000, storeTimeout: 300, onError: (error) => told.push(error) },
      });
      // Behind the app, whose client waits for its answers.
      t.after(() => server.stop());
      const bounds = [];
      for (let n = 0; n < 10; n += 1) bounds.push(await f.bound());
      await server.kill();
      const end = performance.now() + 3000;
      await until(() => performance.now() > end && told.length > 0);
      assert.equal(f.sharing.stats().sockets, 10);
      assert.equal(told.length, 1);
      await server.restart();
      await until(() => kept.text(bounds[0].sid).catch(() => undefined), 'it answers again');
      const ended = bounds[0].socket.next('session:end');
      await kept.remove(bounds[0].sid);
      assert.deepEqual(await ended, { reason: 'expire' });
      const { lookUps } = f.sharing.stats();
      await until(() => f.sharing.stats().lookUps >= lookUps + 9, 'all are looked up');
      assert.equal(f.sharing.stats().sockets, 9);
    },
  );

  test('Redis is flushed: every silent socket is told, without a call for each', LIMIT, async (t) => {
    const kept = await stores.redis(redis);
    const f = await shareFixture(t, { kept, options: { checkInterval: 1000 } });
    const bounds = [];
    for (let n = 0; n < 20; n += 1) bounds.push(await f.bound());
    const ends = Promise.all(bounds.map(({ socket }) => socket.next('session:end')));
    for (const id of await kept.ids()) await kept.remove(id);
    assert.deepEqual(await ends, Array(20).fill({ reason: 'expire' }));
    assert.equal(f.sharing.stats().sockets, 0);
  });

  test("keepAlive 'connected': a socket that sends nothing keeps its session alive", LIMIT, async (t) => {
    const kept = await stores.redis(redis);
    const f = await shareFixture(t, {
      kept,
      options: { touchInterval: 1000, keepAlive: 'connected' },
      sessionOptions: { cookie: { maxAge: 3000 } },
    });
    const { socket, sid } = await f.bound();
    const ends = socket.collect('session:end');
    const end = performance.now() + 7000;
    await until(() => performance.now() > end);
    assert.deepEqual(ends, []);
    assert.equal(f.sharing.socketsOf(sid).length, 1);
    socket.close();
    await until(async () => (await kept.text(sid)) === undefined, 'it ends without the socket');
  });

  test('a socket of a Zappa app that sends nothing loses its session when that expires', LIMIT, async (t) => {
    const ends = [];
    const host = await fixture(t, {
      store: new session.MemoryStore(),
      cookie: { maxAge: 1500 },
      sessionOptions: { cookie: { maxAge: 1500 } },
      options: { onSessionEnd: ({ socket, reason }) => ends.push([socket.id, reason]), checkInterval: 1000 },
    });
    const browser = await host.login();
    const socket = await host.connect();
    await share(browser, socket);
    const sid = browser.sid;
    await until(() => {
      if (ends.length === 0 && host.store.sessions[sid]) delete host.store.sessions[sid];
      return ends.length > 0;
    });
    assert.deepEqual(ends, [[socket.id, 'expire']]);
  });

  // What code may do with a session that it took before that expired. None of it may bring the session back.
  const HELD = {
    'changes it': ({ session }) => {
      session.late = 1;
    },
    'touches it': ({ session }) => {
      session.late = 1;
      session.touch();
    },
    'gives it another end': ({ session }) => {
      session.cookie.maxAge = 60_000;
    },
    'saves it': async ({ session }) => {
      session.late = 1;
      await session.save();
    },
    'updates it': ({ session }) =>
      session
        .update((fresh) => {
          fresh.late = 1;
        })
        .catch(() => {}),
  };

  class MapStore extends session.Store {
    sessions = new Map();

    get(sid, callback) {
      const data = this.sessions.has(sid) ? JSON.parse(this.sessions.get(sid)) : undefined;
      if (data && new Date(data.cookie.expires) <= Date.now()) this.sessions.delete(sid);
      setImmediate(callback, null, this.sessions.has(sid) ? data : undefined);
    }

    set(sid, data, callback) {
      this.sessions.set(sid, JSON.stringify(data));
      setImmediate(callback);
    }

    destroy(sid, callback) {
      this.sessions.delete(sid);
      setImmediate(callback);
    }
  }

  const DROPPING = {
    MemoryStore: () => stores.memory(),
    memorystore: () => stores.memorystore(),
    EmbeddedStore: embedded,
    'connect-redis': () => stores.redis(redis),
    'a store of the app': async () => ({ store: new MapStore(), cleanup: async () => {} }),
  };

  for (const [name, make] of Object.entries(DROPPING)) {
    test(
      `${name}: an expired session stays gone, whatever a handler or a request does with it`,
      LIMIT,
      async (t) => {
        const kept = await make();
        const go = deferred();
        const f = await shareFixture(t, {
          kept,
          sessionOptions: { cookie: { maxAge: 1000 } },
          app({ app, io }) {
            app.get('/slow', async (req, res) => {
              req.session.late = 1;
              await go.promise;
              res.json(1);
            });
            io.on('connection', (socket) => {
              socket.on('hold', async (how, ack) => {
                const { session } = socket;
                await go.promise;
                await HELD[how]({ session });
                ack();
              });
            });
          },
        });
        const all = await Promise.all(
          [...Object.keys(HELD), undefined].map(async (how) => {
            const { browser, socket, sid } = await f.bound();
            return { how, browser, socket, sid, ended: socket.next('session:end') };
          }),
        );
        const asked = all.map(({ browser, how, socket }) =>
          how === undefined ? browser.json('/slow') : socket.ask('hold', how),
        );
        await Promise.all(all.map(({ ended }) => ended));
        go.resolve();
        await Promise.all(asked);
        for (const { how = 'a request', browser, sid } of all) {
          const stored = await new Promise((resolve) => kept.store.get(sid, (_error, data) => resolve(data)));
          assert.equal(stored ?? undefined, undefined, how);
          assert.equal((await browser.json('/read')).body?.user, undefined, how);
        }
      },
    );
  }

  test(
    'a session that was removed by hand is not brought back by the save() of a handler',
    LIMIT,
    async (t) => {
      const store = new MapStore();
      const f = await shareFixture(t, {
        kept: { store, cleanup: async () => {} },
        app({ io }) {
          io.on('connection', (socket) => {
            socket.on('save', async (ack) => {
              store.sessions.delete(socket.session.id);
              socket.session.late = 1;
              await socket.session.save();
              ack();
            });
          });
        },
      });
      const { socket, sid } = await f.bound();
      await socket.ask('save');
      assert.equal(store.sessions.has(sid), false);
    },
  );
});
