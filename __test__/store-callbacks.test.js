'use strict';

// What an app's own code throws inside of a store's call is the failure of the call that led to it: nothing ends the process.
// And what an app does with its whole store.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const session = require('express-session');
const { EmbeddedStore } = require('..');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { startPostgres } = require('./support/postgres-server.js');
const { startRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

describe('what an app throws inside of a store', () => {
  let redis;
  let postgres;
  before(async () => {
    [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
  });
  after(() => Promise.all([redis.stop(), postgres.stop()]));

  const kinds = {
    MemoryStore: () => stores.memory(),
    EmbeddedStore: () => stores.embedded(),
    'connect-redis': () => stores.redis(redis),
    'connect-redis 3': () =>
      stores.redis(redis, undefined, { version: 'connect-redis 3', client: 'node-redis 2' }),
    'connect-pg-simple': () => stores.postgres(postgres),
  };
  for (const [what, id] of Object.entries({ 'a promise': async () => 'later', 'a number': () => 7 }))
    test(`genid gives ${what}: regenerate of a socket says what is wrong`, LIMIT, async (t) => {
      let isWrong = false;
      const genid = () => (isWrong ? id() : `${Math.random()}`);
      const f = await shareFixture(t, {
        sessionOptions: { genid },
        app({ io }) {
          io.on('connection', (socket) => {
            socket.on('renew', (ack) => socket.session.regenerate((error) => ack(error?.message)));
          });
        },
      });
      const { socket } = await f.bound();
      isWrong = true;
      assert.match(await socket.ask('renew'), /genid must return a string/);
    });

  for (const [name, open] of Object.entries(kinds)) {
    test(`genid, on ${name}: regenerate calls back, or rejects, with it`, LIMIT, async (t) => {
      const kept = await open();
      t.after(() => kept.cleanup());
      let fails = false;
      let count = 0;
      const genid = () => {
        if (fails) throw new Error('no id');
        count += 1;
        return `${name} ${count}`;
      };
      const f = await shareFixture(t, {
        store: kept.store,
        sessionOptions: { genid },
        app({ app, io }) {
          app.get('/renew', (req, res) =>
            req.session.regenerate((error) => res.json(error?.message ?? 'fine')),
          );
          io.on('connection', (socket) => {
            socket.on('renew', (ack) => socket.session.regenerate((error) => ack(error?.message ?? 'fine')));
            socket.on('promise', (ack) =>
              socket.session.regenerate().then(
                () => ack('fine'),
                (error) => ack(error.message),
              ),
            );
          });
        },
      });
      const [page, first, second] = [await f.bound(), await f.bound(), await f.bound()];
      fails = true;
      assert.equal((await page.browser.json('/renew')).body, 'no id');
      assert.equal(await first.socket.ask('renew'), 'no id');
      assert.equal(await second.socket.ask('promise'), 'no id');
      for (const { sid } of [page, first, second])
        await until(async () => (await kept.read(sid)) === undefined);
      fails = false;
      const third = await f.bound();
      assert.equal(await third.socket.ask('renew'), 'fine');
    });
  }

  test("an app's own set that throws: save() calls back, or rejects, with it", LIMIT, async (t) => {
    const store = new HostileStore();
    const f = await shareFixture(t, {
      store,
      app({ app, io }) {
        app.get('/save', (req, res) => req.session.save((error) => res.json(error?.message ?? 'fine')));
        io.on('connection', (socket) => {
          socket.on('save', (ack) => socket.session.save((error) => ack(error?.message ?? 'fine')));
          socket.on('promise', (ack) =>
            socket.session.save().then(
              () => ack('fine'),
              (error) => ack(error.message),
            ),
          );
        });
      },
    });
    const { browser, socket } = await f.bound();
    store.set = () => {
      throw new Error('closed');
    };
    assert.equal(await socket.ask('save'), 'closed');
    assert.equal(await socket.ask('promise'), 'closed');
    assert.equal((await browser.json('/save')).body, 'closed');
    delete store.set;
    assert.equal(await socket.ask('save'), 'fine');
  });

  test('a generate that wraps the one before it still works, and may fail', LIMIT, async (t) => {
    const store = new HostileStore();
    const f = await shareFixture(t, {
      store,
      app({ app }) {
        const { generate } = store;
        store.generate = (req) => {
          generate(req);
          if (req.query.fail) throw new Error('no more');
          req.session.made = true;
        };
        app.get('/renew', (req, res) =>
          req.session.regenerate((error) => res.json(error?.message ?? req.session.made)),
        );
      },
    });
    const browser = await f.login();
    assert.equal((await browser.json('/renew')).body, true);
    assert.equal((await browser.json('/renew?fail=1')).body, 'no more');
  });

  for (const behaviour of ['throw', 'error']) {
    test(`destroy that fails by ${behaviour}: destroy and regenerate call back with it`, LIMIT, async (t) => {
      const f = await shareFixture(t, {
        app({ io }) {
          io.on('connection', (socket) => {
            for (const method of ['destroy', 'regenerate'])
              socket.on(method, (ack) => socket.session[method]((error) => ack(error?.message ?? 'fine')));
          });
        },
      });
      f.store.always('destroy', behaviour);
      for (const method of ['destroy', 'regenerate']) {
        const { socket } = await f.bound();
        assert.match(await socket.ask(method), /^scripted/);
      }
    });
  }

  test('a serializer: the save calls back with it, and the acknowledgement tells of it', LIMIT, async (t) => {
    let fails = false;
    const serializer = {
      parse: (text) => JSON.parse(text.slice(1)),
      stringify(data) {
        if (fails) throw new Error('not that');
        return ` ${JSON.stringify(data)}`;
      },
    };
    const errors = [];
    for (const set of [{}, { version: 'connect-redis 3', client: 'node-redis 2' }]) {
      const kept = await stores.redis(redis, undefined, { ...set, options: { serializer } });
      t.after(() => kept.cleanup());
      const f = await shareFixture(t, {
        store: kept.store,
        options: { onError: (error) => errors.push(error.message) },
        app({ io }) {
          io.on('connection', (socket) => {
            socket.on('change', (ack) => {
              socket.session.changed = true;
              ack('saved');
            });
            socket.on('save', (ack) => socket.session.save((error) => ack(error?.message)));
          });
        },
      });
      const { socket } = await f.bound();
      fails = true;
      assert.equal((await socket.ask('change')).code, 'ERR_STORE_UNAVAILABLE');
      assert.equal(await socket.ask('save'), 'not that');
      await until(() => errors.length > 0, 'the app is told');
      assert.equal(errors.splice(0)[0], 'not that');
      fails = false;
      assert.equal(await socket.ask('change'), 'saved');
    }
  });
});

for (const [name, open] of Object.entries({
  MemoryStore: () => new session.MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
  'a store of its own': () => new HostileStore(),
})) {
  test(`clear() ends the sockets of all sessions, on ${name}`, LIMIT, async (t) => {
    const ended = [];
    const store = open();
    const f = await shareFixture(t, {
      store,
      options: { onSessionEnd: ({ socket, reason }) => ended.push([socket.id, reason]) },
      app({ io }) {
        io.on('connection', (socket) => socket.on('who', (ack) => ack(socket.session.user ?? 'nobody')));
      },
    });
    const sockets = [(await f.bound()).socket, (await f.bound()).socket];
    const told = sockets.map((socket) => socket.next('session:end'));
    await new Promise((resolve, reject) => store.clear((error) => (error ? reject(error) : resolve())));
    for (const { reason } of await Promise.all(told)) assert.equal(reason, 'destroy');
    for (const socket of sockets) assert.equal(await socket.ask('who'), 'nobody');
    assert.deepEqual(ended.sort(), sockets.map(({ id }) => [id, 'destroy']).sort());
  });
}

test('clear() that fails says so, and by promise where there is no callback', LIMIT, async (t) => {
  const store = new HostileStore();
  store.clear = (callback) => setImmediate(callback, new Error('not now'));
  await shareFixture(t, { store });
  await assert.rejects(
    new Promise((resolve, reject) => store.clear((error) => (error ? reject(error) : resolve()))),
    /not now/,
  );
  await assert.rejects(store.clear(), /not now/);
});
