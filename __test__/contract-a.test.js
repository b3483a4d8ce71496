'use strict';

// Part A of the contract: GET <prefix>/socket/:channel_name/:socket_id, on Express 5, Socket.IO 4 and a store in memory.
// The rows that depend on versions and stores run again, over all of them, in contract-matrix.test.js.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { fixture } = require('./support/fixture.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { keyPath, share } = require('./support/socket-client.js');
const { until } = require('./support/wait.js');
const { UUID_V4 } = require('./support/uuid.js');

const PATH = keyPath('some-socket');

function channelPath(channel) {
  return keyPath('some-socket', { channel });
}

test(
  'A1: a first GET answers 200 with exactly one uuid v4 key and stores key, then session',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const browser = await f.login();
    f.store.taken();

    const answer = await browser.json(PATH);

    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type'), /^application\/json/);
    assert.match(answer.body.key, UUID_V4);
    assert.equal(answer.text, JSON.stringify({ key: answer.body.key }));
    const sets = f.store.taken().filter(({ method }) => method === 'set');
    assert.deepEqual(
      sets.map(({ sid }) => sid),
      [answer.body.key, browser.sid],
    );
    assert.deepEqual(f.store.read(browser.sid).__socket, { __local: { key: answer.body.key } });
  },
);

test('A1: the record is the session id at the top, with a cookie', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const { body } = await browser.json(PATH);

  const record = f.store.read(body.key);
  assert.equal(record.id, browser.sid);
  assert.equal(typeof record.cookie, 'object');
});

test('A1: the answer ends only after the session is saved', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const hold = f.store.hold('set', (sid) => sid === browser.sid);
  let ended = false;
  const answer = browser.json(PATH).then((value) => {
    ended = true;
    return value;
  });
  await hold.reached;
  await f.browser().request('/read');
  assert.equal(ended, false);
  hold.release();
  assert.equal((await answer).status, 200);
});

test('A1: a key is not cached: no-store, no ETag, never a 304', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const first = await browser.json(PATH);
  assert.match(first.headers.get('cache-control') ?? '', /no-store/);
  assert.equal(first.headers.get('etag'), null);

  for (const tag of ['"x"', first.headers.get('etag') ?? '*', '*']) {
    const again = await browser.request(PATH, { headers: { 'if-none-match': tag } });
    assert.equal(again.status, 200, `If-None-Match: ${tag}`);
  }
});

test('A2: no session store answers 500 No session-store.', LIMIT, async (t) => {
  const f = await fixture(t, { sessionOptions: null });
  const answer = await f.browser().json(PATH);
  assert.equal(answer.status, 500);
  assert.equal(answer.text, '{"error":"No session-store."}');
});

test('A2: a session middleware without a store of the app answers the same', LIMIT, async (t) => {
  const f = await fixture(t, { sessionOptions: { store: undefined } });
  const answer = await f.browser().json(PATH);
  assert.equal(answer.status, 500);
  assert.equal(answer.text, '{"error":"No session-store."}');
});

test('A3: a store but no req.session answers 400 No session', LIMIT, async (t) => {
  const store = new HostileStore();
  const f = await fixture(t, {
    sessionOptions: null,
    app: (context) => {
      context.session_store = store;
    },
  });
  const answer = await f.browser().json(PATH);
  assert.equal(answer.status, 400);
  assert.equal(answer.text, '{"error":"No session"}');
  assert.deepEqual(store.ids(), []);
});

for (const [behaviour, text] of [
  ['error', 'Error: scripted'],
  ['error string', 'scripted string'],
]) {
  test(
    `A4: store.set answers the key with an ${behaviour}: 500 with its text, no memo, a retry succeeds`,
    LIMIT,
    async (t) => {
      const f = await fixture(t);
      const browser = await f.login();
      f.store.next('set', behaviour, (sid) => sid !== browser.sid);

      const failed = await browser.json(PATH);
      assert.equal(failed.status, 500);
      assert.deepEqual(failed.body, { error: text });
      assert.equal(f.store.read(browser.sid).__socket?.__local, undefined);

      const retried = await browser.json(PATH);
      assert.equal(retried.status, 200);
      assert.match(retried.body.key, UUID_V4);
    },
  );
}

for (const status of ['nope', 0, 404, 200]) {
  test(
    `A4: an error that has a status of its own (${status}) is answered with 500 all the same`,
    LIMIT,
    async (t) => {
      const f = await fixture(t);
      const browser = await f.login();
      const fail = (_run, answer) => setImmediate(answer, Object.assign(new Error('no luck'), { status }));
      f.store.next('set', fail, (sid) => sid !== browser.sid);
      const failed = await browser.json(PATH);
      assert.equal(failed.status, 500);
      assert.deepEqual(failed.body, { error: 'Error: no luck' });
    },
  );
}

test('A5: store.set never answers the key: 503 with an error, and the next GET works', LIMIT, async (t) => {
  const f = await fixture(t, { options: { storeTimeout: 1_000 } });
  const browser = await f.login();
  f.store.next('set', 'never', (sid) => sid !== browser.sid);

  const failed = await browser.json(PATH);
  assert.equal(failed.status, 503);
  assert.deepEqual(Object.keys(failed.body), ['error']);
  assert.match(failed.body.error, /\S/);
  assert.equal((await browser.json(PATH)).status, 200);
});

for (const behaviour of ['twice', 'twice at once']) {
  test(`A6: store.set answers the key ${behaviour}: one answer, the process lives`, LIMIT, async (t) => {
    const f = await fixture(t);
    const browser = await f.login();
    f.store.next('set', behaviour, (sid) => sid !== browser.sid);
    const { status, body } = await browser.json(PATH);
    assert.equal(status, 200);
    assert.equal((await browser.json(PATH)).body.key, body.key);
  });
}

test('A7: store.set throws: 500 with its text as JSON, no stack', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  f.store.next('set', 'throw', (sid) => sid !== browser.sid);
  const { status, body } = await browser.json(PATH);
  assert.equal(status, 500);
  assert.deepEqual(body, { error: 'Error: scripted throw' });
  assert.equal((await browser.json(PATH)).status, 200);
});

test('A11: two tabs share a key, both are bound, and the newest gets the messages', LIMIT, async (t) => {
  const f = await fixture(t);
  const { browser, socket: first, sid, key } = await f.bound();
  const second = await f.connect();
  const shared = await share(browser, second);

  assert.equal(shared.key, key);
  assert.deepEqual(shared.ack, { key });
  assert.equal((await first.ask('read', {})).id, sid);
  assert.equal((await second.ask('read', {})).id, sid);
  assert.equal(f.store.read(sid).__socket.__local.id, second.id);
  const told = second.next('told');
  await browser.request('/tell?what=news');
  assert.equal(await told, 'news');
});

test('A12: two concurrent first GETs of one session: every key works', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const mine = (sid) => sid === browser.sid;
  const holds = [f.store.hold('get', mine), f.store.hold('get', mine)];
  const answers = [browser.copy().json(PATH), browser.copy().json(PATH)];
  for (const hold of holds) {
    await hold.reached;
  }
  for (const hold of holds) {
    hold.release();
  }
  const keys = (await Promise.all(answers)).map(({ body }) => body.key);

  for (const key of keys) {
    const socket = await f.connect();
    assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
    assert.equal((await socket.ask('read', {})).id, browser.sid);
  }
  await t.test('and they are the same key', () => assert.equal(keys[0], keys[1]));
});

test('A13: two channels have a key each', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const one = (await browser.json(channelPath('one'))).body.key;
  const two = (await browser.json(channelPath('two'))).body.key;
  assert.notEqual(one, two);
  assert.equal((await browser.json(channelPath('one'))).body.key, one);
  assert.equal((await browser.json(channelPath('two'))).body.key, two);
  assert.deepEqual(Object.keys(f.store.read(browser.sid).__socket), ['one', 'two']);
});

test('A14: a key whose record is gone from the store is replaced by one that works', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const dead = (await browser.json(PATH)).body.key;
  f.store.remove(dead);

  const socket = await f.connect();
  const { key, ack } = await share(browser, socket);
  assert.notEqual(key, dead);
  assert.deepEqual(ack, { key });
  assert.equal((await browser.json(PATH)).body.key, key);
});

test(
  'A15: a channel named like a member of Object works or is refused, and touches no prototype',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const browser = await f.login();
    const members = Object.getOwnPropertyNames(Object.prototype).join();

    for (const channel of ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype']) {
      const { status, body } = await browser.json(channelPath(channel));
      if (status === 400) {
        assert.match(body.error, /\S/);
      } else {
        const socket = await f.connect();
        assert.deepEqual(await socket.ask('__zappa_key', { key: body.key }), { key: body.key }, channel);
      }
    }
    assert.equal(Object.getOwnPropertyNames(Object.prototype).join(), members);
    assert.equal({}.key, undefined);
    assert.equal({}.id, undefined);
  },
);

test('A15: the channel __proto__ is refused with 400', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const { status, body } = await browser.json(channelPath('__proto__'));
  assert.equal(status, 400);
  assert.match(body.error, /\S/);
  assert.deepEqual(f.store.ids(), [browser.sid]);
});

for (const [what, channel] of [
  ['longer than 128 characters', 'x'.repeat(129)],
  ['15 KB long', 'x'.repeat(15_000)],
  ['with a NUL', 'a\0b'],
  ['with a line break', 'a\nb'],
]) {
  test(`A16: a channel ${what} is refused with 400 and stores nothing`, LIMIT, async (t) => {
    const f = await fixture(t);
    const browser = await f.login();
    const { status, body } = await browser.json(channelPath(channel));
    assert.equal(status, 400);
    assert.match(body.error, /\S/);
    assert.deepEqual(f.store.ids(), [browser.sid]);
    assert.equal(f.store.read(browser.sid).__socket?.[channel], undefined);
  });
}

for (const channel of ['x'.repeat(128), 'Kanal-äöü-頻道', 'a/b', 'a b']) {
  test(
    `A16: the channel ${JSON.stringify(channel.slice(0, 20))} of ${channel.length} characters works`,
    LIMIT,
    async (t) => {
      const f = await fixture(t);
      const browser = await f.login();
      const socket = await f.connect();
      const { key, ack } = await share(browser, socket, { channel });
      assert.deepEqual(ack, { key });
      assert.equal(f.store.read(browser.sid).__socket[channel].key, key);
    },
  );
}

test('A16: a session has at most 32 channels, the 33rd is refused with 400', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  for (let n = 0; n < 32; n += 1) {
    assert.equal((await browser.json(channelPath(`channel-${n}`))).status, 200, `channel ${n}`);
  }
  const refused = await browser.json(channelPath('one-more'));
  assert.equal(refused.status, 400);
  assert.match(refused.body.error, /\S/);
  assert.equal(f.store.ids().length, 33);
  assert.equal((await browser.json(channelPath('channel-7'))).status, 200);
});

test('A16: maxChannels is an option', LIMIT, async (t) => {
  const f = await fixture(t, { options: { maxChannels: 2 } });
  const browser = await f.login();
  assert.equal((await browser.json(channelPath('one'))).status, 200);
  assert.equal((await browser.json(channelPath('two'))).status, 200);
  assert.equal((await browser.json(channelPath('three'))).status, 400);
});

test(
  'A19: the socket id in the URL redirects nothing: only the socket that presents the key gets the messages',
  LIMIT,
  async (t) => {
    const f = await fixture(t, {
      app: (context) =>
        context.on('join', function (room, ack) {
          this.join(room);
          ack(room);
        }),
    });
    const stranger = await f.connect();
    await stranger.ask('join', 'room');
    const overheard = stranger.collect('told');

    const browser = await f.login();
    for (const target of ['room', stranger.id]) {
      const { body } = await browser.json(keyPath(target));
      assert.deepEqual(f.store.read(browser.sid).__socket, { __local: { key: body.key } });
      await browser.request('/tell?what=secret');
    }
    assert.equal(await stranger.ask('ping', {}), 'pong');
    assert.deepEqual(overheard, []);

    const socket = await f.connect();
    const told = socket.next('told');
    await share(browser, socket);
    // A link to the stranger's id, opened after the handshake, changes nothing either.
    await browser.json(keyPath(stranger.id));
    await browser.request('/tell?what=mine');
    assert.equal(await told, 'mine');
    assert.equal(await stranger.ask('ping', {}), 'pong');
    assert.deepEqual(overheard, []);
  },
);

test(
  'A16: what another page has the browser load makes no key, and takes none of its channels',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const browser = f.browser();
    for (const site of ['cross-site', 'same-site']) {
      const { status, body } = await browser.json(channelPath('elsewhere'), {
        headers: { 'sec-fetch-site': site },
      });
      assert.deepEqual([status, body], [403, { error: 'This origin is not allowed.' }]);
    }
    assert.deepEqual(f.store.ids(), []);
    // By fetch it may ask, as with the original: the app's CORS says whether it can read the answer.
    const headers = { 'sec-fetch-site': 'cross-site', origin: 'https://live.example' };
    assert.equal((await browser.json(PATH, { headers })).status, 200);
  },
);

test(
  'A16: with allowedOrigins the pages of all other origins make no key, and take no channel',
  LIMIT,
  async (t) => {
    const allowed = 'https://app.example';
    const cors = ({ headers }) => headers.get('access-control-allow-origin');
    for (const allowedOrigins of [[allowed], []]) {
      const f = await fixture(t, { options: { allowedOrigins } });
      const browser = f.browser();
      const ask = (headers) => browser.json(channelPath('elsewhere'), { headers });
      for (const headers of [
        { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
        { origin: 'null' },
        { 'sec-fetch-site': 'cross-site' },
      ]) {
        const answer = await ask(headers);
        assert.deepEqual([answer.status, answer.body], [403, { error: 'This origin is not allowed.' }]);
        assert.equal(cors(answer), null);
        assert.match(answer.headers.get('vary'), /\bOrigin\b/i);
      }
      assert.deepEqual(f.store.ids(), []);

      const page = await ask({ origin: allowed, 'sec-fetch-site': 'cross-site' });
      if (allowedOrigins.length === 0) assert.deepEqual([page.status, cors(page)], [403, null]);
      else {
        assert.deepEqual([page.status, cors(page)], [200, allowed]);
        assert.equal(page.headers.get('access-control-allow-credentials'), 'true');
      }
      // A page of the app's own.
      const own = await ask({ origin: f.host.url, 'sec-fetch-site': 'same-origin' });
      assert.deepEqual([own.status, cors(own)], [200, null]);
      assert.equal((await ask({})).status, 200);
    }
  },
);

test('A20: HEAD answers 200 without a body and without a key', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const before = f.store.text(browser.sid);
  const { status, text } = await browser.request(PATH, { method: 'HEAD' });
  assert.equal(status, 200);
  assert.equal(text, '');
  assert.deepEqual(f.store.ids(), [browser.sid]);
  assert.equal(f.store.text(browser.sid), before);
});

test('A21: no cookie and saveUninitialized false: 200, a key and a Set-Cookie', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = f.browser();
  const { status, headers, body } = await browser.json(PATH);
  assert.equal(status, 200);
  assert.match(body.key, UUID_V4);
  assert.match(headers.get('set-cookie'), /^connect\.sid=/);
  assert.equal(f.store.read(body.key).id, browser.sid);
  assert.ok(f.store.read(browser.sid));
});

for (const value of [
  'a string',
  7,
  true,
  [1],
  { __local: 'a string' },
  { __local: { key: 7 } },
  { __local: { key: '../x' } },
  { __local: null },
]) {
  test(
    `A22: session.__socket is ${JSON.stringify(value)}: a GET still gives a key that works`,
    LIMIT,
    async (t) => {
      const f = await fixture(t);
      const browser = await f.login();
      await browser.request(`/write?json=${encodeURIComponent(JSON.stringify({ __socket: value }))}`);
      const socket = await f.connect();
      const { status, key, ack } = await share(browser, socket);
      assert.equal(status, 200);
      assert.match(key, UUID_V4);
      assert.deepEqual(ack, { key });
      assert.equal((await socket.ask('read', {})).id, browser.sid);
    },
  );
}

test(
  'A14: a key copied over from another session, as apps do around regenerate, is replaced',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const other = await f.login();
    const copied = (await other.json(PATH)).body.key;
    const browser = await f.login();
    await browser.request(
      `/write?json=${encodeURIComponent(JSON.stringify({ __socket: { __local: { key: copied } } }))}`,
    );
    const socket = await f.connect();
    const { key, ack } = await share(browser, socket);
    assert.notEqual(key, copied);
    assert.deepEqual(ack, { key });
    assert.equal((await socket.ask('read', {})).id, browser.sid);
  },
);

test('A23: twenty handshakes leave one session and one record', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const keys = new Set();
  for (let n = 0; n < 20; n += 1) {
    const socket = await f.connect();
    keys.add((await share(browser, socket)).key);
    socket.close();
  }
  assert.equal(keys.size, 1);
  assert.deepEqual(f.store.ids().sort(), [browser.sid, ...keys].sort());
});

test('A23: the records of a session go with it', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  for (const channel of ['one', 'two']) await browser.json(channelPath(channel));
  assert.equal(f.store.ids().length, 3);
  await browser.request('/logout');
  await until(() => f.store.ids().length === 0, 'nothing is left');
});

test('A23: a record expires by itself', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  const { cookie } = f.store.read((await browser.json(PATH)).body.key);
  assert.equal(typeof cookie.originalMaxAge, 'number');
  const left = Date.parse(cookie.expires) - Date.now();
  assert.ok(left > 0 && left <= cookie.originalMaxAge, `${left} ms left of ${cookie.originalMaxAge}`);
});

test('A23: keyMaxAge says when', LIMIT, async (t) => {
  const f = await fixture(t, { options: { keyMaxAge: 60_000 } });
  const browser = await f.login();
  const { cookie } = f.store.read((await browser.json(PATH)).body.key);
  const left = Date.parse(cookie.expires) - Date.now();
  assert.ok(left > 50_000 && left <= 60_000, `${left} ms left`);
});

test('A23: a key without end has the last date with a year of four digits', LIMIT, async (t) => {
  const f = await fixture(t, { options: { keyMaxAge: Number.MAX_SAFE_INTEGER } });
  const browser = await f.login();
  const { cookie } = f.store.read((await browser.json(PATH)).body.key);
  assert.equal(cookie.expires, '9999-12-31T23:59:59.999Z');
});

test('A23: a record lives no longer than its session', LIMIT, async (t) => {
  const f = await fixture(t, { sessionOptions: { cookie: { maxAge: 60_000 } } });
  const browser = await f.login();
  const { cookie } = f.store.read((await browser.json(PATH)).body.key);
  const left = Date.parse(cookie.expires) - Date.now();
  assert.ok(left > 50_000 && left <= 60_000, `${left} ms left`);
});

test('A24: zappa_channel says where the messages of the Express side go', LIMIT, async (t) => {
  const f = await fixture(t, { settings: { zappa_channel: 'mine' } });
  const browser = await f.login();
  const socket = await f.connect();
  await share(browser, socket, { channel: 'mine' });
  const told = socket.next('told');
  assert.equal((await browser.json('/tell?what=news')).body.id, socket.id);
  assert.equal(await told, 'news');
});

test('A25: zappa_prefix is read once, at start', LIMIT, async (t) => {
  const f = await fixture(t, { settings: { zappa_prefix: '/elsewhere' } });
  const browser = await f.login();
  f.host.app.set('zappa_prefix', '/later');
  assert.equal((await browser.request(keyPath('s', { prefix: '/elsewhere' }))).status, 200);
  assert.equal((await browser.request(keyPath('s', { prefix: '/later' }))).status, 404);
  assert.equal((await browser.request(keyPath('s'))).status, 404);
});
