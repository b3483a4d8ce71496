'use strict';

// The rows of the contract under the worst timing: limits against many at once, answers that are out of date when they
// arrive, sockets that leave in the middle.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { fixture } = require('./support/fixture.js');
const { heldApp } = require('./support/held-app.js');
const { LIMIT } = require('./support/limit.js');
const { keyPath, share } = require('./support/socket-client.js');
const { settle, until } = require('./support/wait.js');

const MISSING_DATA = { error: 'Missing data' };

async function newKey(browser) {
  return (await browser.json(keyPath('a-socket'))).body.key;
}

test('A9: the memo and the record of an original are as good as ours', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const key = randomUUID();
  f.store.plant(key, { id: browser.sid, cookie: {} });
  f.store.plant(browser.sid, {
    ...f.store.read(browser.sid),
    __socket: { __local: { id: 'an-old-socket', key } },
  });
  const socket = await f.connect();
  const shared = await share(browser, socket);
  assert.equal(shared.key, key);
  assert.deepEqual(shared.ack, { key });
  assert.deepEqual(f.store.read(browser.sid).__socket.__local, { id: socket.id, key });
});

test('A16: a hundred channels at once do not pass the limit of 32', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) => browser.copy().json(keyPath('s', { channel: `channel-${n}` }))),
  );
  const good = answers.filter(({ status }) => status === 200);
  assert.ok(Object.keys(f.store.read(browser.sid).__socket).length <= 32, 'channels in the session');
  assert.ok(f.store.ids().length <= 33, `${f.store.ids().length - 1} records`);
  assert.ok(good.length <= 32, `${good.length} answers of 200`);
});

test('B: two hundred unknown keys at once reach the store at most 64 times', LIMIT, async (t) => {
  const f = await fixture(t);
  const socket = await f.connect();
  f.store.taken();
  const keys = Array.from({ length: 200 }, () => randomUUID());
  const answers = await Promise.all(keys.map((key) => socket.ask('__zappa_key', { key })));
  for (const answer of answers) {
    assert.deepEqual(answer, MISSING_DATA);
  }
  const asked = f.store.taken().filter(({ sid }) => keys.includes(sid));
  assert.ok(asked.length <= 64, `${asked.length} keys reached the store`);
});

test('B: a good key among many at once still binds', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const key = await newKey(browser);
  const socket = await f.connect();
  const answers = await Promise.all(Array.from({ length: 20 }, () => socket.ask('__zappa_key', { key })));
  for (const answer of answers) {
    assert.deepEqual(answer, { key });
  }
  assert.equal((await socket.ask('read', {})).id, browser.sid);
});

test('B20: a one-time key presented by five sockets at once binds one of them', LIMIT, async (t) => {
  const f = await fixture(t, { options: { oneTimeKeys: true } });
  const browser = await f.login();
  const key = await newKey(browser);
  const sockets = await Promise.all(Array.from({ length: 5 }, () => f.connect()));
  const answers = await Promise.all(sockets.map((socket) => socket.ask('__zappa_key', { key })));
  assert.equal(answers.filter((answer) => answer.key === key).length, 1, JSON.stringify(answers));
  const bound = await Promise.all(sockets.map((socket) => socket.ask('read', {})));
  assert.equal(bound.filter(({ id }) => id === browser.sid).length, 1);
});

test('B21: a key whose session is logged out while it is being looked up binds nothing', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const key = await newKey(browser);
  const old = browser.copy();
  const socket = await f.connect();
  const hold = f.store.holdAnswer('get', (sid) => sid === browser.sid);
  const answer = socket.ask('__zappa_key', { key });
  await hold.reached;
  await browser.request('/logout');
  hold.release();
  assert.deepEqual(await answer, MISSING_DATA);
  assert.equal((await socket.ask('read', {})).bound, undefined);
  assert.equal(f.store.read(old.sid), undefined);
});

test('B1: a socket that leaves while its key is looked up leaves nothing behind', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const key = await newKey(browser);
  const socket = await f.connect();
  const client = f.host.clients.get(socket.id);
  const hold = f.store.hold('get', (sid) => sid === browser.sid);
  socket.send('__zappa_key', { key }, () => {});
  await hold.reached;
  const left = new Promise((resolve) => f.host.traffic.once('host:disconnect', resolve));
  socket.close();
  await left;
  hold.release();
  await settle();
  assert.deepEqual(f.store.ids().sort(), [browser.sid, key].sort());
  assert.notEqual(client.__session_id, browser.sid);
});

test('C2: an unbound socket that leaves while its handler runs leaves no record', LIMIT, async (t) => {
  const held = heldApp({
    event(session) {
      session.cart = 'late';
    },
  });
  const f = await fixture(t, { app: held.app });
  const socket = await f.connect();
  socket.send('held', {});
  await held.event.entered;
  const left = new Promise((resolve) => f.host.traffic.once('host:disconnect', resolve));
  socket.close();
  await left;
  await settle();
  held.event.go();
  await settle();
  assert.deepEqual(f.store.ids(), []);
});

test('C2: an unbound socket that leaves while its write is on its way leaves no record', LIMIT, async (t) => {
  const f = await fixture(t);
  const socket = await f.connect();
  const { id } = socket;
  const hold = f.store.hold('set', (sid) => sid === id);
  socket.send('write', { cart: 1 });
  await hold.reached;
  const left = new Promise((resolve) => f.host.traffic.once('host:disconnect', resolve));
  socket.close();
  await left;
  await settle();
  hold.release();
  await settle();
  assert.deepEqual(f.store.ids(), []);
});

test(
  'C7: a bound socket that leaves while its handler runs: what the handler writes is kept',
  LIMIT,
  async (t) => {
    const held = heldApp({
      event(session) {
        session.order = 'sent';
      },
    });
    const f = await fixture(t, { app: held.app });
    const { socket, sid } = await f.bound();
    socket.send('held', {});
    await held.event.entered;
    const left = new Promise((resolve) => f.host.traffic.once('host:disconnect', resolve));
    socket.close();
    await left;
    await settle();
    held.event.go();
    await until(() => f.store.read(sid).order === 'sent', 'the write is kept');
  },
);

test(
  'C13b: a handler that was given a session out of date writes nothing after the logout',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const { browser, socket, sid } = await f.bound();
    const old = browser.copy();
    const hold = f.store.holdAnswer('get', (id) => id === sid);
    const answer = socket.ask('write', { late: true });
    await hold.reached;
    await browser.request('/logout');
    hold.release();
    await answer;
    await settle();
    assert.equal(f.store.read(sid), undefined);
    assert.equal((await old.json('/read')).body.session.user, undefined);
  },
);

test(
  'C13b: a slow HTTP request that ends after the logout does not bring the session back',
  LIMIT,
  async (t) => {
    const held = heldApp({
      http(session) {
        session.late = true;
      },
    });
    const f = await fixture(t, { app: held.app });
    const { browser, sid } = await f.bound();
    const slow = browser.copy().json('/held');
    await held.http.entered;
    const old = browser.copy();
    await browser.request('/logout');
    held.http.go();
    await slow;
    assert.equal(f.store.read(sid), undefined);
    assert.equal((await old.json('/read')).body.session.user, undefined);
  },
);

test('C14: a handler that was given a session out of date loses no HTTP write', LIMIT, async (t) => {
  const f = await fixture(t);
  const { browser, socket, sid } = await f.bound();
  const hold = f.store.holdAnswer('get', (id) => id === sid);
  const answer = socket.ask('write', { event: 1 });
  await hold.reached;
  await browser.request(`/write?json=${encodeURIComponent('{"http":1}')}`);
  hold.release();
  await answer;
  await until(() => f.store.read(sid).event === 1, 'the handler is saved');
  assert.equal(f.store.read(sid).http, 1);
});

test(
  'C14: an HTTP request that was given a session out of date loses no write of a handler',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const { browser, socket, sid } = await f.bound();
    const hold = f.store.holdAnswer('get', (id) => id === sid);
    const answer = browser.request(`/write?json=${encodeURIComponent('{"http":1}')}`);
    await hold.reached;
    await socket.ask('write', { event: 1 });
    await until(() => f.store.read(sid).event === 1, 'the handler is saved');
    hold.release();
    await answer;
    assert.equal(f.store.read(sid).http, 1);
    assert.equal(f.store.read(sid).event, 1);
  },
);

for (const [what, value] of [
  [
    'a circle',
    () => {
      const ring = {};
      ring.self = ring;
      return ring;
    },
  ],
  ['a BigInt', () => 1n],
  [
    'an object that cannot be written down',
    () => ({
      toJSON() {
        throw new Error('no JSON');
      },
    }),
  ],
]) {
  test(
    `C12d: a handler that puts ${what} into its session: onError is told, the process lives`,
    LIMIT,
    async (t) => {
      const errors = [];
      const f = await fixture(t, {
        options: { onError: (error, { event }) => errors.push({ error, event }) },
        app: (context) =>
          context.on('spoil', function () {
            this.session.spoilt = value();
          }),
      });
      const { socket, sid } = await f.bound();
      socket.send('spoil', {});
      await until(() => errors.length > 0, 'onError is called');
      assert.equal((await socket.ask('read', {})).id, sid);
      assert.equal(errors.length, 1);
      assert.equal(errors[0].event, 'spoil');
      assert.equal(f.store.read(sid).spoilt, undefined);
    },
  );
}

test('onSessionEnd as a function is told which socket lost its session, once', LIMIT, async (t) => {
  const ended = [];
  const f = await fixture(t, { options: { onSessionEnd: ({ socket }) => ended.push(socket.id) } });
  const { browser, socket } = await f.bound();
  await f.bound();
  await browser.request('/logout');
  await socket.ask('read', {});
  await settle();
  assert.deepEqual(ended, [socket.id]);
});

for (const data of ['__proto__', 'constructor']) {
  test(`C14: a session field called ${data} reaches no prototype`, LIMIT, async (t) => {
    const f = await fixture(t, {
      app: (context) =>
        context.on('plant', function (json, ack) {
          this.session.tree = JSON.parse(json);
          ack();
        }),
    });
    const { browser, socket, sid } = await f.bound();
    await Promise.all([
      socket.ask('plant', `{"${data}":{"polluted":true},"a":1}`),
      browser.request(`/write?json=${encodeURIComponent('{"http":1}')}`),
    ]);
    await until(() => f.store.read(sid).tree, 'the tree is saved');
    await socket.ask('plant', `{"${data}":{"polluted":true,"more":1},"a":2}`);
    await until(() => f.store.read(sid).tree.a === 2, 'the second tree is saved');
    assert.equal({}.polluted, undefined);
    assert.ok(f.store.text(sid).includes('"more":1'));
  });
}

test(
  'B20: with one-time keys each GET has a key of its own, and every one of them binds',
  LIMIT,
  async (t) => {
    const f = await fixture(t, { options: { oneTimeKeys: true } });
    const browser = await f.login();
    const sockets = await Promise.all(Array.from({ length: 5 }, () => f.connect()));
    const shared = await Promise.all(sockets.map((socket) => share(browser, socket)));
    assert.equal(new Set(shared.map(({ key }) => key)).size, 5);
    for (const [index, { key, ack }] of shared.entries()) {
      assert.deepEqual(ack, { key });
      assert.equal((await sockets[index].ask('read', {})).id, browser.sid);
    }
  },
);
