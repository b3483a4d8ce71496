'use strict';

// Part B of the contract: the event __zappa_key.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { sessionRoom } = require('..');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { keyPath, share } = require('./support/socket-client.js');
const { settle } = require('./support/wait.js');

const MISSING_KEY = { error: 'Missing key.' };
const MISSING_DATA = { error: 'Missing data' };

// A failed key must leave the socket as it was: bound to what it was bound to, in a process that lives.
async function stillBound({ socket, sid }) {
  const { id, bound } = await socket.ask('read', {});
  assert.equal(id, sid);
  assert.equal(bound, sid);
}

// A fresh key of the browser's session, for a channel of its own.
async function newKey(browser) {
  return (await browser.json(keyPath('s', { channel: randomUUID() }))).body.key;
}

for (const message of [{}, { key: null }, 'abc', 7, true, [1]]) {
  test(`B2: ${JSON.stringify(message)} answers Missing key.`, LIMIT, async (t) => {
    const f = await fixture(t);
    const socket = await f.connect();
    f.store.taken();
    assert.deepEqual(await socket.ask('__zappa_key', message), MISSING_KEY);
    assert.equal(await socket.ask('ping', {}), 'pong');
  });
}

for (const key of [
  '',
  0,
  false,
  5,
  { a: 1 },
  [1],
  { toString: 1 },
  { toString: null, valueOf: null },
  { $gt: '' },
  ['x'],
]) {
  const row = key?.toString === 1 ? 'B5' : 'B3/4';
  test(
    `${row}: the key ${JSON.stringify(key)} answers Missing data and never reaches the store`,
    LIMIT,
    async (t) => {
      const f = await fixture(t);
      const bound = await f.bound();
      f.store.taken();
      assert.deepEqual(await bound.socket.ask('__zappa_key', { key }), MISSING_DATA);
      const asked = f.store.taken().map(({ sid }) => sid);
      assert.deepEqual(
        asked.filter((sid) => sid !== bound.sid),
        [],
      );
      await stillBound(bound);
    },
  );
}

for (const [what, key] of [
  ['__proto__', '__proto__'],
  ['constructor', 'constructor'],
  ['unicode', 'schlüssel-鍵'],
  ['a string of 900 KB', 'x'.repeat(900_000)],
  ['a path', '../../etc/passwd'],
  ['a uuid in capitals', randomUUID().toUpperCase()],
  ['a uuid with a line break', `${randomUUID()}\n`],
  ['a uuid v1', 'c232ab00-9414-11ec-b3c8-9f6bdeced846'],
]) {
  test(`B6: the key ${what} answers Missing data and never reaches the store`, LIMIT, async (t) => {
    const f = await fixture(t);
    const bound = await f.bound();
    f.store.taken();
    assert.deepEqual(await bound.socket.ask('__zappa_key', { key }), MISSING_DATA);
    const asked = f.store.taken().map(({ sid }) => sid);
    assert.ok(!asked.includes(key));
    await stillBound(bound);
  });
}

test('B9: null with an ack answers Missing key., without one it is ignored', LIMIT, async (t) => {
  const f = await fixture(t);
  const bound = await f.bound();
  assert.deepEqual(await bound.socket.ask('__zappa_key', null), MISSING_KEY);
  bound.socket.send('__zappa_key', null);
  await stillBound(bound);
});

test('B9: no argument at all is ignored', LIMIT, async (t) => {
  const f = await fixture(t);
  const bound = await f.bound();
  bound.socket.send('__zappa_key');
  // The acknowledgement as the only argument: the original asks for two.
  bound.socket.send('__zappa_key', () => {});
  await stillBound(bound);
});

test('B11: a good key without an ack is ignored: not bound', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const key = await newKey(browser);
  const socket = await f.connect();
  socket.send('__zappa_key', { key });
  assert.equal(await socket.ask('ping', {}), 'pong');
  await settle();
  assert.equal((await socket.ask('read', {})).bound, undefined);
});

for (const second of ['a string', 7, {}, null, [1]]) {
  test(`B12: the second argument ${JSON.stringify(second)} counts as no ack`, LIMIT, async (t) => {
    const f = await fixture(t);
    const browser = await f.login();
    const key = await newKey(browser);
    const socket = await f.connect();
    socket.send('__zappa_key', { key }, second);
    assert.equal(await socket.ask('ping', {}), 'pong');
    await settle();
    assert.equal((await socket.ask('read', {})).bound, undefined);
  });
}

test(
  'B13: without a session store the answer is Missing session-store., once, and the process lives',
  LIMIT,
  async (t) => {
    const f = await fixture(t, { sessionOptions: null });
    const socket = await f.connect();
    assert.deepEqual(await socket.ask('__zappa_key', { key: randomUUID() }), {
      error: 'Missing session-store.',
    });
    await settle();
    assert.equal(await socket.ask('ping', {}), 'pong');
  },
);

test(
  'B: with allowedOrigins the socket of another page is bound to nothing, with the best of keys',
  LIMIT,
  async (t) => {
    const f = await fixture(t, { options: { allowedOrigins: ['https://app.example'] } });
    const browser = await f.login();
    const { key } = (await browser.json(keyPath('s'))).body;
    for (const origin of ['https://evil.example', 'null', 'https://app.example.evil.example']) {
      const socket = await f.connect({ extraHeaders: { origin } });
      assert.deepEqual(await socket.ask('__zappa_key', { key }), { error: 'This origin is not allowed.' });
      assert.equal((await socket.ask('read', {})).bound, undefined);
      socket.send('__zappa_key', { key });
      assert.equal(await socket.ask('ping', {}), 'pong');
    }
    for (const origin of ['https://app.example', f.host.ioUrl, undefined]) {
      const socket = await f.connect({ extraHeaders: { ...(origin && { origin }) } });
      assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
      assert.equal((await socket.ask('read', {})).bound, browser.sid);
    }
  },
);

test('B: with no allowedOrigins, or none other, a key is good from everywhere', LIMIT, async (t) => {
  for (const options of [undefined, { allowedOrigins: [] }]) {
    const f = await fixture(t, { options });
    const browser = await f.login();
    const socket = await f.connect({ extraHeaders: { origin: 'https://page.example' } });
    assert.equal((await share(browser, socket)).ack.error, undefined);
    assert.equal((await socket.ask('read', {})).bound, browser.sid);
  }
});

test('B15: the id of a session is no key, even when ids are uuids', LIMIT, async (t) => {
  const f = await fixture(t, { sessionOptions: { genid: () => randomUUID() } });
  const victim = await f.login();
  const bound = await f.bound();
  assert.deepEqual(await bound.socket.ask('__zappa_key', { key: victim.sid }), MISSING_DATA);
  assert.deepEqual(await bound.socket.ask('__zappa_key', { key: bound.sid }), MISSING_DATA);
  await stillBound(bound);
});

test('B15: a session of the usual id is no key', LIMIT, async (t) => {
  const f = await fixture(t);
  const victim = await f.login();
  const bound = await f.bound();
  assert.deepEqual(await bound.socket.ask('__zappa_key', { key: victim.sid }), MISSING_DATA);
  await stillBound(bound);
});

test('B16: a session that an app gave a field `id` is no key either', LIMIT, async (t) => {
  const f = await fixture(t);
  const victim = await f.login();
  const bound = await f.bound();
  const planted = randomUUID();
  f.store.plant(planted, {
    cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
    user: 'eve',
    id: 7,
  });
  assert.deepEqual(await bound.socket.ask('__zappa_key', { key: planted }), MISSING_DATA);
  await stillBound(bound);
  assert.ok(f.store.read(victim.sid));
});

test("B17: a socket's own record is no key", LIMIT, async (t) => {
  const f = await fixture(t);
  const stranger = await f.connect();
  await stranger.ask('write', { cart: 1 });
  const bound = await f.bound();
  assert.deepEqual(await bound.socket.ask('__zappa_key', { key: stranger.id }), MISSING_DATA);
  await stillBound(bound);
});

for (const record of [
  'text',
  7,
  [1, 2],
  {},
  { id: 7, cookie: {} },
  { id: null, cookie: {} },
  { id: '', cookie: {} },
  { id: {}, cookie: {} },
  { id: ['x'], cookie: {} },
  true,
]) {
  test(`B18/19: a record ${JSON.stringify(record)} answers Missing data`, LIMIT, async (t) => {
    const f = await fixture(t);
    const bound = await f.bound();
    const key = randomUUID();
    f.store.always(
      'get',
      (_run, answer) => setImmediate(answer, null, record),
      (sid) => sid === key,
    );
    assert.deepEqual(await bound.socket.ask('__zappa_key', { key }), MISSING_DATA);
    await stillBound(bound);
  });
}

test('B18: a record of the original, without a cookie that expires, is as good as ours', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const key = randomUUID();
  f.store.plant(key, { id: browser.sid, cookie: {} });
  const socket = await f.connect();
  assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
  assert.equal((await socket.ask('read', {})).id, browser.sid);
});

test('B18: a record with fields that nobody knows yet is as good', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const key = randomUUID();
  f.store.plant(key, {
    id: browser.sid,
    cookie: { originalMaxAge: null, expires: null },
    since: 2030,
    extra: { a: 1 },
  });
  const socket = await f.connect();
  assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
});

test('B20: a key presented by another socket binds that one too', LIMIT, async (t) => {
  const f = await fixture(t);
  const { key, sid, socket } = await f.bound();
  const second = await f.connect();
  assert.deepEqual(await second.ask('__zappa_key', { key }), { key });
  assert.equal((await second.ask('read', {})).id, sid);
  assert.equal((await socket.ask('read', {})).id, sid);
});

test(
  'B20: with oneTimeKeys a key works once, and the next GET gives another that works',
  LIMIT,
  async (t) => {
    const f = await fixture(t, { options: { oneTimeKeys: true } });
    const { browser, key, sid, socket, ack } = await f.bound();
    assert.deepEqual(ack, { key });
    const second = await f.connect();
    assert.deepEqual(await second.ask('__zappa_key', { key }), MISSING_DATA);

    const again = await share(browser, second);
    assert.notEqual(again.key, key);
    assert.deepEqual(again.ack, { key: again.key });
    assert.equal((await second.ask('read', {})).id, sid);
    assert.equal((await socket.ask('read', {})).id, sid);
  },
);

for (const [how, end] of [
  ['logout', (_store, browser) => browser.request('/logout')],
  ['regenerate', (_store, browser) => browser.request('/regenerate')],
  ['removal from the store', (store, browser) => store.remove(browser.sid)],
  [
    'expiry',
    (store, browser) => {
      const session = store.read(browser.sid);
      session.cookie.expires = new Date(Date.now() - 1).toISOString();
      store.plant(browser.sid, session);
    },
  ],
]) {
  test(`B21: a key used after ${how} answers Missing data, and nothing comes back`, LIMIT, async (t) => {
    const f = await fixture(t);
    const browser = await f.login();
    const key = await newKey(browser);
    const old = browser.copy();
    await end(f.store, browser);

    const socket = await f.connect();
    assert.deepEqual(await socket.ask('__zappa_key', { key }), MISSING_DATA);
    assert.equal((await socket.ask('read', {})).bound, undefined);
    await settle();
    assert.equal(f.store.read(old.sid), undefined);
    assert.equal((await old.json('/read')).body.session.user, undefined);
  });
}

test('B21: a key that has expired answers Missing data', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const key = await newKey(browser);
  const record = f.store.read(key);
  record.cookie.expires = new Date(Date.now() - 1).toISOString();
  // A store that keeps what has expired, as some do until they sweep.
  f.store.always(
    'get',
    (_run, answer) => setImmediate(answer, null, record),
    (sid) => sid === key,
  );
  const socket = await f.connect();
  assert.deepEqual(await socket.ask('__zappa_key', { key }), MISSING_DATA);
});

test('B22: a good key of another session binds to that one', LIMIT, async (t) => {
  const f = await fixture(t);
  const { browser: first, socket } = await f.bound();
  const other = await f.login();
  const { key, ack } = await share(other, socket);
  assert.deepEqual(ack, { key });
  assert.equal((await socket.ask('read', {})).id, other.sid);
  const heard = socket.collect('news');
  for (const { sid } of [first, other]) f.host.io.to(sessionRoom(sid)).emit('news', sid);
  await socket.ask('read', {});
  assert.deepEqual(heard, [other.sid]);
});

for (const [behaviour, text] of [
  ['error', 'Error: scripted'],
  ['error string', 'scripted string'],
]) {
  test(
    `B23: store.get answers the key with an ${behaviour}: the ack has its text, a retry succeeds`,
    LIMIT,
    async (t) => {
      const f = await fixture(t);
      const browser = await f.login();
      const key = await newKey(browser);
      const socket = await f.connect();
      f.store.next('get', behaviour, (sid) => sid === key);
      assert.deepEqual(await socket.ask('__zappa_key', { key }), { error: text });
      assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
    },
  );
}

test('B23: an error with code ENOENT is a missing record', LIMIT, async (t) => {
  const f = await fixture(t);
  const socket = await f.connect();
  const key = randomUUID();
  f.store.next('get', 'enoent', (sid) => sid === key);
  assert.deepEqual(await socket.ask('__zappa_key', { key }), MISSING_DATA);
});

test(
  'B24: store.get never answers the key: an error is acknowledged in time, the process lives',
  LIMIT,
  async (t) => {
    const f = await fixture(t, { options: { storeTimeout: 1_000 } });
    const browser = await f.login();
    const key = await newKey(browser);
    const socket = await f.connect();
    f.store.next('get', 'never', (sid) => sid === key);
    const ack = await socket.ask('__zappa_key', { key });
    assert.deepEqual(Object.keys(ack), ['error']);
    assert.match(ack.error, /\S/);
    assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
  },
);

test('B24: an answer that comes after the deadline changes nothing', LIMIT, async (t) => {
  const f = await fixture(t, { options: { storeTimeout: 1_000 } });
  const browser = await f.login();
  const key = await newKey(browser);
  const socket = await f.connect();
  const hold = f.store.hold('get', (sid) => sid === key);
  const ack = await socket.ask('__zappa_key', { key });
  assert.match(ack.error, /\S/);
  hold.release();
  await settle();
  assert.equal((await socket.ask('read', {})).bound, undefined);
});

for (const behaviour of ['twice', 'twice at once']) {
  test(`B25: store.get answers the key ${behaviour}: bound once, the process lives`, LIMIT, async (t) => {
    const f = await fixture(t);
    const browser = await f.login();
    const key = await newKey(browser);
    const socket = await f.connect();
    f.store.next('get', behaviour, (sid) => sid === key);
    assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
    await settle();
    await stillBound({ socket, sid: browser.sid });
  });
}

test('B26: store.get throws: the ack has its text, the process lives', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const key = await newKey(browser);
  const socket = await f.connect();
  f.store.next('get', 'throw', (sid) => sid === key);
  assert.deepEqual(await socket.ask('__zappa_key', { key }), { error: 'Error: scripted throw' });
  assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
});

test('B: after 64 well-formed keys that failed a socket reaches the store no more', LIMIT, async (t) => {
  const f = await fixture(t);
  const { browser, socket } = await f.bound();
  const good = await newKey(browser);
  for (let n = 0; n < 64; n += 1) {
    assert.deepEqual(await socket.ask('__zappa_key', { key: randomUUID() }), MISSING_DATA);
    // Whatever it does in between, they are counted.
    assert.equal((await socket.ask('read', {})).bound, browser.sid);
  }
  for (const key of [randomUUID(), good]) {
    f.store.taken();
    assert.deepEqual(await socket.ask('__zappa_key', { key }), MISSING_DATA);
    assert.ok(!f.store.taken().some(({ sid }) => sid === key));
  }
  // The limit is that socket's alone.
  const other = await f.connect();
  assert.deepEqual(await other.ask('__zappa_key', { key: good }), { key: good });
});

test(
  'the first handshake costs at most 3 gets and 3 sets and leaves no orphan, a repeated one 3 gets and 1 set',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const browser = await f.login();
    const socket = await f.connect();
    await settle();
    f.store.taken();
    const { key } = await share(browser, socket);
    await settle();
    const first = { get: f.store.count('get'), set: f.store.count('set') };
    assert.ok(first.get <= 3 && first.set <= 3, JSON.stringify(f.store.calls));
    assert.deepEqual(f.store.ids().sort(), [browser.sid, key].sort());

    await socket.reconnect();
    await settle();
    f.store.taken();
    await share(browser, socket);
    await settle();
    const again = { get: f.store.count('get'), set: f.store.count('set') };
    assert.ok(again.get <= 3 && again.set <= 1, JSON.stringify(f.store.calls));
    assert.deepEqual(f.store.ids().sort(), [browser.sid, key].sort());
  },
);
