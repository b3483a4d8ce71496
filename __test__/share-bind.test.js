'use strict';

// shareSession: the three ways for a socket to be bound to the session of its browser, and all that binds it to none.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { sign } = require('cookie-signature');
const { sessionRoom } = require('..');
const { debugLines } = require('./support/debug-lines.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { look, shareApp } = require('./support/share-app.js');
const { SECRET } = require('./support/share-fixture.js');
const { keyPath, share } = require('./support/socket-client.js');
const { settle, until } = require('./support/wait.js');

const COOKIE = { name: 'connect.sid', secret: SECRET };
const VERSIONS = [
  { expressVersion: 4, socketIoVersion: 2 },
  { expressVersion: 5, socketIoVersion: 2 },
  { expressVersion: 4, socketIoVersion: 4 },
  { expressVersion: 5, socketIoVersion: 4 },
  { expressVersion: 5, socketIoVersion: 4, clientVersion: 2, ioOptions: { allowEIO3: true } },
];

function named({ expressVersion, socketIoVersion, clientVersion }) {
  const client = clientVersion ? ` for a client of Socket.IO ${clientVersion}` : '';
  return `Express ${expressVersion}, Socket.IO ${socketIoVersion}${client}`;
}

const signed = (sid, secret = SECRET) => encodeURIComponent(`s:${sign(sid, secret)}`);
const cookieOf = (browser) => `connect.sid=${browser.cookies.get('connect.sid')}`;

async function isBound(f, socket, sid) {
  const { id, user } = await socket.ask('read');
  assert.deepEqual([id, user], [sid, 'ann']);
  assert.deepEqual(
    f.sharing.socketsOf(sid).map((one) => one.id),
    [socket.id],
  );
}

// A stranger's session is its own, and empty.
async function isStranger(f, socket) {
  assert.equal(f.seen.get(socket.id).user, undefined);
  assert.equal((await socket.ask('read')).id, socket.id);
  assert.equal(f.sharing.stats().sockets, 0);
}

// A store that takes the time to live from the cookie, in the ways that express-session's has for it.
class DatedStore extends HostileStore {
  set(sid, record, callback) {
    const { cookie } = record;
    try {
      assert.equal(cookie.expires.getTime(), new Date(cookie.toJSON().expires).getTime());
      assert.ok(cookie.maxAge > 0 && cookie.maxAge <= cookie.originalMaxAge);
      assert.ok(cookie.data.expires instanceof Date);
    } catch (error) {
      callback(error);
      return;
    }
    super.set(sid, record, callback);
  }
}

test('a store is given a cookie of express-session with a key, too', LIMIT, async (t) => {
  const f = await shareApp(t, {
    store: new DatedStore(),
    sessionOptions: { cookie: { maxAge: 60_000 } },
  });
  const { socket, sid } = await f.bound();
  await isBound(f, socket, sid);
});

// The same connection at an app that goes on without a session, and at one that wants one.
function eachWay(name, set, code, connect) {
  test(`${name}: the connection goes on as a stranger's`, LIMIT, async (t) => {
    const f = await shareApp(t, set);
    await isStranger(f, await f.connect(await connect(f)));
  });

  refusedIfRequired(name, set, code, connect);
}

function refusedIfRequired(name, set, code, connect) {
  test(`${name}, required: a connect_error with ${code}`, LIMIT, async (t) => {
    const f = await shareApp(t, { ...set, options: { ...set.options, required: true } });
    const error = await f.connect(await connect(f)).then(
      () => assert.fail('it has connected'),
      (refusal) => refusal,
    );
    assert.equal(error.data.code, code);
    assert.equal(error.data.message, error.message);
    assert.equal(f.seen.size, 0, 'the app has seen it connect');
  });
}

for (const versions of VERSIONS) {
  const on = named(versions);

  test(`the key comes with the connection: the session is there in 'connection', ${on}`, LIMIT, async (t) => {
    const f = await shareApp(t, versions);
    const { socket, sid } = await f.bound();
    const { id, user } = f.seen.get(socket.id);
    assert.deepEqual([id, user], [sid, 'ann']);
    await isBound(f, socket, sid);
  });

  test(
    `the cookie comes with the connection: the session is there in 'connection', ${on}`,
    LIMIT,
    async (t) => {
      const f = await shareApp(t, { ...versions, options: { cookie: COOKIE } });
      const browser = await f.login();
      const socket = await f.connect({ cookie: cookieOf(browser) });
      assert.equal(f.seen.get(socket.id).user, 'ann');
      await isBound(f, socket, browser.sid);
    },
  );

  test(`the key comes later, by __zappa_key: the session is there from then on, ${on}`, LIMIT, async (t) => {
    const f = await shareApp(t, versions);
    const browser = await f.login();
    const socket = await f.connect();
    await isStranger(f, socket);
    const { key, ack } = await share(browser, socket);
    assert.deepEqual(ack, { key });
    await isBound(f, socket, browser.sid);
  });

  test(`middlewares behind it have the session, and what they write is saved, ${on}`, LIMIT, async (t) => {
    const met = [];
    const f = await shareApp(t, {
      ...versions,
      app({ io }) {
        io.use((socket, next) => {
          met.push(look(socket));
          socket.session.met = true;
          next();
        });
        io.on('connection', ({ session }) => {
          session.connected = session.met;
        });
      },
    });
    const { browser, socket, sid } = await f.bound();
    assert.deepEqual([met[0].id, met[0].user], [sid, 'ann']);
    await until(async () => (await browser.json('/read')).body.connected, 'what they wrote is saved');
    assert.equal((await socket.ask('read')).met, true);
  });

  test(
    `required: a good key connects, none is a connect_error with ERR_MISSING_KEY, ${on}`,
    LIMIT,
    async (t) => {
      const f = await shareApp(t, { ...versions, options: { required: true } });
      const { socket, sid } = await f.bound();
      await isBound(f, socket, sid);
      const error = await f.connect().then(
        () => assert.fail('it has connected'),
        (refusal) => refusal,
      );
      // A client of Socket.IO 2 is told the data alone.
      assert.deepEqual(error.data ?? error, { code: 'ERR_MISSING_KEY', message: 'Missing key.' });
    },
  );
}

test('a namespace of Socket.IO 2 takes its key in a query of its own', LIMIT, async (t) => {
  const f = await shareApp(t, { socketIoVersion: 2, namespaces: ['/admin'] });
  const browser = await f.login();
  const key = await f.keyOf(browser);
  const socket = await f.connect({ namespace: `/admin?key=${key}` });
  assert.equal(f.seen.get(socket.id).user, 'ann');
});

test(
  'a client of Socket.IO 4 does not give its key in the query, where logs would keep it',
  LIMIT,
  async (t) => {
    const f = await shareApp(t);
    const key = await f.keyOf(await f.login());
    await isStranger(f, await f.connect({ query: { key } }));
  },
);

// What is wrong with a key, apart from its form (share-input.test.js).
const WRONG = {
  'an unknown key': async () => randomUUID(),
  'a key whose record has gone from the store': async (f) => {
    const key = await f.keyOf(await f.login());
    f.store.remove(key);
    return key;
  },
  'an expired key': async (f) => {
    const key = await f.keyOf(await f.login());
    const record = f.store.read(key);
    record.cookie.expires = new Date(Date.now() - 1000).toISOString();
    // What is remembered of a fresh key for five seconds is not this test's matter.
    const other = randomUUID();
    f.store.plant(other, record);
    return other;
  },
  'a key whose session was logged out': async (f) => {
    const browser = await f.login();
    const key = await f.keyOf(browser);
    await browser.request('/logout');
    return key;
  },
  'a key from before regenerate': async (f) => {
    const browser = await f.login();
    const key = await f.keyOf(browser);
    await browser.request('/regenerate');
    return key;
  },
  'a key whose session has expired': async (f) => {
    const browser = await f.login();
    const key = await f.keyOf(browser);
    f.store.remove(browser.sid);
    return key;
  },
  'a key of another channel': async (f) => f.keyOf(await f.login(), { channel: 'elsewhere' }),
  'a session id in the place of a key': async (f) => (await f.login()).sid,
};

for (const [name, make] of Object.entries(WRONG)) {
  eachWay(name, {}, 'ERR_MISSING_DATA', async (f) => ({ key: await make(f) }));
}

for (const [name, other] of [
  ['another app', {}],
  ['an app at another prefix', { prefix: '/other' }],
  ['an app with another channel', { channel: 'other' }],
]) {
  test(`a key of ${name}, with a store of its own, binds nothing`, LIMIT, async (t) => {
    const [ours, theirs] = [await shareApp(t), await shareApp(t, { options: other })];
    const key = await theirs.keyOf(await theirs.login(), other);
    await isStranger(ours, await ours.connect({ key }));
    await isBound(
      theirs,
      await theirs.connect({ key }),
      theirs.store.ids().find((id) => id !== key),
    );
  });
}

test('the key route is at the prefix and nowhere else', LIMIT, async (t) => {
  const f = await shareApp(t, { options: { prefix: '/my.app/live' } });
  const browser = await f.login();
  assert.equal((await browser.request(keyPath('x'))).status, 404);
  assert.equal((await browser.request(keyPath('x', { prefix: '/myXapp/live' }))).status, 404);
  const socket = await f.connect({ key: await f.keyOf(browser, { prefix: '/my.app/live' }) });
  await isBound(f, socket, browser.sid);
});

test('two apps with one store are told apart by their channels', LIMIT, async (t) => {
  const store = new HostileStore();
  const ours = await shareApp(t, { store, options: { channel: 'ours' } });
  const theirs = await shareApp(t, { store, options: { channel: 'theirs' } });
  const key = await theirs.keyOf(await theirs.login(), { channel: 'theirs' });
  await isStranger(ours, await ours.connect({ key }));
});

test('a one-time key binds the first connection, and not the second', LIMIT, async (t) => {
  const f = await shareApp(t, { options: { oneTimeKeys: true } });
  const { key, socket, sid } = await f.bound();
  const second = await f.connect({ key });
  assert.equal((await second.ask('read')).id, second.id);
  await isBound(f, socket, sid);
});

test('a key whose session is logged out while it is being looked up binds nothing', LIMIT, async (t) => {
  const f = await shareApp(t);
  const browser = await f.login();
  const key = await f.keyOf(browser);
  const hold = f.store.holdAnswer('get', (sid) => sid === browser.sid);
  const connecting = f.connect({ key });
  await hold.reached;
  await browser.request('/logout');
  hold.release();
  await isStranger(f, await connecting);
});

const PRESENTED = {
  'with the connection': (f, key) => f.connect({ key }),
  'by __zappa_key': async (f, key) => {
    const socket = await f.connect();
    await socket.ask('__zappa_key', { key });
    return socket;
  },
};

for (const [how, present] of Object.entries(PRESENTED)) {
  test(
    `a key that comes ${how} while the store works on a logout binds nobody for longer than that`,
    LIMIT,
    async (t) => {
      const f = await shareApp(t);
      const browser = await f.login();
      const { sid } = browser;
      const key = await f.keyOf(browser);
      // The key's record goes with the session, and is there as long.
      const holds = [sid, key].map((one) => f.store.hold('destroy', (id) => id === one));
      const logout = browser.request('/logout');
      for (const { reached } of holds) await reached;
      const socket = await present(f, key);
      const told = socket.collect('session:end');
      const wasBound = f.sharing.socketsOf(sid).length > 0;
      for (const { release } of holds) release();
      await logout;
      assert.deepEqual(f.sharing.socketsOf(sid), []);
      const { id, user } = await socket.ask('read');
      assert.deepEqual([id, user], [socket.id, undefined]);
      // Who was not refused is told.
      if (wasBound) await until(() => told.length > 0, 'its client is told');
      assert.deepEqual(told, wasBound ? [{ reason: 'destroy' }] : []);
    },
  );
}

test('a second key binds the socket to its session, and no longer to the first', LIMIT, async (t) => {
  const f = await shareApp(t);
  const { socket, sid } = await f.bound();
  const browser = await f.login('ben');
  await share(browser, socket);
  assert.equal((await socket.ask('read')).user, 'ben');
  assert.deepEqual(f.sharing.socketsOf(sid), []);
  const heard = socket.collect('news');
  f.sharing.to(sid).emit('news', 'for ann');
  f.sharing.to(browser.sid).emit('news', 'for ben');
  await socket.ask('read');
  assert.deepEqual(heard, ['for ben']);
});

test('a socket that leaves while its key is looked up is bound to nothing', LIMIT, async (t) => {
  const f = await shareApp(t);
  const browser = await f.login();
  const key = await f.keyOf(browser);
  const slow = f.store.hold('get', (id) => id === browser.sid);
  // Its client hears of nothing any more.
  f.connect({ key }).catch(() => {});
  await slow.reached;
  for (const client of Object.values(f.io.engine.clients)) client.close();
  await until(() => f.io.engine.clientsCount === 0, 'it has left');
  slow.release();
  await settle();
  assert.equal(f.sharing.stats().sockets, 0);
  assert.deepEqual(f.sharing.socketsOf(browser.sid), []);
  assert.equal(f.io.of('/').adapter.rooms.get(sessionRoom(browser.sid)), undefined);
});

test('a socket that is refused by a middleware behind ours is bound to nothing', LIMIT, async (t) => {
  for (const socketIoVersion of [2, 4]) {
    const f = await shareApp(t, {
      socketIoVersion,
      app: ({ io }) => io.use((_socket, next) => next(new Error('not today'))),
    });
    const browser = await f.login();
    const refusal = await f.connect({ key: await f.keyOf(browser) }).catch((error) => error.message ?? error);
    assert.equal(refusal, 'not today');
    await until(() => f.sharing.stats().sockets === 0, 'it is let go of');
    assert.equal(f.sharing.stats().binds, 1);
    assert.deepEqual(f.sharing.socketsOf(browser.sid), []);
  }
});

test('what a middleware behind ours changes is saved, though it refuses the socket', LIMIT, async (t) => {
  for (const socketIoVersion of [2, 4]) {
    const f = await shareApp(t, {
      socketIoVersion,
      app: ({ io }) =>
        io.use((socket, next) => {
          socket.session.tries = (socket.session.tries ?? 0) + 1;
          next(new Error('not today'));
        }),
    });
    const browser = await f.login();
    for (const tries of [1, 2]) {
      await f.connect({ key: await f.keyOf(browser) }).catch(() => {});
      await until(async () => (await browser.json('/read')).body.tries === tries, 'it is saved');
    }
  }
});

test('a one-time key is good again after the store has failed to look it up', LIMIT, async (t) => {
  const f = await shareApp(t, { options: { oneTimeKeys: true, onError() {} } });
  const browser = await f.login();
  const key = await f.keyOf(browser);
  f.store.next('get', 'error', (id) => id === key);
  const first = await f.connect({ key });
  assert.equal((await first.ask('read')).id, browser.sid);
  const second = await f.connect({ key });
  assert.equal((await second.ask('read')).id, second.id);
});

for (const behaviour of ['error', 'throw', 'never']) {
  test(`a one-time key is used up, though the store's destroy fails (${behaviour})`, LIMIT, async (t) => {
    const f = await shareApp(t, { options: { oneTimeKeys: true, storeTimeout: 100, onError() {} } });
    const browser = await f.login();
    const key = await f.keyOf(browser);
    f.store.next('destroy', behaviour, (id) => id === key);
    const first = await f.connect({ key });
    assert.equal((await first.ask('read')).id, browser.sid);
    const second = await f.connect({ key });
    assert.equal((await second.ask('read')).id, second.id);
    assert.equal((await second.ask('__zappa_key', { key })).code, 'ERR_MISSING_DATA');
  });
}

test('what is wrong with a key or a cookie is no error of the app’s', LIMIT, async (t) => {
  const failures = [];
  const options = { cookie: { secret: 'another secret' }, onError: (error) => failures.push(error) };
  const f = await shareApp(t, { options });
  const browser = await f.login();
  const key = await f.keyOf(browser);
  await browser.request('/logout');
  for (const show of [{}, { key }, { key: 'no key' }, { cookie: 'connect.sid=s:x.y' }]) await f.connect(show);
  assert.deepEqual(failures, []);
});

for (const [name, behaviour, code] of [
  ['a store that fails', 'error', 'ERR_STORE_UNAVAILABLE'],
  ['a store that throws', 'throw', 'ERR_STORE_UNAVAILABLE'],
  ['a store that never answers', 'never', 'ERR_STORE_TIMEOUT'],
]) {
  const faults = [];
  const set = { options: { storeTimeout: 1_000, onError: (error, where) => faults.push([error, where]) } };
  const connection = async (f, browser) => {
    const key = await f.keyOf(browser);
    f.store.next('get', behaviour);
    faults.length = 0;
    return { key };
  };
  refusedIfRequired(name, set, code, async (f) => connection(f, await f.login()));

  test(`${name}: the connection goes on, and is bound before its next event`, LIMIT, async (t) => {
    const f = await shareApp(t, set);
    const browser = await f.login();
    const socket = await f.connect(await connection(f, browser));
    assert.equal(f.seen.get(socket.id).user, undefined);
    await isBound(f, socket, browser.sid);
  });

  test(`${name}: the app is told, and the client no word of the store's`, LIMIT, async (t) => {
    const f = await shareApp(t, { options: { ...set.options, required: true } });
    const key = await f.keyOf(await f.login());
    f.store.next('get', behaviour);
    faults.length = 0;
    const error = await f.connect({ key }).catch((refusal) => refusal);
    assert.doesNotMatch(JSON.stringify([error.message, error.data]), /scripted/);
    assert.equal(faults.length, 1);
    const [[fault, where]] = faults;
    assert.equal(where.event, 'connection');
    if (behaviour === 'never')
      assert.equal(fault.message, 'The session store did not answer within 1000 ms.');
  });
}

// What a cookie may be that binds nothing.
const COOKIES = {
  'no cookie': [() => undefined, 'ERR_MISSING_KEY'],
  'a cookie whose id was changed': [
    // One more character: another in the place of one may be the same.
    (browser) => cookieOf(browser).replace(/s%3A/, 's%3AX'),
    'ERR_MISSING_KEY',
  ],
  'a cookie whose signature was changed': [(browser) => `${cookieOf(browser)}x`, 'ERR_MISSING_KEY'],
  'a cookie without a signature': [
    (browser) => `connect.sid=${encodeURIComponent(`s:${browser.sid}`)}`,
    'ERR_MISSING_KEY',
  ],
  'a cookie with the bare session id': [(browser) => `connect.sid=${browser.sid}`, 'ERR_MISSING_KEY'],
  'a cookie signed with another secret': [
    (browser) => `connect.sid=${signed(browser.sid, 'another secret')}`,
    'ERR_MISSING_KEY',
  ],
  'a cookie of another name': [
    (browser) => cookieOf(browser).replace('connect.sid', 'sid'),
    'ERR_MISSING_KEY',
  ],
  'a cookie that is no percent-encoding': [() => 'connect.sid=s%3A%E0%A4%A', 'ERR_MISSING_KEY'],
  'an empty cookie': [() => 'connect.sid=', 'ERR_MISSING_KEY'],
  'a signed nothing': [() => `connect.sid=${signed('')}`, 'ERR_MISSING_KEY'],
  'a signed session id of 2 KB': [() => `connect.sid=${signed('x'.repeat(2000))}`, 'ERR_MISSING_KEY'],
  'a cookie of 12 KB': [() => `connect.sid=${'x'.repeat(12_000)}`, 'ERR_MISSING_KEY'],
  'a signed id of nobody': [() => `connect.sid=${signed(randomUUID())}`, 'ERR_MISSING_DATA'],
};

for (const [name, [make, code]] of Object.entries(COOKIES)) {
  eachWay(name, { options: { cookie: COOKIE } }, code, async (f) => ({
    cookie: make(await f.login()),
  }));
}

test(
  'a key that is presented while the store fails: the app is told, and the client no word of it',
  LIMIT,
  async (t) => {
    const told = [];
    const f = await shareApp(t, {
      options: { onError: (error, { event, socket }) => told.push([error.message, event, socket.id]) },
    });
    const key = await f.keyOf(await f.login());
    const socket = await f.connect();
    assert.equal((await socket.ask('__zappa_key', { key: randomUUID() })).error, 'Missing data');
    f.store.next('get', 'error');
    assert.deepEqual(await socket.ask('__zappa_key', { key }), {
      error: 'The session store failed.',
      code: 'ERR_STORE_UNAVAILABLE',
    });
    assert.deepEqual(told, [['scripted', '__zappa_key', socket.id]]);
    assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
  },
);

test('a signed key is no session id: what is under it is a record', LIMIT, async (t) => {
  const f = await shareApp(t, { options: { cookie: COOKIE } });
  const key = await f.keyOf(await f.login());
  await isStranger(f, await f.connect({ cookie: `connect.sid=${signed(key)}` }));
});

test('without the option, a cookie binds nothing', LIMIT, async (t) => {
  const f = await shareApp(t);
  await isStranger(f, await f.connect({ cookie: cookieOf(await f.login()) }));
});

test('a cookie is found among many, whatever they are called', LIMIT, async (t) => {
  const f = await shareApp(t, { options: { cookie: COOKIE } });
  const browser = await f.login();
  const others = Array.from({ length: 300 }, (_, n) => `c${n}=${n}`);
  const cookie = [...others, '__proto__=1', 'constructor=2', '=3', 'x', cookieOf(browser)].join('; ');
  await isBound(f, await f.connect({ cookie }), browser.sid);
});

for (const [host, origin, isOwn] of [
  ['app.example:443', 'https://app.example', true],
  ['app.example:80', 'http://app.example', true],
  ['App.Example', 'https://app.example', true],
  ['app.example:8443', 'https://app.example:8443', true],
  ['app.example:443', 'http://app.example', false],
  ['app.example:80', 'https://app.example', false],
  ['app.example', 'https://app.example:444', false],
  ['app.example:444', 'https://app.example', false],
  ['evil.example:443', 'https://app.example', false],
  ['app.example:443', 'https://app.example.evil.example', false],
  ['app.example:port', 'https://app.example', false],
]) {
  test(
    `a proxy that passes Host: ${host} on: the cookie of a page of ${origin} binds ${isOwn ? 'its socket' : 'nothing'}`,
    LIMIT,
    async (t) => {
      const f = await shareApp(t, { options: { cookie: COOKIE } });
      const browser = await f.login();
      const socket = await f.connect({ extraHeaders: { cookie: cookieOf(browser), host, origin } });
      if (isOwn) await isBound(f, socket, browser.sid);
      else await isStranger(f, socket);
    },
  );
}

test('a proxy that passes no Host on: the log says why the cookie binds nothing', LIMIT, async (t) => {
  const lines = debugLines(t);
  const f = await shareApp(t, { options: { cookie: COOKIE } });
  const browser = await f.login();
  const extraHeaders = { cookie: cookieOf(browser), host: 'upstream:3000', origin: 'https://app.example' };
  await isStranger(f, await f.connect({ extraHeaders }));
  const said = lines.join('\n');
  assert.match(said, /took no cookie from "https:\/\/app\.example": neither of this host, "upstream:3000"/);
  assert.ok(!said.includes(browser.sid), said);
});

test('secrets that are rotated: a cookie of the old one binds as well', LIMIT, async (t) => {
  const f = await shareApp(t, {
    sessionOptions: { secret: ['new', 'old'] },
    options: { cookie: { name: 'my.sid', secrets: ['new', 'old'] } },
  });
  const id = (await f.browser().json('/login')).body;
  for (const secret of ['new', 'old']) {
    const socket = await f.connect({ cookie: `my.sid=${signed(id, secret)}` });
    await isBound(f, socket, id);
    socket.close();
    await until(() => f.sharing.stats().sockets === 0, 'the socket has left');
  }
  const stranger = await f.connect({ cookie: `my.sid=${signed(id, 'older')}` });
  assert.equal((await stranger.ask('read')).id, stranger.id);
});

for (const [name, origin, set, bound] of [
  ["a page of the server's own host", (f) => f.ioUrl, {}, true],
  ['a page of another site', () => 'https://evil.example', {}, false],
  ['a page of another port of this host', () => 'http://127.0.0.1:1', {}, false],
  ['a page without an origin of its own', () => 'null', {}, false],
  [
    'a page of an allowed origin',
    () => 'https://app.example',
    { allowedOrigins: ['https://app.example'] },
    true,
  ],
]) {
  test(`the cookie of ${name} binds ${bound ? 'its socket' : 'nothing'}`, LIMIT, async (t) => {
    const f = await shareApp(t, { options: { cookie: COOKIE, ...set } });
    const browser = await f.login();
    const extraHeaders = { cookie: cookieOf(browser), origin: origin(f) };
    const socket = await f.connect({ extraHeaders });
    if (bound) await isBound(f, socket, browser.sid);
    else await isStranger(f, socket);
  });
}

test('a wrong key is not made good by the cookie, and no key at all is', LIMIT, async (t) => {
  const f = await shareApp(t, { options: { cookie: COOKIE } });
  const browser = await f.login();
  const cookie = cookieOf(browser);
  await isStranger(f, await f.connect({ key: randomUUID(), cookie }));
  for (const auth of [{ key: null }, {}]) {
    const socket = await f.connect({ auth, cookie });
    assert.equal(f.seen.get(socket.id).id, browser.sid);
  }
});

test(
  'an event that came before the key of another session is one of the session of before',
  LIMIT,
  async (t) => {
    const store = new HostileStore();
    const f = await shareApp(t, { store });
    const { socket, sid } = await f.bound();
    const bob = await f.login('bob');
    const key = await f.keyOf(bob);
    const hold = store.hold('get', (id) => id === sid);
    const written = socket.ask('write', { note: 'of ann' });
    await hold.reached;
    const bound = socket.ask('__zappa_key', { key });
    await settle();
    hold.release();
    assert.equal(await written, sid);
    assert.equal((await bound).key, key);
    assert.equal(store.read(sid).note, 'of ann');
    assert.equal(store.read(bob.sid).note, undefined);
    const { id, user } = await socket.ask('read');
    assert.deepEqual([id, user], [bob.sid, 'bob']);
  },
);
