'use strict';

// The rows of the contract that could depend on a version or on a store, over all of them.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { fixture } = require('./support/fixture.js');
const { heldApp } = require('./support/held-app.js');
const { startRedis } = require('./support/redis-server.js');
const { keyPath, share } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');
const { UUID_V4 } = require('./support/uuid.js');

const LIMIT = { timeout: 15_000 };

let redisServer;
before(async () => {
  redisServer = await startRedis();
});
after(() => redisServer.stop());

const STORES = {
  MemoryStore: () => stores.memory(),
  EmbeddedStore: () => stores.embedded(),
  'connect-redis': () => stores.redis(redisServer),
  'session-file-store': () => stores.file(),
};

async function begin(t, combination, options = {}) {
  const kept = await STORES[combination.store]();
  const f = await fixture(t, { ...combination, store: kept.store, ...options });
  // After the host is closed: hooks run in the order they were given. The sockets that just left may still have
  // something to take out of the store.
  t.after(async () => {
    await settle();
    await kept.cleanup();
  });
  return { ...f, kept };
}

function rows(combination) {
  test('A1: a first GET answers one uuid v4 key and stores record and session', LIMIT, async (t) => {
    const { kept, login } = await begin(t, combination);
    const browser = await login();
    const { status, text, body } = await browser.json(keyPath('a-socket'));
    assert.equal(status, 200);
    assert.match(body.key, UUID_V4);
    assert.equal(text, JSON.stringify({ key: body.key }));
    assert.equal((await kept.read(body.key)).id, browser.sid);
    assert.equal((await kept.read(browser.sid)).__socket.__local.key, body.key);
    assert.deepEqual((await kept.ids()).sort(), [browser.sid, body.key].sort());
  });

  test('A9: a second GET of the same channel answers the same key, and adds no record', LIMIT, async (t) => {
    const { kept, login } = await begin(t, combination);
    const browser = await login();
    const first = await browser.json(keyPath('a-socket'));
    const second = await browser.json(keyPath('a-socket'));
    assert.equal(second.text, first.text);
    assert.equal((await kept.ids()).length, 2);
  });

  test('A10: after a reconnect the key is the same and messages reach the new socket', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, combination);
    const { browser, socket, sid, key } = await bound();
    const oldId = socket.id;
    assert.deepEqual((await kept.read(sid)).__socket.__local, { key, id: oldId });
    await socket.reconnect();
    assert.notEqual(socket.id, oldId);
    const again = await share(browser, socket);
    assert.equal(again.key, key);
    assert.deepEqual((await kept.read(sid)).__socket.__local, { key, id: socket.id });
    const told = socket.next('told');
    await browser.request('/tell?what=news');
    assert.equal(await told, 'news');
  });

  test('B1: a good key is acknowledged and later handlers see the session of Express', LIMIT, async (t) => {
    const { host, bound } = await begin(t, combination);
    const { socket, sid, key, ack } = await bound();
    assert.deepEqual(ack, { key });
    assert.equal(host.clients.get(socket.id).__session_id, sid);
    const { id, session } = await socket.ask('read', {});
    assert.equal(id, sid);
    assert.equal(session.user, 'ann');
  });

  test('B8: an unknown key answers Missing data and binds nothing', LIMIT, async (t) => {
    const { connect } = await begin(t, combination);
    const socket = await connect();
    assert.deepEqual(await socket.ask('__zappa_key', { key: randomUUID() }), { error: 'Missing data' });
    assert.equal((await socket.ask('read', {})).id, socket.id);
  });

  test("C1: HTTP and socket see each other's writes", LIMIT, async (t) => {
    const { kept, bound } = await begin(t, combination);
    const { browser, socket, sid } = await bound();
    await socket.ask('write', { from: 'socket', deep: { a: [1, { b: null }] } });
    await until(async () => (await kept.read(sid)).from === 'socket', 'the socket write is saved');
    const { session } = (await browser.json('/read')).body;
    assert.deepEqual(session.deep, { a: [1, { b: null }] });
    await browser.request(`/write?json=${encodeURIComponent('{"from":"http"}')}`);
    assert.equal((await socket.ask('read', {})).session.from, 'http');
  });

  test('C6: a handler that only reads writes nothing', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, combination);
    const { socket } = await bound();
    await settle();
    const before = await kept.writes();
    for (let n = 0; n < 3; n += 1) {
      await socket.ask('read', {});
    }
    // Long enough for a file to be written and renamed.
    await settle(200);
    assert.equal(await kept.writes(), before);
  });

  test('C13: after logout no event brings the session back', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, combination);
    const { browser, socket, sid } = await bound();
    const old = browser.copy();
    await browser.request('/logout');
    assert.deepEqual(await socket.ask('write', { written: 'late' }), { id: socket.id });
    await until(
      async () => (await kept.read(socket.id))?.written === 'late',
      'the anonymous session is saved',
    );
    assert.equal(await kept.read(sid), undefined);
    assert.equal((await old.json('/read')).body.session.user, undefined);
    assert.equal((await socket.ask('read', {})).bound, undefined);
  });

  test('C13b: a handler that ends after the logout writes nothing', LIMIT, async (t) => {
    const held = heldApp({
      event(session) {
        session.late = true;
      },
    });
    const { kept, bound } = await begin(t, combination, { app: held.app });
    const { browser, socket, sid } = await bound();
    const answer = socket.ask('held', {});
    await held.event.entered;
    await browser.request('/logout');
    held.event.go();
    await answer;
    // A write of another event, later on the same path, is through: so would the dropped one be.
    await socket.ask('write', { written: 'later' });
    await until(
      async () => (await kept.read(socket.id))?.written === 'later',
      'the anonymous session is saved',
    );
    assert.equal(await kept.read(sid), undefined);
  });

  for (const slow of ['http', 'event']) {
    test(`C14: a slow ${slow} writer and a fast other one: both kept`, LIMIT, async (t) => {
      const held = heldApp({
        http(session) {
          session.profile.name = 'bea';
          delete session.dropped;
        },
        event(session) {
          session.profile.age = 31;
          session.event = true;
        },
      });
      const { kept, bound } = await begin(t, combination, { app: held.app });
      const { browser, socket, sid } = await bound();
      const data = { profile: { name: 'ann', age: 30 }, dropped: true };
      await browser.request(`/write?json=${encodeURIComponent(JSON.stringify(data))}`);
      const saved = () => until(async () => (await kept.read(sid)).event, 'the handler is saved');

      const run = { http: () => browser.json('/held'), event: () => socket.ask('held', {}) };
      const fast = slow === 'http' ? 'event' : 'http';
      const answer = run[slow]();
      await held[slow].entered;
      held[fast].go();
      await run[fast]();
      if (fast === 'event') {
        await saved();
      }
      held[slow].go();
      await answer;
      await saved();
      const { profile, dropped } = await kept.read(sid);
      assert.deepEqual(profile, { name: 'bea', age: 31 });
      assert.equal(dropped, undefined);
    });
  }

  test('C15b: a socket write leaves the stored cookie byte for byte as it was', LIMIT, async (t) => {
    const cookie = { maxAge: 60_000, sameSite: 'lax' };
    const { kept, bound } = await begin(t, combination, { sessionOptions: { cookie } });
    const { socket, sid } = await bound();
    const cookieText = async () => /"cookie":\{[^}]*\}/.exec(await kept.text(sid))[0];
    const before = await cookieText();
    await socket.ask('write', { more: 1 });
    await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
    assert.equal(await cookieText(), before);
  });
}

for (const expressVersion of [4, 5]) {
  for (const socketIoVersion of [2, 4]) {
    for (const store of Object.keys(STORES)) {
      describe(`Express ${expressVersion}, Socket.IO ${socketIoVersion}, ${store}`, () => {
        rows({ expressVersion, socketIoVersion, store });
      });
    }
  }
}

const MINUTE = 60_000;
const MONTH = 30 * 24 * 60 * MINUTE;

describe('C15c: how long a session lives after a socket write', () => {
  for (const [what, maxAge] of [
    ['a session of a minute', MINUTE],
    ['a session of thirty days', MONTH],
  ]) {
    test(`${what}, on Redis: its TTL follows the cookie`, LIMIT, async (t) => {
      const { kept, bound } = await begin(
        t,
        { store: 'connect-redis' },
        { sessionOptions: { cookie: { maxAge } } },
      );
      const { socket, sid } = await bound();
      await socket.ask('write', { more: 1 });
      await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
      const ttl = await kept.ttl(sid);
      assert.ok(ttl > maxAge / 1000 - 15 && ttl <= maxAge / 1000, `${ttl} s`);
    });

    test(`${what}, in a file: its maxAge stays`, LIMIT, async (t) => {
      const { kept, bound } = await begin(
        t,
        { store: 'session-file-store' },
        { sessionOptions: { cookie: { maxAge } } },
      );
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
    const { kept, bound } = await begin(t, { store: 'connect-redis' });
    const { socket, sid } = await bound();
    await socket.ask('write', { more: 1 });
    await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
    const ttl = await kept.ttl(sid);
    assert.ok(ttl > 86_000 && ttl <= 86_400, `${ttl} s`);
  });

  test('a cookie that a handler lets expire takes the session out of Redis', LIMIT, async (t) => {
    const app = (context) =>
      context.on('expire', function (ms, ack) {
        this.session.cookie.expires = new Date(Date.now() - ms);
        ack();
      });
    for (const ms of [500, 1500, 90_000]) {
      const { kept, bound } = await begin(t, { store: 'connect-redis' }, { app });
      const { socket, sid } = await bound();
      await socket.ask('expire', ms);
      await until(async () => (await kept.read(sid)) === undefined, `gone ${ms} ms after its end`);
    }
  });

  test('A23: a record of a key expires in Redis by itself', LIMIT, async (t) => {
    const { kept, login } = await begin(t, { store: 'connect-redis' }, { options: { keyMaxAge: MINUTE } });
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
