'use strict';

// io-session/client in Node.js: real Socket.IO clients 2 and 4 against the Zappa-shaped host.

const { text } = require('node:stream/consumers');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { gzipSync } = require('node:zlib');
const { fetchOf } = require('./support/client-page.js');
const { deferred } = require('./support/deferred.js');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { shareApp } = require('./support/share-app.js');
const { settle, until } = require('./support/wait.js');

const ROOT = path.join(__dirname, '..');
const VERSIONS = [2, 4];
const client = () => import('io-session/client');

// For the pages of a Zappa app, which has its key route elsewhere.
async function zappaClient() {
  const { shareSession } = await client();
  return { shareSession: (socket, options) => shareSession(socket, { prefix: '/zappa', ...options }) };
}

// Whether a key is asked for to open a connection with, which a Zappa app does not give.
const isOpening = (url) => url.endsWith('/socket/__local');

const answerOf = (status, body) => async () => new Response(JSON.stringify(body), { status });

// What each socket presents, from now on.
function keysOf(socket) {
  const keys = [];
  const { emit } = socket;
  socket.emit = function (event, data, ...rest) {
    if (event === '__zappa_key') {
      keys.push(data.key);
    }
    return emit.call(this, event, data, ...rest);
  };
  return keys;
}

// The type of the packet by which Socket.IO's client asks to connect.
const CONNECT = 0;

// A socket that is not connected, and the data of the packets that it sends.
function offlineSocket() {
  const sent = [];
  const socket = Object.assign(new EventEmitter(), {
    connected: false,
    packet: ({ data }) => sent.push(data),
  });
  return { sent, socket };
}

// The callbacks of the options, as events.
function outcomes() {
  const events = new EventEmitter();
  return {
    onBind: () => events.emit('bind'),
    onError: (error) => events.emit('failure', error),
    bound: () => once(events, 'bind'),
    failed: async () => (await once(events, 'failure'))[0],
    events,
  };
}

const endingHost = {
  options: { onSessionEnd: ({ socket, reason }) => socket.emit('session:end', reason) },
};

// The first, since no timer of a socket may be started or stopped by the clock of this test.
test('a handshake ends after 30 seconds, whatever does not answer', LIMIT, async (t) => {
  const { shareSession } = await client();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const never = () => new Promise(() => {});
  for (const fetch of [never, answerOf(200, { key: 'a-key' })]) {
    // A server without `__zappa_key`: nobody acknowledges.
    const socket = Object.assign(new EventEmitter(), { id: 'a-socket', connected: true });
    const shared = shareSession(socket, { fetch });
    await settle();
    t.mock.timers.tick(30_000);
    await assert.rejects(shared, { code: 'ERR_HANDSHAKE_TIMEOUT', message: 'The handshake took too long' });
  }
});

test('keyFor ends after 30 seconds with no key, whatever does not answer', LIMIT, async (t) => {
  const { keyFor } = await client();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const errors = [];
  let signal;
  const asked = keyFor('https://app.example', {
    fetch: (_url, init) => {
      ({ signal } = init);
      return new Promise(() => {});
    },
    onError: (error) => errors.push(error),
  });
  await settle();
  assert.equal(signal.aborted, false);
  t.mock.timers.tick(30_000);
  assert.equal(await asked, undefined);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['ERR_HANDSHAKE_TIMEOUT'],
  );
  assert.equal(signal.aborted, true);
});

test('a connection waits for its key for 5 seconds, and brings what the app gives', LIMIT, async (t) => {
  const { shareSession } = await client();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { sent, socket } = offlineSocket();
  shareSession(socket, { fetch: () => new Promise(() => {}) });
  socket.packet({ type: CONNECT, data: { token: 'mine' } });
  await settle();
  t.mock.timers.tick(4_999);
  await settle();
  assert.deepEqual(sent, []);
  t.mock.timers.tick(1);
  await settle();
  assert.deepEqual(sent, [{ token: 'mine' }]);
});

test('a key that is late for its connection does not open the next one', LIMIT, async () => {
  const { shareSession } = await client();
  const { sent, socket } = offlineSocket();
  const answers = [];
  shareSession(socket, { fetch: () => new Promise((resolve) => answers.push(resolve)) });
  const connect = (name) => socket.packet({ type: CONNECT, data: { name } });
  const answer = (key) => answers.shift()(new Response(JSON.stringify({ key })));
  connect('first');
  connect('second');
  answer('late');
  answer('in time');
  await until(() => sent.length > 0, 'a key is sent');
  await settle();
  assert.deepEqual(sent, [{ name: 'second', key: 'in time' }]);
});

test(
  'what may pass by itself is tried again after 1, 2, 4 and up to 32 seconds, or up to twice that',
  LIMIT,
  async (t) => {
    const { shareSession } = await client();
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const failures = [
      answerOf(503, { error: 'Out of order', code: 'ERR_STORE_UNAVAILABLE' }),
      answerOf(500, {}),
      answerOf(429, { error: 'Too many keys', code: 'ERR_TOO_MANY_KEYS' }),
      answerOf(307, {}),
      () => Promise.reject(new TypeError('Failed to fetch')),
    ];
    for (const fail of failures) {
      const socket = Object.assign(new EventEmitter(), { id: 'a-socket', connected: true });
      let asked = 0;
      const fetch = (...args) => {
        asked += 1;
        return fail(...args);
      };
      await assert.rejects(shareSession(socket, { fetch, onError: () => {} }));
      for (const [n, wait] of [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 32_000].entries()) {
        t.mock.timers.tick(wait - 1);
        await settle();
        assert.equal(asked, n + 1, `too soon after ${wait} ms`);
        t.mock.timers.tick(wait + 1);
        await settle();
        assert.equal(asked, n + 2, `not after ${2 * wait} ms`);
      }
      socket.emit('disconnect');
      t.mock.timers.tick(100_000);
      await settle();
      assert.equal(asked, 8, 'without a connection');
    }
  },
);

test('what is refused is not tried again', LIMIT, async (t) => {
  const { shareSession } = await client();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const [status, code] of [
    [403, 'ERR_BAD_ORIGIN'],
    [404, undefined],
    [400, 'ERR_BAD_CHANNEL'],
  ]) {
    const socket = Object.assign(new EventEmitter(), { id: 'a-socket', connected: true });
    let asked = 0;
    const fetch = (...args) => {
      asked += 1;
      return answerOf(status, { code })(...args);
    };
    await assert.rejects(shareSession(socket, { fetch }), { status });
    t.mock.timers.tick(100_000);
    await settle();
    assert.equal(asked, 1);
  }
});

for (const version of VERSIONS) {
  const on = `Socket.IO ${version}`;

  test(`a connected socket is bound to the browser's session, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version });
    const browser = await f.login();
    const socket = await f.connect();
    const sent = [];
    const result = await shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser, sent) });
    assert.equal(result, undefined);
    assert.equal((await socket.ask('read', {})).session.user, 'ann');
    assert.equal(sent.length, 1);
    const [{ url, init }] = sent;
    assert.equal(url, `${f.host.url}/zappa/socket/__local/${encodeURIComponent(socket.id)}`);
    const { signal, ...rest } = init;
    assert.deepEqual(rest, {
      credentials: 'include',
      headers: { Accept: 'application/json' },
      cache: 'no-store',
    });
    assert.ok(signal instanceof AbortSignal);
  });

  test(`a socket that is not connected yet is waited for, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version });
    const browser = await f.login();
    const socket = await f.connect();
    const closed = new Promise((resolve) => socket.socket.io.once('close', resolve));
    socket.close();
    await closed;
    const sent = [];
    const shared = shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser, sent) });
    await settle();
    assert.equal(sent.length, 0);
    socket.socket.connect();
    await shared;
    assert.equal((await socket.ask('read', {})).id, browser.sid);
  });

  test(`each reconnect binds again, with the new socket id, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version });
    const browser = await f.login();
    const socket = await f.connect();
    const sent = [];
    const told = outcomes();
    await shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser, sent), ...told });
    for (let n = 1; n <= 3; n += 1) {
      const bound = told.bound();
      await socket.reconnect();
      await bound;
      assert.equal((await socket.ask('read', {})).id, browser.sid);
      const asked = sent.filter(({ url }) => !isOpening(url));
      assert.equal(asked.length, n + 1);
      assert.ok(asked[n].url.endsWith(`/${encodeURIComponent(socket.id)}`));
    }
  });

  test(`session:end is followed to the session of the new cookie, once, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version, ...endingHost });
    const browser = await f.login();
    const before = browser.sid;
    const socket = await f.connect();
    const told = outcomes();
    const sent = [];
    await shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser, sent), ...told });
    const bound = told.bound();
    await browser.request('/regenerate');
    await bound;
    assert.notEqual(browser.sid, before);
    const { id, session } = await socket.ask('read', {});
    assert.equal(id, browser.sid);
    assert.equal(session.user, 'somebody new');
    assert.equal(sent.length, 2);
  });

  test(`after session:end and a refusal it waits for the next connection, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version, ...endingHost });
    const browser = await f.login();
    const socket = await f.connect();
    const told = outcomes();
    const sent = [];
    const allowed = fetchOf(browser, sent);
    let closed = false;
    const fetch = (...args) =>
      closed ? answerOf(403, { error: 'Closed', code: 'E_CLOSED' })() : allowed(...args);
    await shareSession(socket.socket, { url: f.host.url, fetch, ...told });
    closed = true;
    const failed = told.failed();
    await browser.request('/logout');
    const error = await failed;
    assert.deepEqual([error.message, error.code, error.status], ['Closed', 'E_CLOSED', 403]);
    assert.equal(sent.length, 1);
    closed = false;
    await browser.request('/login');
    const bound = told.bound();
    await socket.reconnect();
    await bound;
    assert.equal((await socket.ask('read', {})).id, browser.sid);
  });

  test(`the first failure rejects, and the next connection binds all the same, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version });
    const browser = await f.login();
    const socket = await f.connect();
    const told = outcomes();
    const failures = [];
    told.events.on('failure', (error) => failures.push(error));
    f.store.next('get', 'error', (sid) => sid !== browser.sid);
    f.store.always('set', 'error', (sid) => sid !== browser.sid);
    const shared = shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser), ...told });
    await assert.rejects(shared, { message: 'Error: scripted', code: 'ERR_KEY_REFUSED', status: 500 });
    assert.deepEqual(failures, [], 'told twice');
    f.store.behave();
    const bound = told.bound();
    await socket.reconnect();
    await bound;
    assert.equal((await socket.ask('read', {})).id, browser.sid);
  });

  test(`a connection that is lost during the handshake is not waited for, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version });
    const browser = await f.login();
    const socket = await f.connect();
    const keys = keysOf(socket.socket);
    const told = outcomes();
    const failures = [];
    told.events.on('failure', (error) => failures.push(error));
    // The key is presented, and the store keeps its answer until the socket is another one.
    const inner = fetchOf(browser);
    let hold;
    const fetch = async (...args) => {
      const response = await inner(...args);
      hold ??= f.store.hold('get', (sid) => sid === browser.sid);
      return response;
    };
    const shared = shareSession(socket.socket, { url: f.host.url, fetch, ...told });
    await until(() => hold, 'the answer of the key route');
    await hold.reached;
    await socket.reconnect();
    hold.release();
    await shared;
    assert.equal((await socket.ask('read', {})).id, browser.sid);
    assert.equal(keys.length, 2);
    assert.deepEqual(failures, []);
  });

  test(`a key that comes when the connection is gone is kept from the next one, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version });
    const browser = await f.login();
    const socket = await f.connect();
    const keys = keysOf(socket.socket);
    const asked = deferred();
    const gate = deferred();
    const inner = fetchOf(browser);
    const fetch = async (url, init) => {
      asked.resolve(init.signal);
      await gate.promise;
      return inner(url, init);
    };
    const stopped = new AbortController();
    const shared = shareSession(socket.socket, { url: f.host.url, fetch, signal: stopped.signal });
    const signal = await asked.promise;
    const gone = socket.next('disconnect');
    socket.close();
    await gone;
    assert.equal(signal.aborted, true);
    gate.resolve();
    await until(() => f.store.read(browser.sid).__socket, 'the key is made');
    await settle();
    assert.deepEqual(keys, []);
    stopped.abort();
    await assert.rejects(shared, { name: 'AbortError' });
  });

  test(`the news of a login may overtake its response, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const go = deferred();
    const f = await fixture(t, {
      socketIoVersion: version,
      ...endingHost,
      app(context) {
        context.get('/slow-login', function () {
          this.req.session.regenerate(async () => {
            this.req.session.user = 'ben';
            await go.promise;
            this.json({});
          });
        });
      },
    });
    const browser = await f.login();
    const socket = await f.connect();
    const sent = [];
    const told = outcomes();
    await shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser, sent), ...told });
    // The wait is this test's to end.
    const waited = deferred();
    const { setTimeout } = globalThis;
    t.mock.method(globalThis, 'setTimeout', (run, ms, ...args) =>
      ms === 250 ? waited.resolve(run) : setTimeout(run, ms, ...args),
    );
    const login = browser.request('/slow-login');
    const run = await waited.promise;
    await settle();
    assert.equal(sent.length, 1, 'asked with the old cookie');
    go.resolve();
    await login;
    const { sid } = browser;
    const bound = told.bound();
    run();
    await bound;
    assert.equal(browser.sid, sid, 'the login has kept its cookie');
    assert.equal((await socket.ask('read', {})).session.user, 'ben');
  });

  test(`what overlaps is folded: only the newest presents its key, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version });
    const browser = await f.login();
    const socket = await f.connect();
    const keys = keysOf(socket.socket);
    const told = outcomes();
    const failures = [];
    let binds = 0;
    told.events.on('failure', (error) => failures.push(error));
    told.events.on('bind', () => {
      binds += 1;
    });
    // Every request is held until all of them are there.
    const gate = deferred();
    const sent = [];
    const inner = fetchOf(browser, sent);
    const signals = [];
    const fetch = async (url, init) => {
      if (isOpening(url)) return fetchOf(browser)(url, init);
      signals.push(init.signal);
      await gate.promise;
      return inner(url, init);
    };
    const options = { url: f.host.url, fetch, ...told };
    const calls = [
      shareSession(socket.socket, options),
      shareSession(socket.socket, options),
      shareSession(socket.socket, options),
    ];
    await socket.reconnect();
    await socket.reconnect();
    assert.equal(signals.length, 5);
    assert.deepEqual(
      signals.map((signal) => signal.aborted),
      [true, true, true, true, false],
    );
    gate.resolve();
    // The earlier promises follow the newest.
    assert.deepEqual(await Promise.all(calls), [undefined, undefined, undefined]);
    await until(() => sent.length === 5, 'all requests are through');
    await settle();
    assert.equal(keys.length, 1);
    assert.equal(binds, 1);
    assert.deepEqual(failures, []);
    assert.equal((await socket.ask('read', {})).id, browser.sid);
  });

  test(`a signal ends it and leaves no listener behind, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version });
    const browser = await f.login();
    const socket = await f.connect();
    const counts = () =>
      ['connect', 'disconnect', 'session:end'].map((event) => socket.socket.listeners(event).length);
    const none = counts();
    const sent = [];
    const options = { url: f.host.url, fetch: fetchOf(browser, sent) };

    const early = AbortSignal.abort(new Error('too early'));
    await assert.rejects(shareSession(socket.socket, { ...options, signal: early }), /too early/);
    assert.deepEqual(counts(), none);

    const pending = new AbortController();
    const shared = shareSession(socket.socket, {
      ...options,
      signal: pending.signal,
      fetch: () => new Promise(() => {}),
    });
    pending.abort(new Error('no longer'));
    await assert.rejects(shared, /no longer/);
    assert.deepEqual(counts(), none);

    const later = new AbortController();
    await shareSession(socket.socket, { ...options, signal: later.signal });
    assert.notDeepEqual(counts(), none);
    assert.equal(sent.length, 1);
    later.abort();
    assert.deepEqual(counts(), none);
    await socket.reconnect();
    await socket.ask('read', {});
    assert.equal(sent.length, 1);
  });

  test(`shared again and again, a socket has the listeners of one share, ${on}`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t, { socketIoVersion: version });
    const browser = await f.login();
    const socket = await f.connect();
    const count = () => socket.socket.listeners('connect').length;
    const none = count();
    for (let n = 0; n < 5; n += 1) {
      await shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser) });
    }
    assert.equal(count(), none + 1);
  });
}

test('prefix and channel are followed, whatever is in them', LIMIT, async (t) => {
  const { shareSession } = await zappaClient();
  const f = await fixture(t, { settings: { zappa_prefix: '/my/app' } });
  const browser = await f.login();
  const socket = await f.connect();
  const channel = 'a/b ü?#';
  await shareSession(socket.socket, {
    url: new URL(f.host.url),
    prefix: '/my/app',
    channel,
    fetch: fetchOf(browser),
  });
  assert.equal(f.store.read(browser.sid).__socket[channel].id, socket.id);
});

test("errors carry the server's words", LIMIT, async (t) => {
  const { shareSession } = await zappaClient();
  const f = await fixture(t);
  const browser = await f.login();
  const socket = await f.connect();
  const share = (options) =>
    shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser), ...options });

  // Not the key route: Express's HTML page.
  await assert.rejects(share({ prefix: '/nowhere' }), {
    message: 'No key (HTTP 404)',
    code: 'ERR_KEY_REFUSED',
    status: 404,
  });
  // An app that answers every path with its page.
  await assert.rejects(share({ fetch: async () => new Response('<!doctype html>') }), {
    message: 'No key (HTTP 200)',
    code: 'ERR_KEY_REFUSED',
    status: 200,
  });
  for (const body of [null, 7, 'text', [], {}, { key: '' }]) {
    await assert.rejects(share({ fetch: answerOf(200, body) }), { code: 'ERR_KEY_REFUSED', status: 200 });
  }
  await assert.rejects(share({ channel: 'x'.repeat(200) }), {
    message: /^The channel name/,
    code: 'ERR_KEY_REFUSED',
    status: 400,
  });
  await assert.rejects(share({ fetch: answerOf(200, { key: 'no-key-at-all' }) }), {
    message: 'Missing data',
    code: 'ERR_KEY_REJECTED',
    status: undefined,
  });
  const refused = new TypeError('fetch failed');
  await assert.rejects(share({ fetch: () => Promise.reject(refused) }), refused);
  // Neither a relative URL in Node.js nor half a surrogate pair is anything to throw at the caller.
  await assert.rejects(share({ url: '', fetch: undefined }), TypeError);
  await assert.rejects(share({ channel: '\ud800' }), URIError);
});

test('an app without a session store says so', LIMIT, async (t) => {
  const { shareSession } = await zappaClient();
  const f = await fixture(t, { sessionOptions: null });
  const socket = await f.connect();
  const shared = shareSession(socket.socket, { url: f.host.url });
  await assert.rejects(shared, { message: 'No session-store.', status: 500 });
});

test('a page that was opened while the store was down is bound when it is back', LIMIT, async (t) => {
  const { shareSession } = await zappaClient();
  const f = await fixture(t);
  const browser = await f.login();
  const socket = await f.connect();
  const told = outcomes();
  f.store.next('get', 'error', (sid) => sid !== browser.sid);
  f.store.always('set', 'error', (sid) => sid !== browser.sid);
  const bound = told.bound();
  await assert.rejects(shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser), ...told }), {
    status: 500,
  });
  f.store.behave();
  await bound;
  assert.equal((await socket.ask('read', {})).id, browser.sid);
});

test('a later failure without an onError is written to the console', LIMIT, async (t) => {
  const { shareSession } = await zappaClient();
  const f = await fixture(t);
  const browser = await f.login();
  const socket = await f.connect();
  const { mock } = t.mock.method(console, 'error', () => {});
  let fetch = fetchOf(browser);
  await shareSession(socket.socket, { url: f.host.url, fetch: (...args) => fetch(...args) });
  fetch = answerOf(500, { error: 'Out of order' });
  await socket.reconnect();
  await until(() => mock.callCount() === 1, 'a line on the console');
  assert.equal(mock.calls[0].arguments[0].message, 'Out of order');
});

for (const clientOptions of [{ ackTimeout: 5_000 }, { retries: 1, ackTimeout: 5_000 }]) {
  test(`a Socket.IO 4 client with ${JSON.stringify(clientOptions)} is bound, too`, LIMIT, async (t) => {
    const { shareSession } = await zappaClient();
    const f = await fixture(t);
    const browser = await f.login();
    const socket = await f.connect(clientOptions);
    await shareSession(socket.socket, { url: f.host.url, fetch: fetchOf(browser) });
    assert.equal(f.host.clients.get(socket.id).__session_id, browser.sid);
  });
}

test("an acknowledgement that is late for Socket.IO's own ackTimeout is a failure", LIMIT, async (t) => {
  const { shareSession } = await zappaClient();
  const f = await fixture(t);
  const browser = await f.login();
  const socket = await f.connect({ ackTimeout: 20 });
  const inner = fetchOf(browser);
  const fetch = async (...args) => {
    const response = await inner(...args);
    f.store.next('get', 'never', (sid) => sid === browser.sid);
    return response;
  };
  await assert.rejects(shareSession(socket.socket, { url: f.host.url, fetch }), {
    message: 'operation has timed out',
    code: 'ERR_KEY_REJECTED',
  });
});

// What `auth` of Socket.IO 4 waits for.
const auth = (keyFor, f, options) => async (cb) => cb({ key: await keyFor(f.url, options) });

for (const expressVersion of [4, 5]) {
  test(
    `keyFor gives the key with which a connection is bound from its beginning, Express ${expressVersion}`,
    LIMIT,
    async (t) => {
      const { keyFor } = await client();
      const f = await shareApp(t, { expressVersion });
      const browser = await f.login();
      const sent = [];
      const socket = await f.connect({ auth: auth(keyFor, f, { fetch: fetchOf(browser, sent) }) });
      assert.equal(f.seen.get(socket.id).user, 'ann');
      assert.deepEqual(
        sent.map(({ url }) => url),
        [`${f.url}/io-session/socket/__local`],
      );

      await socket.reconnect();
      assert.equal(f.seen.get(socket.id).id, browser.sid);
      assert.equal(sent.length, 2, 'the key of a reconnect is asked for anew');
    },
  );
}

test('keyFor follows prefix and channel, and takes a URL', LIMIT, async (t) => {
  const { keyFor } = await client();
  const place = { prefix: '/my/app', channel: 'a/b ü?#' };
  const f = await shareApp(t, { options: place });
  const browser = await f.login();
  const key = await keyFor(new URL(f.url), { ...place, fetch: fetchOf(browser) });
  const socket = await f.connect({ key });
  assert.equal(f.seen.get(socket.id).id, browser.sid);
});

test('keyFor without a key says why, and the socket connects as a stranger', LIMIT, async (t) => {
  const { keyFor } = await client();
  const f = await shareApp(t);
  const refused = new TypeError('fetch failed');
  for (const [fetch, expected] of [
    [answerOf(500, { error: 'No session-store.' }), { code: 'ERR_KEY_REFUSED', status: 500 }],
    [answerOf(429, { error: 'Too many', code: 'ERR_TOO_MANY_KEYS' }), { code: 'ERR_TOO_MANY_KEYS' }],
    [async () => new Response('<!doctype html>'), { message: 'No key (HTTP 200)' }],
    [() => Promise.reject(refused), refused],
    [
      () => {
        throw refused;
      },
      refused,
    ],
  ]) {
    const errors = [];
    const onError = (error) => errors.push(error);
    const socket = await f.connect({ auth: auth(keyFor, f, { fetch, onError }) });
    assert.equal((await socket.ask('read')).id, socket.id);
    assert.equal(errors.length, 1);
    assert.throws(() => {
      throw errors[0];
    }, expected);
  }
  // What it was told wrongly, it tells as well.
  const errors = [];
  const onError = (error) => errors.push(error.name);
  assert.equal(await keyFor(f.url, { channel: '\ud800', onError }), undefined);
  assert.equal(await keyFor('', { onError }), undefined);
  assert.deepEqual(errors, ['URIError', 'TypeError']);
});

test('keyFor writes what is wrong to the console, where no onError is given', LIMIT, async (t) => {
  const { keyFor } = await client();
  const { mock } = t.mock.method(console, 'error', () => {});
  assert.equal(
    await keyFor('http://app.example', { fetch: answerOf(500, { error: 'Out of order' }) }),
    undefined,
  );
  assert.equal(mock.calls[0].arguments[0].message, 'Out of order');
});

test(
  'keyFor gives undefined, though the onError that it tells throws: the console has that',
  LIMIT,
  async (t) => {
    const { keyFor } = await client();
    const { mock } = t.mock.method(console, 'error', () => {});
    const thrown = new Error('of the app');
    const onError = () => {
      throw thrown;
    };
    assert.equal(await keyFor('http://app.example', { fetch: answerOf(500, {}), onError }), undefined);
    assert.deepEqual(
      mock.calls.map(({ arguments: [error] }) => error),
      [thrown],
    );
  },
);

test('a socket that was bound by auth is bound again by shareSession after session:end', LIMIT, async (t) => {
  const { keyFor, shareSession } = await client();
  const f = await shareApp(t);
  const browser = await f.login();
  const options = { url: f.url, fetch: fetchOf(browser) };
  const socket = await f.connect({ auth: auth(keyFor, f, options) });
  const told = outcomes();
  await shareSession(socket.socket, { ...options, ...told });
  const [bound, ended] = [told.bound(), socket.next('session:end')];
  await browser.request('/regenerate');
  assert.deepEqual(await ended, { reason: 'regenerate' });
  await bound;
  const { id, user } = await socket.ask('read');
  assert.deepEqual([id, user], [browser.sid, 'somebody new']);

  // And once more by auth, at the next connection.
  await socket.reconnect();
  assert.equal(f.seen.get(socket.id).user, 'somebody new');
});

test('after a login that reloads its session first, a socket is shared as the new user', LIMIT, async (t) => {
  const { shareSession } = await client();
  const [entered, go] = [deferred(), deferred()];
  const f = await shareApp(t, {
    app({ app }) {
      app.get('/slow-login', (req, res) =>
        req.session.reload(() =>
          req.session.regenerate(async () => {
            req.session.user = 'ben';
            entered.resolve();
            await go.promise;
            res.json({});
          }),
        ),
      );
    },
  });
  const browser = await f.login();
  const socket = await f.connect();
  const told = outcomes();
  await shareSession(socket.socket, { url: f.url, fetch: fetchOf(browser), ...told });
  // The wait before it asks again is this test's to end.
  const waits = [];
  const { setTimeout } = globalThis;
  t.mock.method(globalThis, 'setTimeout', (run, ms, ...args) =>
    ms === 250 ? waits.push(run) : setTimeout(run, ms, ...args),
  );
  const login = browser.request('/slow-login');
  await entered.promise;
  // By its answer the client has had all that was sent before.
  await socket.ask('read');
  assert.equal(waits.length, 0, 'it is about to ask with the old cookie');
  go.resolve();
  await login;
  await until(() => waits.length > 0, 'it hears that its session has ended');
  const bound = told.bound();
  waits[0]();
  await bound;
  const { id, user } = await socket.ask('read');
  assert.deepEqual([id, user], [browser.sid, 'ben']);
});

for (const expressVersion of [4, 5]) {
  // Not by `fetch`, which asks past every cache when it is given a condition.
  const served = async (f, headers, method = 'GET') => {
    const request = http.request(`${f.url}/io-session/client.js`, { headers, method }).end();
    const [response] = await once(request, 'response');
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  };

  test(`the module is served at <prefix>/client.js, Express ${expressVersion}`, LIMIT, async (t) => {
    const f = await shareApp(t, { expressVersion });
    const { status, headers, body } = await served(f);
    const source = fs.readFileSync(path.join(ROOT, 'client', 'index.js'), 'utf8');
    assert.equal(status, 200);
    assert.equal(body, source);
    assert.equal(headers['content-type'], 'text/javascript; charset=utf-8');
    assert.equal(headers['content-length'], String(Buffer.byteLength(source)));
    assert.equal(headers['set-cookie'], undefined, 'nobody gets a session for it');

    const head = await served(f, {}, 'HEAD');
    assert.deepEqual([head.status, head.body], [200, '']);
    for (const name of ['content-type', 'content-length', 'etag', 'cache-control']) {
      assert.equal(head.headers[name], headers[name], name);
    }
    assert.equal((await served(f, {}, 'POST')).status, 404);
  });

  test(
    `a module that a browser has already is not sent again, Express ${expressVersion}`,
    LIMIT,
    async (t) => {
      const f = await shareApp(t, { expressVersion });
      const { etag, 'cache-control': caching } = (await served(f)).headers;
      assert.match(etag, /^"[\w-]+"$/);
      assert.equal(caching, 'no-cache');
      // As it is, as a proxy that compresses makes it, and among others.
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
        const { status, body } = await served(f, { 'if-none-match': known });
        assert.deepEqual([status, body], [304, ''], known);
      }
      assert.equal((await served(f, { 'if-none-match': '"other"' })).status, 200);
    },
  );
}

test('the module is for pages of this host and of allowed origins', LIMIT, async (t) => {
  const f = await shareApp(t, { options: { allowedOrigins: ['https://app.example'] } });
  const get = (headers) => fetch(`${f.url}/io-session/client.js`, { headers });
  const allowed = await get({ origin: 'https://app.example' });
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'https://app.example');
  assert.match(allowed.headers.get('vary'), /\bOrigin\b/);
  const own = await get({ origin: f.url });
  assert.equal(own.status, 200);
  assert.equal(own.headers.get('access-control-allow-origin'), null);
  const foreign = await get({ origin: 'https://evil.example' });
  assert.equal(foreign.status, 403);
  assert.equal(foreign.headers.get('access-control-allow-origin'), null);
  await Promise.all([allowed, own, foreign].map((response) => response.text()));
});

test('shareSession rejects what is no socket, and says so', LIMIT, async () => {
  const { shareSession } = await client();
  for (const wrong of [undefined, null, {}, 'http://localhost', () => {}])
    await assert.rejects(shareSession(wrong), { name: 'TypeError', message: /socket must be a socket/ });
});

test('the module is small, needs nothing, and is in the package', () => {
  const source = fs.readFileSync(path.join(ROOT, 'client', 'index.js'));
  const { length } = gzipSync(source, { level: 9 });
  assert.ok(length < 4_800, `${length} bytes gzipped`);
  assert.doesNotMatch(String(source), /^\s*(import|export .* from)\b|require\(/m);
  const { files } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  assert.ok(files.includes('client'));
});

test("the types take Socket.IO 4's own sockets and refuse what is wrong", LIMIT, (t) => {
  const folder = fs.mkdtempSync(path.join(__dirname, 'types', 'client-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.writeFileSync(
    path.join(folder, 'client.mts'),
    `import { io, type Socket } from 'socketio4-client';
    import { keyFor, type ShareError, shareSession } from 'io-session/client';
    const bound = io({ auth: async (cb) => cb({ key: await keyFor('https://app.example') }) });
    const key: string | undefined = await keyFor(new URL('https://app.example'), { prefix: '/zappa', onError() {} });
    // @ts-expect-error a key may not be had
    const always: string = await keyFor();
    // @ts-expect-error the URL comes first
    await keyFor({ prefix: '/zappa' });
    const plain = io();
    const typed: Socket<{ told(what: string): void }, { ping(ack: (answer: string) => void): void }> = io();
    const shared: Promise<void> = shareSession(plain);
    await shareSession(typed, {
      url: new URL('https://app.example'), prefix: '/zappa', channel: 'c', fetch,
      signal: AbortSignal.timeout(1), onBind() {},
      onError(error) { const e: ShareError = error; const status: number | undefined = e.status; void status; },
    });
    // @ts-expect-error not a socket
    shareSession({ id: 'a' });
    // @ts-expect-error no such option
    shareSession(plain, { uri: '' });
    // @ts-expect-error not a function
    shareSession(plain, { onError: true });
    export { always, bound, key, shared };
    `,
  );
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'dom'],
    module: 'nodenext',
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: true,
  };
  fs.writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['client.mts'] }),
  );
  const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  } catch (error) {
    assert.fail(error.stdout);
  }
});

// What a page may find in the place of the Locks API.
const LOCKS = {
  'refuses by promise': { locks: { request: async () => Promise.reject(new Error('not allowed')) } },
  throws: {
    locks: {
      request() {
        throw new Error('not allowed');
      },
    },
  },
  'is missing': undefined,
};

for (const [what, navigator] of Object.entries(LOCKS)) {
  test(`where the Locks API ${what}, the key is asked for without a lock`, LIMIT, async (t) => {
    const globals = { isSecureContext: true, origin: 'https://page.example', navigator };
    for (const [name, value] of Object.entries(globals)) {
      const before = Object.getOwnPropertyDescriptor(globalThis, name);
      Object.defineProperty(globalThis, name, { configurable: true, value });
      t.after(() => {
        if (before) Object.defineProperty(globalThis, name, before);
        else delete globalThis[name];
      });
    }
    const { browser, connect, url } = await shareApp(t);
    const person = browser();
    await person.request('/login?user=ann');
    const socket = await connect();
    const { shareSession } = await client();
    await shareSession(socket.socket, { url, fetch: fetchOf(person) });
    assert.equal((await socket.ask('read')).user, 'ann');
  });
}

test('where there are no locks, the sockets of a page are given one session together', LIMIT, async (t) => {
  const { browser, connect, url } = await shareApp(t, { namespaces: ['/chat'] });
  const { shareSession } = await client();
  const person = browser();
  const sockets = [await connect(), await connect(), await connect({ namespace: '/chat' })];
  const fetch = fetchOf(person);
  await Promise.all(sockets.map(({ socket }) => shareSession(socket, { url, fetch })));
  for (const socket of sockets) assert.equal((await socket.ask('read')).id, person.sid);
});

test('a server that does not answer holds up no other one of the page', LIMIT, async (t) => {
  const { connect, login, url } = await shareApp(t);
  const { keyFor, shareSession } = await client();
  const silent = new AbortController();
  const never = keyFor('https://silent.example', {
    fetch: (_url, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        silent.signal.addEventListener('abort', () => reject(silent.signal.reason));
      }),
    onError: () => {},
  });
  const socket = await connect();
  await shareSession(socket.socket, { url, fetch: fetchOf(await login()) });
  silent.abort();
  assert.equal(await never, undefined);
});
