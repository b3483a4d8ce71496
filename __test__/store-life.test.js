'use strict';

// How long what we write lives in a store: a session never shorter than it would without us, a key's record no longer than its
// session. And who waits for a store that does not answer.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const session = require('express-session');
const { LIMIT } = require('./support/limit.js');
const { startRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const { HostileStore } = require('./support/hostile-store.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

// A store that takes the time to live from the cookie of what it is given, as connect-redis does, with a clock of its own, and
// whose touch leaves the text alone.
class ExpiringStore extends session.Store {
  now = 0;
  records = new Map();

  endOf({ cookie }) {
    return this.now + (new Date(cookie.expires).getTime() - Date.now());
  }

  get(sid, callback) {
    const record = this.records.get(sid);
    setImmediate(callback, null, record && record.end > this.now ? JSON.parse(record.text) : null);
  }

  set(sid, data, callback) {
    this.records.set(sid, { text: JSON.stringify(data), end: this.endOf(data) });
    setImmediate(callback, null);
  }

  touch(sid, data, callback) {
    const record = this.records.get(sid);
    if (record) record.end = this.endOf(data);
    setImmediate(callback, null);
  }

  destroy(sid, callback) {
    this.records.delete(sid);
    setImmediate(callback, null);
  }

  // As if time had passed: for the store, and for the dates in the texts.
  pass(ms) {
    this.now += ms;
    for (const record of this.records.values()) {
      record.text = record.text.replace(/"expires":"([^"]+)"/, (_all, date) => {
        return `"expires":"${new Date(Date.parse(date) - ms).toISOString()}"`;
      });
    }
  }
}

const SECOND = 1000;

test(
  'a user who loads pages stays, though handlers write to a session whose text is older',
  LIMIT,
  async (t) => {
    const store = new ExpiringStore();
    const f = await shareFixture(t, {
      store,
      sessionOptions: { cookie: { maxAge: 600 * SECOND }, rolling: true },
      app({ app, io }) {
        app.get('/page', (req, res) => res.json(req.session.user ?? 'nobody'));
        io.on('connection', (socket) => {
          socket.on('write', (ack) => {
            socket.session.count = (socket.session.count ?? 0) + 1;
            ack();
          });
          socket.on('update', (ack) =>
            socket.session
              .update((data) => {
                data.count += 1;
              })
              .then(() => ack()),
          );
        });
      },
    });
    const { browser, socket, sid } = await f.bound();
    for (const event of ['write', 'update', 'write', 'update']) {
      store.pass(400 * SECOND);
      assert.equal((await browser.json('/page')).body, 'ann');
      await socket.ask(event);
      const { end } = store.records.get(sid);
      assert.ok(end - store.now > 590 * SECOND, `${end - store.now} ms are left`);
    }
  },
);

test('a cookie that a handler has given another end keeps that', LIMIT, async (t) => {
  const store = new ExpiringStore();
  const f = await shareFixture(t, {
    store,
    sessionOptions: { cookie: { maxAge: 600 * SECOND } },
    app({ io }) {
      io.on('connection', (socket) => {
        socket.on('shorten', (ack) => {
          socket.session.cookie.maxAge = 60 * SECOND;
          ack();
        });
      });
    },
  });
  const { socket, sid } = await f.bound();
  await socket.ask('shorten');
  const left = store.records.get(sid).end - store.now;
  assert.ok(left > 50 * SECOND && left <= 60 * SECOND, `${left} ms are left`);
});

describe('in Redis', () => {
  let redis;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  for (const [version, client] of [
    ['connect-redis 3', 'node-redis 2'],
    ['connect-redis 6', 'node-redis 3'],
    ['connect-redis 9', 'node-redis'],
  ]) {
    test(`the record of a key lives no longer than its session, by ${version}`, LIMIT, async (t) => {
      const kept = await stores.redis(redis, undefined, { version, client });
      t.after(() => kept.cleanup());
      const f = await shareFixture(t, {
        store: kept.store,
        sessionOptions: { cookie: { maxAge: 120 * SECOND } },
      });
      const browser = await f.login();
      const key = await f.keyOf(browser);
      const ttl = await kept.ttl(key);
      assert.ok(ttl > 100 && ttl <= 120, `${ttl} s`);
    });

    test(`a handler's write keeps the time that a session has left, by ${version}`, LIMIT, async (t) => {
      const kept = await stores.redis(redis, undefined, { version, client });
      t.after(() => kept.cleanup());
      const f = await shareFixture(t, {
        store: kept.store,
        sessionOptions: { cookie: { maxAge: 120 * SECOND } },
        app({ app, io }) {
          app.get('/set', (req, res) => {
            req.session.page = true;
            res.json(1);
          });
          io.on('connection', (socket) => {
            socket.on('write', (ack) => {
              socket.session.count = 1;
              ack();
            });
          });
        },
      });
      const { browser, socket, sid } = await f.bound();
      await until(() => f.sharing.stats().exact === 'processes', 'the store is known');
      await kept.expire(sid, 1000);
      await socket.ask('write');
      const ttl = await kept.ttl(sid);
      assert.ok(ttl > 900 && ttl <= 1000, `${ttl} s`);
      await browser.json('/set');
      const renewed = await kept.ttl(sid);
      assert.ok(renewed > 100 && renewed <= 120, `${renewed} s`);
      assert.deepEqual([(await kept.read(sid)).count, (await kept.read(sid)).page], [1, true]);
    });
  }
});

test('who comes after calls that were not answered in time waits for none of them', LIMIT, async (t) => {
  const store = new HostileStore();
  const timeout = 1500;
  const f = await shareFixture(t, {
    store,
    options: { storeTimeout: timeout, onError() {} },
    app({ io }) {
      io.on('connection', (socket) => {
        socket.on('write', (ack) => {
          socket.session.count = (socket.session.count ?? 0) + 1;
          ack('saved');
        });
      });
    },
  });
  const { socket, sid } = await f.bound();
  const mine = (id) => id === sid;
  store.always('set', 'never', mine);
  const begun = performance.now();
  const answers = await Promise.all([socket.ask('write'), socket.ask('write'), socket.ask('write')]);
  for (const { code } of answers) assert.equal(code, 'ERR_STORE_TIMEOUT');
  assert.ok(performance.now() - begun < 2 * timeout, 'each is told when its own deadline passes');
  store.behave();
  const retried = performance.now();
  assert.equal(await socket.ask('write'), 'saved');
  assert.ok(performance.now() - retried < timeout / 2, `${performance.now() - retried} ms`);
});

test('a session that is destroyed while its first save is on its way stays so', LIMIT, async (t) => {
  const store = new HostileStore();
  const f = await shareFixture(t, { store });
  const ids = [];
  const hold = store.hold('set', (sid) => ids.push(sid));
  const browser = f.browser();
  const login = browser.request('/login');
  await hold.reached;
  const [sid] = ids;
  await new Promise((resolve) => store.destroy(sid, resolve));
  // The store works off the set after the destroy.
  hold.release();
  await login;
  await until(() => store.count('destroy') === 2, 'it is destroyed once more');
  await until(() => store.text(sid) === undefined, 'it is gone');
});

test(
  'a session that is set anew under its id while the old one is being destroyed stays',
  LIMIT,
  async (t) => {
    const store = new HostileStore();
    const { login } = await shareFixture(t, { store });
    const { sid } = await login();
    const hold = store.hold('destroy', (id) => id === sid);
    const destroyed = new Promise((resolve) => store.destroy(sid, resolve));
    await hold.reached;
    const set = new Promise((resolve) => store.set(sid, { cookie: {}, user: 'bob' }, resolve));
    hold.release();
    await destroyed;
    // The store works in order.
    await new Promise((resolve) => store.inner.set(sid, { cookie: {}, user: 'bob' }, resolve));
    await set;
    await settle();
    assert.equal(store.read(sid).user, 'bob');
  },
);
