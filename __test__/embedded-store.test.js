'use strict';

// What an EmbeddedStore does beyond the contract of every store: limits, ends, bad input, threads, its file.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { Worker } = require('node:worker_threads');
const { setTimeout: delay } = require('node:timers/promises');
const session = require('express-session');
const { EmbeddedStore } = require('..');
const { startChild } = require('./support/child.js');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { until } = require('./support/wait.js');

const { Cookie, MemoryStore, Session } = session;

function script(name) {
  return path.join(__dirname, 'support', 'children', name);
}

async function folder(t) {
  const made = await fs.mkdtemp(path.join(os.tmpdir(), 'io-session-'));
  t.after(() => fs.rm(made, { recursive: true, force: true }));
  return made;
}

function open(t, options) {
  const store = new EmbeddedStore(options);
  t.after(() => store.close());
  return store;
}

test('wrong options are refused at once, by name, value and what is expected', () => {
  for (const [options, words] of [
    [null, /takes an object with options, not null/],
    [[], /not an array/],
    ['file', /not "file"/],
    [{ tll: 1 }, /no option 'tll'. There are: name, path, ttl/],
    [{ ttl: 0 }, /'ttl' must be a whole number of ms from 1, not 0/],
    [{ ttl: '1h' }, /'ttl' must be .* not "1h"/],
    [{ maxSessions: 1.5 }, /'maxSessions' must be a whole number from 1, or Infinity, not 1.5/],
    [{ maxBytes: 10 }, /'maxBytes' must be .* not 10/],
    [{ maxSessionBytes: Number.NaN }, /'maxSessionBytes' must be .* not NaN/],
    [{ evict: 1 }, /'evict' must be true or false, not 1/],
    [{ path: '' }, /'path' must be a text of one character at least, none of them zero, not ""/],
    [{ path: 'a\0b' }, /'path' must be a text/],
    [{ name: {} }, /'name' must be a text .*, not an object/],
    [{ sweepInterval: 1 }, /'sweepInterval' must be/],
    [{ flushInterval: 2 ** 31 }, /'flushInterval' must be/],
  ]) {
    assert.throws(() => new EmbeddedStore(options), { name: 'TypeError', message: words });
  }
});

test('without a callback, methods give promises', async (t) => {
  const store = open(t);
  assert.equal(await store.set('a', { cookie: {}, n: 1 }), undefined);
  assert.deepEqual(await store.get('a'), { cookie: {}, n: 1 });
  assert.equal(await store.length(), 1);
  assert.deepEqual(Object.keys(await store.all()), ['a']);
  await store.touch('a', { cookie: { path: '/x' } });
  assert.deepEqual(await store.get('a'), { cookie: { path: '/x' }, n: 1 });
  await store.destroy('a');
  assert.equal(await store.get('a'), undefined);
  await store.clear();
  await assert.rejects(store.set('a', null), TypeError);
});

test('a compareAndSet without the text to write says what it takes, and writes nothing', async (t) => {
  const store = open(t);
  await store.set('a', { cookie: {}, n: 1 });
  const text = JSON.stringify(await store.get('a'));
  for (const [expected, change] of [
    [text, undefined],
    [text, {}],
    [undefined, { text }],
  ]) {
    const message = 'io-session: compareAndSet(sid, expected, { text, renew }) takes two texts of a session.';
    await assert.rejects(store.compareAndSet('a', expected, change), { name: 'TypeError', message });
  }
  assert.deepEqual(await store.get('a'), { cookie: {}, n: 1 });
});

test('bad input has the result that MemoryStore has, or a clear error; the neighbours stay', async (t) => {
  const store = open(t);
  const memory = new MemoryStore();
  await store.set('neighbour', { cookie: {}, fine: true });
  const cycle = { cookie: {} };
  cycle.self = cycle;
  const far = (ms) => ({ cookie: { expires: new Date(ms) } });
  const ids = [
    '',
    'a',
    '__proto__',
    'constructor',
    '\ud800',
    '\udfff',
    '\ud801',
    '\ufffd',
    'a\0b',
    '😀',
    'x'.repeat(100_000),
    'é'.repeat(600),
    5,
    null,
    undefined,
    {},
    true,
    Symbol('s'),
    { toString: 1 },
  ];
  const sessions = [
    { cookie: {}, n: 1 }, {}, { cookie: null }, { cookie: undefined }, { cookie: 5 }, { cookie: 'x' }, { cookie: [] },
    cycle, { cookie: {}, big: 1n }, { toJSON() { throw new Error('toJSON'); } }, { toJSON: () => undefined }, { toJSON: () => 'text' },
    far(0), far(8.64e15), far(-8.64e15), far(Number.NaN), far(253_402_300_800_000), far(-62_167_219_200_001),
    { cookie: { expires: 'nonsense' } }, { cookie: { expires: 'Thu, 01 Jan 2099 00:00:00 GMT' } }, { cookie: { expires: 1 } }, { cookie: { expires: 9e15 } },
    { cookie: { expires: true } }, { cookie: { expires: {} } }, { cookie: { expires: '2099-02-31T00:00:00.000Z' } },
    { cookie: {}, text: '\ud800 \u2028 \0 ’ é' }, { '\ud800': 1, cookie: {} }, JSON.parse('{"__proto__":{"a":1},"cookie":{}}'),
    { cookie: { path: '}"\\' }, a: 1 }, { a: { cookie: 1 }, cookie: { expires: null } },
    null, undefined, 7, 'text', [], [1], () => {},
  ]; // biome-ignore format: a list
  const attempt = (target, method, ...args) =>
    new Promise((resolve) => {
      try {
        target[method](...args, (error, value) => resolve(error ? { error } : { value }));
      } catch (error) {
        resolve({ error });
      }
    });
  let compared = 0;
  for (const id of ids) {
    for (const data of sessions) {
      const set = await attempt(store, 'set', id, data);
      if (set.error) {
        assert.ok(set.error instanceof Error && set.error.message, 'a clear error');
        continue;
      }
      await attempt(memory, 'set', id, data);
      const [ours, theirs] = [await attempt(store, 'get', id), await attempt(memory, 'get', id)];
      assert.deepEqual(
        ours,
        theirs,
        `${String(id?.toString === 1 ? '' : String(id)).slice(0, 20)}: ${JSON.stringify(data)}`,
      );
      compared += 1;
      for (const cookie of [
        new Cookie({ maxAge: 60_000 }),
        new Cookie(),
        { expires: new Date(Date.now() + 1e6), path: '/' },
      ]) {
        await attempt(store, 'touch', id, { cookie });
        await attempt(memory, 'touch', id, { cookie });
        const [after, expected] = [await attempt(store, 'get', id), await attempt(memory, 'get', id)];
        assert.deepEqual(after, expected);
      }
      await attempt(store, 'destroy', id);
      await attempt(memory, 'destroy', id);
      assert.equal((await attempt(store, 'get', id)).value, undefined);
    }
  }
  assert.ok(compared > 300, `${compared}`);
  assert.deepEqual(await store.get('neighbour'), { cookie: {}, fine: true });
  assert.equal(await store.length(), 1);
});

test('ids that differ in a lone surrogate alone are two, and all() gives them back', async (t) => {
  const store = open(t);
  const ids = ['\ud800', '\ud801', '\ufffd', 'a\udfff', '😀', '__proto__'];
  for (const id of ids) await store.set(id, { cookie: {}, id });
  for (const id of ids) assert.equal((await store.get(id)).id, id);
  assert.deepEqual(Object.keys(await store.all()).sort(), ids.sort());
});

test('touch writes the cookie as express-session spells it, whatever it changes', async (t) => {
  const store = open(t);
  const cookies = [
    { maxAge: 60_000 }, { maxAge: 5 * 60_000 }, {}, { maxAge: 60_000, secure: true, sameSite: 'lax' }, { maxAge: 60_000, domain: 'a"b\\c', path: '/{}' },
    { maxAge: 60_000, priority: 'high', partitioned: true }, { maxAge: 1.5 }, { maxAge: 1e15 }, { maxAge: 60_000, sameSite: true }, { maxAge: 60_000, httpOnly: false },
  ]; // biome-ignore format: a list
  const own = new Session({ sessionID: 'a' }, { cookie: new Cookie(), n: 1 });
  await store.set('a', own);
  for (const options of [...cookies, ...cookies]) {
    const touched = { cookie: new Cookie(options) };
    await store.touch('a', touched);
    const stored = await store.get('a');
    if (options.maxAge === 1.5) {
      // It has ended by now, or ends at once.
      await store.set('a', own);
      continue;
    }
    assert.equal(JSON.stringify(stored), JSON.stringify({ ...touched, n: 1 }));
  }
});

test('set writes a session as JSON has it, whatever it and its cookie are', async (t) => {
  const store = open(t);
  class Own extends Cookie {
    toJSON() {
      return { own: true };
    }
  }
  const dated = () => new Cookie({ maxAge: 60_000 });
  const made = (data) => new Session({ sessionID: 'a' }, data);
  const inherited = Object.create({ cookie: dated(), a: 1 });
  const hidden = Object.defineProperty(made({ cookie: dated() }), 'hidden', { value: 1 });
  const accessor = Object.defineProperty(made({ cookie: dated() }), 'at', {
    enumerable: true,
    get: () => new Date(0),
  });
  const spelt = Object.assign(dated(), { toJSON: () => ({ of: 'its own' }) });
  const sessions = [
    made({ cookie: dated(), user: { name: 'é ’ 😀' }, list: [1, [2]] }), made({ cookie: dated() }), made({ cookie: new Cookie(), n: 1 }),
    made({ cookie: dated(), left: undefined, out: () => {}, [Symbol('s')]: 1 }), made({ cookie: dated(), 7: 'first' }), made({ n: 1, cookie: dated() }),
    made({ cookie: new Own({ maxAge: 60_000 }), n: 1 }), made({ cookie: spelt, n: 1 }), made({ cookie: { plain: true }, n: 1 }), made({ cookie: dated(), cart: { cookie: dated() } }),
    made({ cookie: dated(), toJSON: () => ({ cookie: {}, other: 1 }) }), made({ cookie: dated(), toJSON: 'a text' }), { cookie: dated(), plain: 1 },
    Object.assign(Object.create(null), { cookie: dated(), bare: 1 }), inherited, hidden, accessor, JSON.parse('{"cookie":{},"__proto__":{"a":1}}'),
    new Proxy(made({ cookie: dated(), proxied: 1 }), {}), made({ cookie: dated(), '__proto__x': 1, '"': '\\', at: new Date(0) }), [dated()],
    Object.assign([], { cookie: dated() }), Object.assign(new Number(5), { cookie: dated() }), made({ cookie: new Cookie({ maxAge: 60_000, path: '/"{}\\', sameSite: 'lax' }), n: 1 }),
  ]; // biome-ignore format: a list
  for (const [number, data] of sessions.entries()) {
    const text = JSON.stringify(data);
    if (!text.startsWith('{')) {
      await assert.rejects(store.set('a', data), TypeError);
      continue;
    }
    await store.set('a', data);
    assert.equal(JSON.stringify(await store.get('a')), text, `${number}`);
  }
});

test('a touched session has its new cookie for everybody who reads it, and in the file', async (t) => {
  const file = path.join(await folder(t), 'sessions');
  const store = new EmbeddedStore({ path: file });
  const made = (maxAge, n) => new Session({ sessionID: 'a' }, { cookie: new Cookie({ maxAge }), n });
  const ids = ['read', 'listed', 'written again', 'kept', 'after a restart'];
  for (const id of ids) await store.set(id, made(60_000, 1));
  const touched = made(70_000, 2);
  for (const id of ids) await store.touch(id, touched);
  const expected = { cookie: JSON.parse(JSON.stringify(touched.cookie)), n: 1 };
  assert.deepEqual(await store.get('read'), expected);
  assert.deepEqual((await store.all()).listed, expected);
  const written = made(50_000, 3);
  await store.set('written again', written);
  assert.equal(JSON.stringify(await store.get('written again')), JSON.stringify(written));
  await store.close();
  const again = open(t, { path: file });
  assert.deepEqual(await again.get('after a restart'), expected);
  assert.equal(JSON.stringify(await again.get('written again')), JSON.stringify(written));
});

test('a session comes back as it was, whatever characters it has', async (t) => {
  const store = open(t);
  const characters = [
    '’',
    '😀',
    'é',
    'é’',
    '\u2028',
    '\ufeff',
    '\ud800',
    '\\u2019',
    '\\’',
    '"’"',
    '\0’',
    'Ж'.repeat(300),
  ];
  for (const character of characters) {
    for (const length of [0, 1, 31, 32, 127, 128, 129, 2000]) {
      const data = {
        cookie: {},
        [character]: character,
        text: `${'x'.repeat(length)}${character}${'y'.repeat(length)}`,
      };
      await store.set('a', data);
      assert.deepEqual(await store.get('a'), data);
    }
  }
});

test('a session ends with its cookie or its ttl, and is swept by the background task', LIMIT, async (t) => {
  const store = open(t, { ttl: 50, sweepInterval: 20 });
  await store.set('dated', { cookie: { expires: new Date(Date.now() + 50) } });
  await store.set('open', { cookie: {} });
  await store.set('long', { cookie: { expires: new Date(Date.now() + 60_000) } });
  await until(() => store.stats().sessions === 1, 'two are swept');
  assert.equal(store.stats().expired, 2);
  assert.equal(await store.get('open'), undefined);
  assert.ok(await store.get('long'));
});

test('at the limit, what has ended goes first, then the least recently used', LIMIT, async (t) => {
  const store = open(t, { maxSessions: 3 });
  const data = (ms) => ({ cookie: { expires: new Date(Date.now() + ms) } });
  await store.set('a', data(60_000));
  const short = data(30);
  await store.set('b', short);
  await store.set('c', data(60_000));
  await until(() => Date.now() > short.cookie.expires.getTime() + 50, 'b has ended');
  await store.set('d', data(60_000));
  assert.deepEqual(Object.keys(await store.all()).sort(), ['a', 'c', 'd']);
  await store.get('a');
  await store.set('e', data(60_000));
  assert.deepEqual(Object.keys(await store.all()).sort(), ['a', 'd', 'e']);
  assert.equal(store.stats().evicted, 1);
});

test('with evict: false, what does not fit is refused, and what is there can be written', async (t) => {
  const store = open(t, { maxSessions: 1, evict: false });
  await store.set('a', { cookie: {} });
  await assert.rejects(store.set('b', { cookie: {} }), { code: 'ERR_STORE_FULL' });
  await store.set('a', { cookie: {}, more: true });
  assert.equal(store.stats().refused, 1);
  await store.destroy('a');
  await store.set('b', { cookie: {} });
});

test('a session that is too large is refused, and the old one kept', async (t) => {
  const store = open(t, { maxSessionBytes: 100 });
  await store.set('a', { cookie: {}, n: 1 });
  await assert.rejects(store.set('a', { cookie: {}, pad: 'x'.repeat(100) }), {
    code: 'ERR_SESSION_TOO_LARGE',
    message: /1\d\d bytes/,
  });
  assert.equal((await store.get('a')).n, 1);
});

test('maxBytes holds', async (t) => {
  const store = open(t, { maxBytes: 100_000 });
  for (let n = 0; n < 1000; n += 1) await store.set(`s${n}`, { cookie: {}, pad: 'x'.repeat(500) });
  const { bytes, sessions, evicted } = store.stats();
  assert.ok(bytes <= 100_000 && bytes > 98_000, `${bytes}`);
  assert.equal(sessions + evicted, 1000);
  assert.ok(await store.get('s999'));
});

test('a closed store says so, tells express-session, and closing twice does nothing', async () => {
  const store = new EmbeddedStore();
  const gone = once(store, 'disconnect');
  await store.close();
  await gone;
  await store.close();
  for (const method of ['get', 'destroy'])
    await assert.rejects(store[method]('a'), { code: 'ERR_STORE_CLOSED' });
  for (const method of ['set', 'touch'])
    await assert.rejects(store[method]('a', { cookie: {} }), { code: 'ERR_STORE_CLOSED' });
  for (const method of ['all', 'length', 'clear'])
    await assert.rejects(store[method](), { code: 'ERR_STORE_CLOSED' });
  assert.throws(() => store.stats(), { code: 'ERR_STORE_CLOSED' });
});

test('stores are apart, unless they have one name', async (t) => {
  const [one, two] = [open(t), open(t)];
  await one.set('a', { cookie: {} });
  assert.equal(await two.get('a'), undefined);
  const [three, four] = [open(t, { name: 'shared' }), open(t, { name: 'shared' })];
  await three.set('a', { cookie: {}, n: 1 });
  assert.equal((await four.get('a')).n, 1);
  assert.throws(() => new EmbeddedStore({ name: 'shared', ttl: 1 }), {
    name: 'TypeError',
    message: /other options/,
  });
});

test('changes of many worker threads to one session are all kept', LIMIT, async (t) => {
  const options = { name: 'race' };
  const store = open(t, options);
  await store.set('shared', { cookie: { originalMaxAge: null, expires: null }, fields: {}, last: {} });
  const turns = 150;
  const workers = [0, 1, 2, 3].map(
    (number) => new Worker(script('embedded-worker.js'), { workerData: { options, number, turns } }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'exit').then(([code]) => assert.equal(code, 0))));
  assert.equal(Object.keys((await store.get('shared')).fields).length, 4 * turns);
});

test('an HTTP request and handlers that change different fields at once lose nothing', LIMIT, async (t) => {
  const { bound, store } = await fixture(t, { store: open(t) });
  const { browser, socket, sid } = await bound();
  const writes = [];
  for (let n = 0; n < 40; n += 1) {
    writes.push(socket.ask('write', { [`socket${n}`]: n }));
    writes.push(browser.copy().request(`/write?json=${encodeURIComponent(`{"http${n}":1}`)}`));
  }
  await Promise.all(writes);
  const kept = async () =>
    Object.keys(await store.get(sid)).filter((name) => /^(http|socket)\d/.test(name)).length;
  await until(async () => (await kept()) === 80, 'all are kept');
  await browser.request('/logout');
  await socket.ask('write', { late: true });
  assert.equal(await store.get(sid), undefined);
  assert.equal((await socket.ask('read', {})).bound, undefined);
});

test('a session destroyed while its handler runs stays so', LIMIT, async (t) => {
  const { bound, store } = await fixture(t, {
    store: open(t),
    app(context) {
      context.on('slow', async function (_data, ack) {
        await until(async () => (await store.get(this.session.id)) === undefined, 'logged out');
        const late = this.session.user;
        this.session.late = true;
        ack({ late: late ?? null });
      });
    },
  });
  const { browser, socket, sid } = await bound();
  const answer = socket.ask('slow', { sid });
  await browser.request('/logout');
  await answer;
  await delay(20);
  assert.equal(await store.get(sid), undefined);
});

test('compareAndSet writes where the expected text is stored, and nowhere else', LIMIT, async (t) => {
  const store = open(t, { maxSessionBytes: 1000 });
  const change = (data, renew = false) => ({ text: JSON.stringify(data), session: data, renew });
  const [first, mine, theirs] = [1, 2, 3].map((n) => ({ cookie: { path: '/' }, n, text: 'é’😀' }));
  assert.equal(await store.compareAndSet('sid', '{}', change(mine)), null);
  assert.equal(await store.get('sid'), undefined);
  await store.set('sid', first);
  assert.equal(await store.compareAndSet('sid', JSON.stringify(first), change(theirs)), true);
  const stored = await store.compareAndSet('sid', JSON.stringify(first), change(mine));
  assert.equal(stored, JSON.stringify(theirs));
  assert.deepEqual(await store.get('sid'), theirs);
  const byCallback = (...args) =>
    new Promise((resolve) => store.compareAndSet(...args, (error, outcome) => resolve([error, outcome])));
  assert.deepEqual(await byCallback('sid', stored, change(mine)), [null, true]);
  const large = change({ ...mine, pad: 'x'.repeat(1000) });
  const [error] = await byCallback('sid', JSON.stringify(mine), large);
  assert.equal(error.code, 'ERR_SESSION_TOO_LARGE');
  assert.match(error.message, /has 1\d\d\d bytes/);
  assert.deepEqual(await store.get('sid'), mine);
  await store.close();
  await assert.rejects(store.compareAndSet('sid', '{}', change(mine)), { code: 'ERR_STORE_CLOSED' });
});

test(
  'compareAndSet leaves the end of a session as it is, unless the cookie has another or it renews',
  LIMIT,
  async (t) => {
    const store = open(t, { ttl: 60_000 });
    const ended = { cookie: { expires: 'Thu, 01 Jan 1970 00:00:00 GMT' } };
    const lasting = { cookie: { expires: null } };
    const write = async (expected, data, renew) => {
      const change = { text: JSON.stringify(data), session: data, renew };
      assert.equal(await store.compareAndSet('sid', JSON.stringify(expected), change), true);
      return (await store.get('sid')) !== undefined;
    };
    await store.set('sid', lasting);
    assert.equal(await write(lasting, { ...lasting, n: 1 }, false), true);
    assert.equal(await write({ ...lasting, n: 1 }, { ...lasting, n: 2 }, true), true);
    assert.equal(await write({ ...lasting, n: 2 }, ended, false), false);
  },
);

test('sessions are there after a restart', LIMIT, async (t) => {
  const file = path.join(await folder(t), 'sessions');
  const store = new EmbeddedStore({ path: file });
  await store.set('a', { cookie: {}, text: 'é’😀' });
  await store.set('\ud800', { cookie: {}, n: 1 });
  await store.flush();
  await store.destroy('a');
  await store.set('b', { cookie: {}, n: 2 });
  await store.close();
  // Windows has no such modes.
  if (process.platform !== 'win32') assert.equal((await fs.stat(file)).mode & 0o777, 0o600);
  const again = open(t, { path: file });
  assert.equal(await again.length(), 2);
  assert.equal((await again.get('\ud800')).n, 1);
  assert.equal((await again.get('b')).n, 2);
});

test(
  'a store that is opened again while it closes is the same one, and nothing is lost',
  LIMIT,
  async (t) => {
    const options = { path: path.join(await folder(t), 'sessions'), flushInterval: 60_000 };
    let store = new EmbeddedStore(options);
    const fill = async (round) => {
      for (let at = 0; at < 2000; at += 1) await store.set(`sid ${at}`, { cookie: {}, round });
    };
    for (let round = 0; round < 10; round += 1) {
      await fill(round);
      const closing = store.close();
      if (round === 0) {
        assert.throws(() => new EmbeddedStore({ ...options, ttl: 7 }), /is open with other options/);
      }
      // Sooner or later in its closing.
      for (let turn = 0; turn < round * 10; turn += 1) await new Promise(setImmediate);
      store = new EmbeddedStore(options);
      assert.equal(await store.length(), 2000);
      assert.equal((await store.get('sid 1999')).round, round);
      await store.set('later', { cookie: {}, round });
      await closing;
      assert.equal((await store.get('later')).round, round);
      await store.destroy('later');
    }
    await store.close();
    const again = open(t, options);
    assert.equal(await again.length(), 2000);
    assert.equal((await again.get('sid 0')).round, 9);
  },
);

test('a store that is being closed says so to every later call', LIMIT, async (t) => {
  const store = new EmbeddedStore({ path: path.join(await folder(t), 'sessions'), flushInterval: 60_000 });
  for (let at = 0; at < 5_000; at += 1) await store.set(`sid ${at}`, { cookie: {}, pad: 'x'.repeat(500) });
  let isClosed = false;
  const closing = store.close().then(() => {
    isClosed = true;
  });
  let calls = 0;
  while (!isClosed) {
    for (const method of ['get', 'destroy']) {
      await assert.rejects(store[method]('sid 1'), { code: 'ERR_STORE_CLOSED' });
    }
    await assert.rejects(store.set('sid 1', { cookie: {} }), { code: 'ERR_STORE_CLOSED' });
    await assert.rejects(store.flush(), { code: 'ERR_STORE_CLOSED' });
    assert.throws(() => store.stats(), { code: 'ERR_STORE_CLOSED' });
    await store.close();
    await new Promise(setImmediate);
    calls += 1;
  }
  await closing;
  assert.ok(calls > 0);
});

test('other stores are opened, closed and collected while one is written', LIMIT, async (t) => {
  const place = await folder(t);
  const store = open(t, { path: path.join(place, 'sessions'), flushInterval: 60_000 });
  for (let at = 0; at < 30_000; at += 1) await store.set(`sid ${at}`, { cookie: {}, pad: 'x'.repeat(500) });
  const order = [];
  const closing = store.close().then(() => order.push('written'));
  const others = async () => {
    await new EmbeddedStore({ name: 'another' }).close();
    new EmbeddedStore();
    await new EmbeddedStore({ path: path.join(place, 'other') }).close();
    order.push('others');
  };
  await Promise.all([closing, others()]);
  assert.deepEqual(order, ['others', 'written']);
});

test('a process that ends while its store closes has written everything', LIMIT, async (t) => {
  const file = path.join(await folder(t), 'sessions');
  const code = `
    const { EmbeddedStore } = require(${JSON.stringify(path.join(__dirname, '..'))});
    const store = new EmbeddedStore({ path: ${JSON.stringify(file)}, flushInterval: 60_000 });
    for (let at = 0; at < 5000; at += 1) store.set('sid ' + at, { cookie: {}, pad: 'x'.repeat(500) });
    store.close();
    process.exit(7);`;
  const child = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8' });
  assert.deepEqual([child.status, child.stderr], [7, '']);
  assert.equal(await open(t, { path: file }).length(), 5000);
});

test(
  'a worker thread may be the first to open a file, and its store is the one of all threads',
  LIMIT,
  async (t) => {
    const file = path.join(await folder(t), 'sessions');
    const code = `
    const { EmbeddedStore } = require(${JSON.stringify(path.join(__dirname, '..'))});
    new EmbeddedStore({ path: ${JSON.stringify(file)} }).set('sid', { cookie: {}, n: 7 })
      .then(() => require('node:worker_threads').parentPort.postMessage('set'));`;
    await once(new Worker(code, { eval: true }), 'message');
    assert.equal((await open(t, { path: file }).get('sid')).n, 7);
  },
);

test('a process that just ends has written everything, and ends at once', LIMIT, async (t) => {
  const file = path.join(await folder(t), 'sessions');
  const began = Date.now();
  const child = startChild(t, script('embedded-open.js'), {
    options: { path: file, flushInterval: 60_000, sweepInterval: 60_000 },
    set: 'a',
  });
  assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr);
  assert.ok(Date.now() - began < 20_000);
  assert.deepEqual(await open(t, { path: file }).get('a'), { cookie: {}, set: true });
});

test('a second process on the same path gets a clear error', LIMIT, async (t) => {
  const file = path.join(await folder(t), 'sessions');
  open(t, { path: file });
  const child = startChild(t, script('embedded-open.js'), { options: { path: file } });
  const { code, message } = await child.message('failed');
  assert.equal(code, 'ERR_STORE_PATH_IN_USE');
  assert.match(message, /in use: .*sessions/);
});

test('a damaged or foreign file, or none that can be, gives a clear error and stays as it was', async (t) => {
  const place = await folder(t);
  const file = path.join(place, 'sessions');
  for (const bytes of [Buffer.from('{"a":1}'), Buffer.alloc(0), Buffer.alloc(50_000, 'redb')]) {
    await fs.writeFile(file, bytes);
    assert.throws(() => new EmbeddedStore({ path: file }), {
      code: 'ERR_STORE_DAMAGED',
      message: /sessions/,
    });
    assert.deepEqual(await fs.readFile(file), bytes);
  }
  assert.throws(() => new EmbeddedStore({ path: place }), { code: 'ERR_STORE_FAILED' });
  assert.throws(() => new EmbeddedStore({ path: path.join(place, 'no', 'folder') }), {
    code: 'ERR_STORE_FAILED',
  });
  assert.deepEqual(await fs.readdir(place), ['sessions']);
});

// What a child has written that has to be in the file: before the flush before the last one that it has told of, since the
// last one began after that; and what it has had flushed itself.
function safelyWritten(messages) {
  const wrote = messages.filter(({ type }) => type === 'wrote');
  const { flushes } = wrote.at(-1) ?? { flushes: 0 };
  const before = wrote.filter((message) => message.flushes <= flushes - 2);
  const flushed = messages.filter(({ type }) => type === 'flushed');
  return Math.max(0, ...[...before, ...flushed].map(({ number }) => number));
}

test('killed at any moment, 50 times, it reopens with all that was written before the flush before last', {
  timeout: 180_000,
}, async (t) => {
  const file = path.join(await folder(t), 'sessions');
  const sessions = 500;
  let reached = 0;
  for (let round = 0; round < 50; round += 1) {
    const asks = round % 2 === 1;
    const child = startChild(t, script('embedded-writer.js'), {
      asks,
      path: file,
      flushInterval: 50,
      sessions,
    });
    const { found } = await child.message('ready');
    assert.ok(found >= reached, `round ${round}: ${found} of ${reached}`);
    // Of its own accord, where nobody asks for it: 40 times as late, it would take twelve seconds to be so six times.
    const told = (flushes) => child.messages.some((message) => message.flushes >= flushes);
    if (!asks) await until(() => told(6), 'the background task writes', 10_000);
    await delay((round * 137) % 200);
    child.process.kill('SIGKILL');
    await child.exit;
    const safe = safelyWritten(child.messages);
    assert.ok(asks || safe > found, `round ${round}: ${safe} after ${found}`);
    reached = Math.max(found, safe);
  }
  const store = open(t, { path: file });
  const all = Object.entries(await store.all());
  assert.ok(all.length > sessions / 2, `${all.length}`);
  assert.ok(Math.max(...all.map(([, { n }]) => n)) >= reached);
  for (const [id, { n, pad }] of all) {
    assert.equal(id, `s${n % sessions}`);
    assert.equal(pad, String(n).repeat(40));
  }
});

test('a disk that was full and has space again is written to, and nothing is lost', {
  ...LIMIT,
  skip: process.platform !== 'linux' && 'only Linux limits a process that is running',
}, async (t) => {
  const file = path.join(await folder(t), 'sessions');
  const sessions = 500;
  const child = startChild(t, script('embedded-full.js'), { path: file, sessions });
  const { refused, failure, later } = await child.message('written');
  assert.equal(refused, 'ERR_STORE_FAILED');
  assert.match(failure, /File too large/);
  assert.equal(later, undefined);
  await child.exit;
  assert.equal(await open(t, { path: file }).length(), sessions);
});

test('what is left open holds no process, whatever its intervals', LIMIT, async (t) => {
  const child = startChild(t, script('embedded-open.js'), { options: { sweepInterval: 10 } });
  assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr);
});
