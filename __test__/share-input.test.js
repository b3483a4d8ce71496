'use strict';

// shareSession: what a client may send as its key, in `auth`, in the query, by `__zappa_key`. Only a well-formed key
// reaches the store. Rows of the contract have their names in front.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const { once } = require('node:events');
const { randomUUID } = require('node:crypto');
const { LIMIT } = require('./support/limit.js');
const { shareApp } = require('./support/share-app.js');
const { socketIoClient } = require('./support/versions.js');
const { settle, until } = require('./support/wait.js');

const MISSING_KEY = { error: 'Missing key.', code: 'ERR_MISSING_KEY' };
const MISSING_DATA = { error: 'Missing data', code: 'ERR_MISSING_DATA' };

// No keys at all, by what they are called in a test's name.
const MALFORMED = {
  "B3: ''": '',
  'B3: 0': 0,
  'B3: false': false,
  'B4: 5': 5,
  'B4: true': true,
  'B4: {a: 1}': { a: 1 },
  'B4: {}': {},
  'B4: []': [],
  'B4: [1]': [1],
  'B4: a list of one good form': [randomUUID()],
  'B5: {toString: 1}': { toString: 1 },
  'B5: {toString: null, valueOf: null}': { toString: null, valueOf: null },
  'B5: {length: 36}': { length: 36, charCodeAt: 1 },
  'B5: an operator': { $gt: '' },
  'B5: 1000 objects deep': JSON.parse(`${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`),
  'B6: __proto__': '__proto__',
  'B6: constructor': 'constructor',
  'B6: unicode': 'schlüssel-鍵',
  'B6: half a character': '\ud800',
  'B6: a NUL': '\0',
  'B6: a path': '../../etc/passwd',
  'B6: a wildcard': '*',
  'B6: a uuid in capitals': randomUUID().toUpperCase(),
  'B6: a uuid with a line break': `${randomUUID()}\n`,
  'B6: a uuid with a space in front': ` ${randomUUID()}`,
  'B6: a uuid without its dashes': randomUUID().replaceAll('-', ''),
  'B6: a uuid v1': 'c232ab00-9414-11ec-b3c8-9f6bdeced846',
  'B6: 900 KB': 'x'.repeat(900_000),
};

// A browser's socket that must be as bound as before, whatever others send.
async function bystander(f) {
  const bound = await f.bound();
  f.store.taken();
  return async () => {
    const { id, user } = await bound.socket.ask('read');
    assert.deepEqual([id, user], [bound.sid, 'ann']);
  };
}

// What the store was asked meanwhile: nothing.
function untouched(f) {
  assert.deepEqual(f.store.taken(), []);
}

// The server closes the connection, and that is all.
async function isClosed(f, auth) {
  const alive = await bystander(f);
  const before = f.seen.size;
  const closed = new Promise((resolve) => {
    f.io.engine.once('connection', (raw) => raw.once('close', resolve));
  });
  const client = socketIoClient(4)(f.ioUrl, {
    auth,
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
  });
  await closed;
  client.disconnect();
  assert.equal(f.seen.size, before);
  untouched(f);
  await alive();
}

describe('in auth', () => {
  for (const [name, key] of Object.entries(MALFORMED)) {
    test(`${name} is no key: a stranger, or Missing data, and nothing for the store`, LIMIT, async (t) => {
      const f = await shareApp(t);
      const alive = await bystander(f);
      const socket = await f.connect({ key });
      assert.deepEqual(f.seen.get(socket.id).id, socket.id);
      untouched(f);
      await alive();

      const strict = await shareApp(t, { options: { required: true } });
      const error = await strict.connect({ key }).catch((refusal) => refusal);
      assert.deepEqual(error.data, { code: 'ERR_MISSING_DATA', message: 'Missing data' });
      untouched(strict);
    });
  }

  for (const [name, auth] of [
    ['nothing', undefined],
    ['{}', {}],
    ['{key: null}', { key: null }],
    ['a key in __proto__', JSON.parse(`{"__proto__":{"key":"${randomUUID()}"}}`)],
    ['a key by another name', { KEY: randomUUID(), 'key ': randomUUID(), data: { key: randomUUID() } }],
  ]) {
    test(`B2: ${name} is a key that is missing`, LIMIT, async (t) => {
      const f = await shareApp(t, { options: { required: true } });
      const alive = await bystander(f);
      const error = await f.connect({ auth }).catch((refusal) => refusal);
      assert.equal(error.data.code, 'ERR_MISSING_KEY');
      untouched(f);
      await alive();
    });
  }

  // No objects, which the protocol wants.
  for (const auth of [['a'], 'text', true]) {
    test(`an auth that is ${JSON.stringify(auth)} costs its sender the connection`, LIMIT, async (t) => {
      const f = await shareApp(t);
      await isClosed(f, auth);
    });
  }

  test('a good key is found beside names that objects have of their own', LIMIT, async (t) => {
    const f = await shareApp(t);
    const browser = await f.login();
    const key = await f.keyOf(browser);
    const auth = JSON.parse(`{"hasOwnProperty":1,"__proto__":{"key":"x"},"toString":null,"key":"${key}"}`);
    const socket = await f.connect({ auth });
    assert.equal(f.seen.get(socket.id).id, browser.sid);
  });

  test('5 MB, where the app takes packets of that size, are no key', LIMIT, async (t) => {
    const f = await shareApp(t, { ioOptions: { maxHttpBufferSize: 1e8 } });
    const alive = await bystander(f);
    await f.connect({ key: 'x'.repeat(5_000_000) });
    untouched(f);
    await alive();
  });

  test('1 MB, where it does not, costs its sender the connection', LIMIT, async (t) => {
    const f = await shareApp(t);
    await isClosed(f, { key: 'x'.repeat(1_000_001) });
  });

  // What a store may hold under a well-formed key that is no record of a key.
  for (const [name, value] of [
    ['B15: a session', { cookie: { path: '/', httpOnly: true }, user: 'ann' }],
    ['B16: a session with a field `id`', { id: 'x', cookie: { path: '/', httpOnly: true } }],
    ["B17: a socket's own session", { id: 'x', cookie: { __io: true } }],
    ['B18: an id that is no text', { id: 7, cookie: {} }],
    ['B18: an id that is an object', { id: { toString: 1 }, cookie: {} }],
    ['B18: an empty id', { id: '', cookie: {} }],
    ['B18: an id of 2 KB', { id: 'x'.repeat(2000), cookie: {} }],
    ['B18: the id __proto__', { id: '__proto__', cookie: {} }],
    ['B19: a text', 'text'],
    ['B19: a number', 7],
    ['B19: an array', [1]],
    ['B19: nothing in it', {}],
    ['B19: null', null],
  ]) {
    test(`${name} under the key is Missing data`, LIMIT, async (t) => {
      const f = await shareApp(t, { options: { required: true } });
      const alive = await bystander(f);
      const key = randomUUID();
      f.store.next('get', (_run, answer) => setImmediate(answer, null, structuredClone(value)));
      const error = await f.connect({ key }).catch((refusal) => refusal);
      assert.equal(error.data.code, 'ERR_MISSING_DATA');
      await alive();
    });
  }

  for (const [row, behaviour] of [
    ['B25', 'twice'],
    ['B25', 'twice at once'],
    ['B26', 'throw'],
    ['B23', 'error'],
    ['B23', 'error string'],
    ['C12b', 'enoent'],
  ]) {
    test(`${row}: a store that answers '${behaviour}' settles the connection once`, LIMIT, async (t) => {
      const f = await shareApp(t, { options: { onError() {} } });
      const browser = await f.login();
      const key = await f.keyOf(browser);
      f.store.next('get', behaviour);
      const socket = await f.connect({ key });
      assert.equal(await socket.ask('echo', 1), 1);
      assert.equal(f.seen.size, 1);
    });
  }
});

// A client that speaks the protocol of Socket.IO 2, without its library: that would tidy the query up.
const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

async function open(f, query) {
  const request = http.get(`${f.ioUrl}/socket.io/?EIO=3&transport=websocket&${query}`, { headers: UPGRADE });
  const [{ statusCode }, socket] = await Promise.race([once(request, 'upgrade'), once(request, 'response')]);
  // To be called before the server is closed, which would say goodbye and wait.
  return { statusCode, leave: () => (socket ?? request).destroy() };
}

for (const [name, set] of [
  ['Socket.IO 2', { socketIoVersion: 2 }],
  ['Socket.IO 4 with allowEIO3', { socketIoVersion: 4, ioOptions: { allowEIO3: true } }],
]) {
  describe(`in the query, ${name}`, () => {
    for (const [what, query] of [
      ['nothing', 'key'],
      ['an empty text', 'key='],
      ['two keys', `key=${randomUUID()}&key=`],
      ['an object', `key[a]=${randomUUID()}&key[toString]=1`],
      ['a list', `key[]=${randomUUID()}`],
      ['__proto__', `__proto__=x&__proto__[key]=${randomUUID()}`],
      ['a broken percent-encoding', 'key=%E0%A4%A'],
      ['a NUL', `key=${randomUUID()}%00`],
      ['a uuid in capitals', `key=${randomUUID().toUpperCase()}`],
      ['8 KB', `key=${'x'.repeat(8000)}`],
      ['a thousand parameters', Array.from({ length: 1000 }, (_, n) => `k${n}=1`).join('&')],
    ]) {
      test(`${what} is no key: a stranger, and nothing for the store`, LIMIT, async (t) => {
        const f = await shareApp(t, set);
        const alive = await bystander(f);
        const before = f.seen.size;
        const { statusCode, leave } = await open(f, query);
        assert.equal(statusCode, 101);
        await until(() => f.seen.size > before, 'it has connected').finally(leave);
        const [id, seen] = [...f.seen].at(-1);
        assert.equal(seen.id, id);
        untouched(f);
        await alive();
      });
    }

    test('1 MB is refused by Node.js itself', LIMIT, async (t) => {
      const f = await shareApp(t, set);
      const alive = await bystander(f);
      await open(f, `key=${'x'.repeat(1_000_000)}`).then(
        ({ statusCode, leave }) => {
          leave();
          assert.equal(statusCode, 431);
        },
        // It may be gone before the request is out.
        ({ code }) => assert.match(code, /EPIPE|ECONNRESET/),
      );
      untouched(f);
      await alive();
    });
  });
}

for (const socketIoVersion of [2, 4]) {
  describe(`by __zappa_key, Socket.IO ${socketIoVersion}`, () => {
    test('what is no key answers Missing data, and leaves the socket bound', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion });
      const { socket, sid } = await f.bound();
      f.store.taken();
      for (const [name, key] of Object.entries(MALFORMED)) {
        assert.deepEqual(await socket.ask('__zappa_key', { key }), MISSING_DATA, name);
      }
      untouched(f);
      assert.equal((await socket.ask('read')).id, sid);
    });

    test('B2, B9: what has no key answers Missing key.', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion });
      const { socket, sid } = await f.bound();
      f.store.taken();
      for (const data of [{}, { key: null }, 'abc', 7, true, [1], null, [{ key: randomUUID() }]]) {
        assert.deepEqual(await socket.ask('__zappa_key', data), MISSING_KEY, JSON.stringify(data));
      }
      // The acknowledgement alone.
      assert.deepEqual(await socket.ask('__zappa_key'), MISSING_KEY);
      untouched(f);
      assert.equal((await socket.ask('read')).id, sid);
    });

    test('B11, B12: a good key without an acknowledgement binds nothing', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion });
      const key = await f.keyOf(await f.login());
      const socket = await f.connect();
      f.store.taken();
      for (const more of [[], ['text'], [7], [{}], [null]]) socket.send('__zappa_key', { key }, ...more);
      socket.send('__zappa_key');
      assert.equal(await socket.ask('echo', 1), 1);
      await settle();
      untouched(f);
      assert.equal((await socket.ask('read')).id, socket.id);
    });

    test('B15: a session id, a socket id and a room are no keys', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion });
      const { socket, sid } = await f.bound();
      f.store.taken();
      for (const key of [sid, socket.id, [...(f.io.sockets.adapter.rooms.keys?.() ?? [])].join()]) {
        assert.deepEqual(await socket.ask('__zappa_key', { key }), MISSING_DATA);
      }
      untouched(f);
    });
  });
}
