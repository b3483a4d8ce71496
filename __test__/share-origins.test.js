'use strict';

// shareSession's guard rails: which pages may ask and connect, how often, and what a browser may keep.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { text } = require('node:stream/consumers');
const { LIMIT } = require('./support/limit.js');
const { shareApp } = require('./support/share-app.js');
const { keyPath, share } = require('./support/socket-client.js');
const { UUID_V4 } = require('./support/uuid.js');

const APP = 'https://app.example';
const ROUTE = '/io-session/socket/__local';
const ALLOWING = { options: { allowedOrigins: [APP, 'http://localhost:8080'] } };
const REFUSED = { error: 'This origin is not allowed.', code: 'ERR_BAD_ORIGIN' };

// Every header by which CORS gives something away.
function cors(headers) {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')));
}

// Origins that only look like the one that is allowed.
const STRANGERS = [
  'https://evil.example',
  'https://app.example.evil.example',
  'https://evil-app.example',
  'https://app.example:444',
  'http://app.example',
  'https://APP.example',
  'https://app.example/',
  'https://app.example.',
  'https://sub.app.example',
  'http://localhost',
  'http://localhost:80800',
  'null',
  '*',
  '',
  'no origin at all',
  'file://',
  '__proto__',
];

for (const expressVersion of [4, 5]) {
  describe(`the key route, Express ${expressVersion}`, () => {
    test('gives an allowed page its key, by CORS for exactly that origin', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion, ...ALLOWING });
      const browser = await f.login();
      for (const origin of ALLOWING.options.allowedOrigins) {
        const { status, headers, body } = await browser.json(ROUTE, { headers: { origin } });
        assert.equal(status, 200);
        assert.match(body.key, UUID_V4);
        assert.deepEqual(cors(headers), {
          'access-control-allow-origin': origin,
          'access-control-allow-credentials': 'true',
        });
        assert.match(headers.get('vary'), /\bOrigin\b/i);
        assert.equal(headers.get('cache-control'), 'no-store');
        assert.equal(headers.get('etag'), null);
      }
    });

    test('refuses all other pages, makes no key and no session', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion, ...ALLOWING });
      for (const origin of STRANGERS) {
        for (const method of ['GET', 'HEAD', 'OPTIONS']) {
          const { status, headers, text } = await f.browser().request(ROUTE, { method, headers: { origin } });
          assert.equal(status, 403, `${method} for '${origin}'`);
          assert.deepEqual(cors(headers), {});
          assert.equal(headers.get('set-cookie'), null);
          if (method === 'GET') assert.deepEqual(JSON.parse(text), REFUSED);
        }
      }
      assert.deepEqual(f.store.ids(), []);
    });

    test('takes a request without a Host for no page’s own', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion });
      const { hostname, port } = new URL(f.url);
      const socket = net.connect(Number(port), hostname);
      socket.end(`GET ${ROUTE} HTTP/1.0\r\nOrigin: http://undefined\r\n\r\n`);
      assert.match(await text(socket), /^HTTP\/1\.1 403 /);
    });

    test('gives its key to a request in absolute form, as a proxy gets it', LIMIT, async (t) => {
      const browser = await (await shareApp(t, { expressVersion })).login();
      const { status, text } = await browser.requestInAbsoluteForm(ROUTE);
      assert.deepEqual([status, text], [200, (await browser.request(ROUTE)).text]);
    });

    test('refuses what another page has the browser load, which sends no Origin', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion, ...ALLOWING });
      const browser = await f.login();
      const before = f.store.read(browser.sid);
      for (const site of ['cross-site', 'same-site']) {
        for (const mode of ['no-cors', 'navigate']) {
          const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': mode };
          const { status, body } = await browser.json('/io-session/socket/elsewhere', { headers });
          assert.deepEqual([status, body], [403, REFUSED]);
        }
      }
      assert.deepEqual(f.store.read(browser.sid), before);
      for (const site of ['same-origin', 'none']) {
        assert.equal((await browser.json(ROUTE, { headers: { 'sec-fetch-site': site } })).status, 200);
      }
      // By `fetch`, an allowed page says who it is.
      const headers = { origin: APP, 'sec-fetch-site': 'cross-site' };
      assert.equal((await browser.json(ROUTE, { headers })).status, 200);
    });

    test(
      'gives the pages of an app or an extension, with a scheme of their own, their keys',
      LIMIT,
      async (t) => {
        const origin = 'capacitor://localhost';
        const f = await shareApp(t, { expressVersion, options: { allowedOrigins: [origin] } });
        const { status, headers } = await (await f.login()).json(ROUTE, { headers: { origin } });
        assert.deepEqual([status, headers.get('access-control-allow-origin')], [200, origin]);
        // The host in such an origin is nobody's.
        const stranger = `evil://${new URL(f.url).host}`;
        assert.equal((await f.browser().request(ROUTE, { headers: { origin: stranger } })).status, 403);
      },
    );

    test('gives pages of its own host, and programs, their keys without CORS', LIMIT, async (t) => {
      for (const set of [{}, ALLOWING]) {
        const f = await shareApp(t, { expressVersion, ...set });
        for (const headers of [{}, { origin: f.url }, { origin: f.url.replace('http:', 'https:') }]) {
          const answer = await (await f.login()).json(ROUTE, { headers });
          assert.equal(answer.status, 200);
          assert.deepEqual(cors(answer.headers), {});
        }
      }
    });

    // A page of https://app.example behind a proxy: what this server is told, and whether the page is its own.
    for (const [settings, forwarded, status] of [
      [{}, 'app.example', 403],
      [{ options: { trustProxy: true } }, 'app.example', 200],
      [{ options: { trustProxy: true } }, 'app.example, inner.example:8080', 200],
      [{ options: { trustProxy: true } }, 'evil.example', 403],
      [{ options: { trustProxy: true } }, undefined, 403],
      [{ app: ({ app }) => app.set('trust proxy', true) }, 'app.example', 200],
      [{ app: ({ app }) => app.set('trust proxy', 'loopback') }, 'app.example', 200],
      [{ app: ({ app }) => app.set('trust proxy', '10.0.0.1') }, 'app.example', 403],
    ]) {
      test(`behind a proxy that keeps Host to itself: ${status} for ${forwarded}`, LIMIT, async (t) => {
        const f = await shareApp(t, { expressVersion, ...settings });
        const { cookies } = await f.login();
        const headers = {
          cookie: `connect.sid=${cookies.get('connect.sid')}`,
          host: 'upstream:3000',
          origin: APP,
          ...(forwarded && { 'x-forwarded-host': forwarded }),
        };
        const [response] = await once(http.get(f.url + ROUTE, { headers }), 'response');
        response.resume();
        assert.equal(response.statusCode, status);
      });
    }

    test('pages without an origin are let in by name alone', LIMIT, async (t) => {
      for (const origin of ['null', 'file://']) {
        const f = await shareApp(t, { expressVersion, options: { allowedOrigins: [origin] } });
        const browser = await f.login();
        for (const other of ['null', 'file://']) {
          const { status, headers } = await browser.json(ROUTE, { headers: { origin: other } });
          assert.equal(status, other === origin ? 200 : 403, other);
          if (other === origin) assert.equal(headers.get('access-control-allow-origin'), origin);
        }
      }
    });

    test('answers a preflight of an allowed page, and makes nothing for it', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion, ...ALLOWING });
      const { status, headers, text } = await f.browser().request(ROUTE, {
        method: 'OPTIONS',
        headers: { origin: APP, 'access-control-request-method': 'GET' },
      });
      assert.deepEqual([status, text], [204, '']);
      assert.deepEqual(cors(headers), {
        'access-control-allow-origin': APP,
        'access-control-allow-credentials': 'true',
        'access-control-allow-methods': 'GET',
        'access-control-allow-headers': 'Accept, Cache-Control, Pragma',
      });
      assert.deepEqual(f.store.ids(), []);
    });

    test('keeps what the app has said in Vary', LIMIT, async (t) => {
      const before = [
        (_req, res, next) => {
          res.vary('Accept-Encoding');
          next();
        },
      ];
      const f = await shareApp(t, { expressVersion, before });
      const { headers } = await f.browser().request(ROUTE);
      assert.equal(headers.get('vary'), 'Accept-Encoding, Origin');
    });

    test('leaves all other methods and paths to the app', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion, ...ALLOWING });
      const headers = { origin: 'https://evil.example' };
      for (const [path, method] of [
        [ROUTE, 'POST'],
        [ROUTE, 'DELETE'],
        ['/io-session', 'GET'],
        ['/io-session/', 'GET'],
        ['/io-session/socket', 'GET'],
        ['/io-session/socket/', 'GET'],
        ['/io-session/socket/a/b/c', 'GET'],
        ['/io-session/client.jsx', 'GET'],
        ['/io-sessionx/socket/__local', 'GET'],
        ['/x/io-session/socket/__local', 'GET'],
      ]) {
        assert.equal((await f.browser().request(path, { method, headers })).status, 404, `${method} ${path}`);
      }
      assert.deepEqual(f.store.ids(), []);
    });

    test('takes a socket id, a slash at the end and a query, as clients send them', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion });
      const browser = await f.login();
      const { key } = (await browser.json(ROUTE)).body;
      for (const path of [`${ROUTE}/`, keyPath('some id', browser), `${ROUTE}?cache=1`]) {
        assert.deepEqual((await browser.json(path)).body, { key });
      }
    });

    test('HEAD makes nothing', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion });
      const { status, headers } = await f.browser().request(ROUTE, { method: 'HEAD' });
      assert.deepEqual([status, headers.get('cache-control')], [200, 'no-store']);
      assert.deepEqual(f.store.ids(), []);
    });

    test('has one key per session and channel, and no channel that is no name', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion });
      const browser = await f.login();
      const keys = new Set();
      for (const channel of ['a', 'b', 'constructor', 'toString', 'ü/?#', 'x'.repeat(128), 'a']) {
        keys.add(await f.keyOf(browser, { channel }));
      }
      assert.equal(keys.size, 6);
      for (const channel of ['__proto__', 'a%00b', '%0a', '%E0%A4%A', 'x'.repeat(129)]) {
        const { status, body } = await browser.json(`/io-session/socket/${channel}`);
        assert.deepEqual([status, body.code], [400, 'ERR_BAD_CHANNEL'], channel);
      }
      assert.equal({}.key, undefined);
    });

    test('stops at maxChannels channels of a session', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion, options: { maxChannels: 2 } });
      const browser = await f.login();
      for (const channel of ['a', 'b', 'a', 'b']) await f.keyOf(browser, { channel });
      const { status, body } = await browser.json('/io-session/socket/c');
      assert.deepEqual([status, body.code], [400, 'ERR_TOO_MANY_CHANNELS']);
      await f.keyOf(await f.login(), { channel: 'c' });
    });

    test('stops at maxKeysPerMinute, for that session alone', LIMIT, async (t) => {
      const f = await shareApp(t, { expressVersion, options: { maxKeysPerMinute: 3 } });
      const browser = await f.login();
      for (const channel of ['a', 'a', 'b']) await f.keyOf(browser, { channel });
      const { status, headers, body } = await browser.json('/io-session/socket/a');
      assert.equal(status, 429);
      assert.deepEqual(Object.keys(body), ['error', 'code']);
      assert.equal(body.code, 'ERR_TOO_MANY_KEYS');
      assert.equal(headers.get('cache-control'), 'no-store');
      assert.equal(headers.get('retry-after'), '60');
      await f.keyOf(await f.login());
    });

    for (const [what, method, prepare] of [
      ['made', 'set', async () => {}],
      ['looked at', 'get', (f, browser) => f.keyOf(browser)],
    ]) {
      test(`says no word of a store that fails as a key is ${what}: the app is told`, LIMIT, async (t) => {
        const told = [];
        const f = await shareApp(t, {
          expressVersion,
          options: { onError: (error) => told.push(error.message) },
        });
        const browser = await f.login();
        await prepare(f, browser);
        f.store.next(method, 'error', (id) => id !== browser.sid);
        const { status, body } = await browser.json(ROUTE);
        assert.equal(status, 503);
        assert.deepEqual(body, { error: 'The session store failed.', code: 'ERR_STORE_UNAVAILABLE' });
        assert.deepEqual(told, ['scripted']);
        await f.keyOf(browser);
      });
    }
  });
}

for (const socketIoVersion of [2, 4]) {
  describe(`a connection, Socket.IO ${socketIoVersion}`, () => {
    const from = (f, origin, more) =>
      f.connect({ extraHeaders: origin === undefined ? {} : { origin }, ...more });

    test('of an allowed page, of this host and of a program is taken', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion, ...ALLOWING });
      const key = await f.keyOf(await f.login());
      for (const origin of [APP, f.ioUrl, undefined]) {
        const socket = await from(f, origin, socketIoVersion === 2 ? { query: { key } } : { auth: { key } });
        assert.equal((await socket.ask('read')).user, 'ann');
      }
    });

    test('of any other page is refused, with the best of keys', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion, ...ALLOWING });
      const key = await f.keyOf(await f.login());
      f.store.taken();
      // An empty Origin is none, for Node.js's own client.
      for (const origin of STRANGERS.filter((one) => one !== '')) {
        const error = await from(
          f,
          origin,
          socketIoVersion === 2 ? { query: { key } } : { auth: { key } },
        ).then(
          () => assert.fail(`'${origin}' has connected`),
          (refusal) => refusal,
        );
        assert.deepEqual(error.data ?? error, { code: REFUSED.code, message: REFUSED.error });
      }
      assert.equal(f.seen.size, 0);
      assert.deepEqual(f.store.taken(), []);
    });

    test('behind a proxy that keeps Host to itself is of this host with trustProxy', LIMIT, async (t) => {
      const extraHeaders = {
        host: 'upstream:3000',
        'x-forwarded-host': 'live.example',
        origin: 'https://live.example',
      };
      for (const trustProxy of [true, false]) {
        const f = await shareApp(t, { socketIoVersion, options: { allowedOrigins: [APP], trustProxy } });
        const connected = await f.connect({ extraHeaders }).then(
          () => true,
          () => false,
        );
        assert.equal(connected, trustProxy);
      }
    });

    test("of another page is Socket.IO's own matter, where no origins are set", LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion });
      const socket = await from(f, 'https://evil.example');
      assert.equal(await socket.ask('echo', 1), 1);
    });

    test('that has shown maxFailedKeys keys in vain reaches the store no more', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion, options: { maxFailedKeys: 3 } });
      const browser = await f.login();
      const socket = await f.connect();
      f.store.taken();
      const asked = Array.from({ length: 20 }, () => socket.ask('__zappa_key', { key: randomUUID() }));
      for (const answer of await Promise.all(asked)) assert.equal(answer.error, 'Missing data');
      assert.equal(f.store.taken().length, 3);
      const { ack } = await share(browser, socket);
      assert.equal(ack.error, 'Missing data');
      // One that only ever showed good ones, or met a store that failed, has shown none in vain.
      const busy = await f.connect();
      for (let n = 0; n < 5; n += 1) {
        assert.equal((await share(browser, busy)).ack.error, undefined);
        f.store.next('get', 'error');
        assert.equal((await busy.ask('__zappa_key', { key: randomUUID() })).code, 'ERR_STORE_UNAVAILABLE');
      }
      assert.equal((await share(browser, busy)).ack.error, undefined);
      // Another connection of the same browser is none the worse.
      assert.equal((await share(browser, await f.connect())).ack.error, undefined);
    });
  });
}
