'use strict';

// `await sharing.key(req.session)`: the key of a session for a page that is rendered on the server.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const session = require('express-session');
const Koa = require('koa');
const { shareSession } = require('..');
const { HostileStore } = require('./support/hostile-store.js');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { shareApp } = require('./support/share-app.js');
const { UUID_V4 } = require('./support/uuid.js');

// An app whose page says its key, or the code of what there is instead.
async function start(t, { page = key, ...set } = {}) {
  const f = await shareApp(t, {
    ...set,
    app({ app, sharing }) {
      app.get('/page', (req, res) => page(sharing, req, res).catch((error) => res.json(told(error))));
    },
  });
  return { ...f, page: async (browser) => (await browser.json('/page')).body };
}

const key = async (sharing, req, res) => res.json(await sharing.key(req.session));
const told = ({ code, status, message, cause }) => ({ code, status, message, cause: cause?.message });
const isBound = async (f, key, browser) => {
  const socket = await f.connect({ key });
  assert.equal(f.seen.get(socket.id).id, browser.sid);
};

test(
  'a socket that connects with the key of its page is bound in its connection listener',
  LIMIT,
  async (t) => {
    const f = await start(t);
    const browser = await f.login();
    const key = await f.page(browser);
    assert.match(key, UUID_V4);
    await isBound(f, key, browser);
  },
);

test('it is the key that the key route gives', LIMIT, async (t) => {
  const f = await start(t);
  const browser = await f.login();
  const key = await f.page(browser);
  assert.equal(await f.page(browser), key);
  assert.equal(await f.keyOf(browser), key);
});

test('a visitor without a session gets one, with its cookie', LIMIT, async (t) => {
  const f = await start(t);
  const browser = f.browser();
  const key = await f.page(browser);
  assert.ok(browser.sid);
  await isBound(f, key, browser);
});

test('a session that was destroyed has no key any more', LIMIT, async (t) => {
  const f = await start(t, {
    async page(sharing, req, res) {
      const { session } = req;
      await new Promise((resolve) => session.destroy(resolve));
      res.json(await sharing.key(session));
    },
  });
  for (const browser of [await f.login(), await f.login()])
    assert.equal((await f.page(browser)).code, 'ERR_SESSION_GONE');
});

test('a page that is sent in pieces has a key that is good at once', LIMIT, async (t) => {
  let end;
  const f = await start(t, {
    async page(sharing, req, res) {
      end = () => res.end();
      res.write(`${await sharing.key(req.session)}\n`);
    },
  });
  for (const browser of [f.browser(), await f.login()]) {
    const cookie = browser.cookies.get('connect.sid');
    const headers = cookie ? { cookie: `connect.sid=${cookie}` } : {};
    const [response] = await once(http.get(`${f.url}/page`, { headers }), 'response');
    const [piece] = await once(response.setEncoding('utf8'), 'data');
    // The response goes on; the session is stored already.
    const socket = await f.connect({ key: piece.trim() });
    assert.notEqual((await socket.ask('read')).id, socket.id);
    end();
    response.resume();
    await once(response, 'end');
  }
});

test(
  'what the request has changed before is saved with the key, and what it changes later too',
  LIMIT,
  async (t) => {
    const f = await start(t, {
      async page(sharing, req, res) {
        req.session.before = 1;
        const key = await sharing.key(req.session);
        req.session.later = 2;
        res.json(key);
      },
    });
    const browser = await f.login();
    const socket = await f.connect({ key: await f.page(browser) });
    const { before, later, user } = await socket.ask('read');
    assert.deepEqual({ before, later, user }, { before: 1, later: 2, user: 'ann' });
  },
);

test('a channel of another server, and the limit of channels', LIMIT, async (t) => {
  const f = await start(t, {
    options: { maxChannels: 2 },
    page: async (sharing, req, res) => res.json(await sharing.key(req.session, req.query.channel)),
  });
  const browser = await f.login();
  const of = async (channel) => (await browser.json(`/page?channel=${channel}`)).body;
  assert.notEqual(await of('a'), await of('b'));
  assert.equal(await of('a'), await f.keyOf(browser, { channel: 'a' }));
  assert.equal((await of('c')).code, 'ERR_TOO_MANY_CHANNELS');
  for (const channel of ['__proto__', '%00', 'x'.repeat(129)]) {
    assert.equal((await of(channel)).code, 'ERR_BAD_CHANNEL', channel);
  }
  // An array, as Express makes one of it.
  assert.equal((await of('a&channel=b')).code, 'ERR_BAD_CHANNEL');
});

test('with oneTimeKeys each page has a key of its own, good once', LIMIT, async (t) => {
  const f = await start(t, { options: { oneTimeKeys: true } });
  const browser = await f.login();
  const keys = [await f.page(browser), await f.page(browser)];
  assert.notEqual(keys[0], keys[1]);
  await isBound(f, keys[1], browser);
  const again = await f.connect({ key: keys[1] });
  assert.equal(f.seen.get(again.id).id, again.id);
});

test('pages and the key route count together for maxKeysPerMinute', LIMIT, async (t) => {
  const f = await start(t, { options: { maxKeysPerMinute: 3 } });
  const browser = await f.login();
  await f.page(browser);
  await f.keyOf(browser);
  await f.page(browser);
  assert.equal((await f.page(browser)).code, 'ERR_TOO_MANY_KEYS');
});

test(
  'what the store fails with is the cause, and the session can be asked for its key again',
  LIMIT,
  async (t) => {
    const store = new HostileStore();
    const f = await start(t, { store, options: { onError() {} } });
    const browser = await f.login();
    store.next('set', 'error');
    const { code, status, cause } = await f.page(browser);
    assert.deepEqual([code, status], ['ERR_STORE_UNAVAILABLE', 503]);
    assert.ok(cause);
    await isBound(f, await f.page(browser), browser);
  },
);

test('after sharing.close() there is no key', LIMIT, async (t) => {
  const f = await start(t);
  const browser = await f.login();
  f.sharing.close();
  assert.equal((await f.page(browser)).code, 'ERR_NO_SESSION_STORE');
});

describe('what is no session of the store is refused', () => {
  const others = {
    nothing: () => undefined,
    null: () => null,
    'a session id': (req) => req.sessionID,
    'a plain object': (req) => JSON.parse(JSON.stringify(req.session)),
    'an object without save() that names the store': ({ sessionStore }) => ({
      id: 'x',
      cookie: {},
      req: { sessionStore },
    }),
    'a session of another store': () => {
      const req = { sessionID: 'x', sessionStore: new session.MemoryStore() };
      return new session.Session(req, { cookie: {} });
    },
  };
  for (const [what, make] of Object.entries(others)) {
    test(what, LIMIT, async (t) => {
      const f = await start(t, {
        page: async (sharing, req, res) => res.json(await sharing.key(make(req))),
      });
      const { code, status } = await f.page(await f.login());
      assert.deepEqual([code, status], ['ERR_NO_SESSION', 400]);
    });
  }
});

// examples/koa runs in a browser. Here is why it has express-session.
for (const [name, use] of [
  ['koa-session', (app, sharing) => app.use(require('koa-session').default({ store: sharing.store }, app))],
  [
    'koa-generic-session',
    (app, sharing) => app.use(require('koa-generic-session')({ store: sharing.store })),
  ],
]) {
  test(`Koa: a session of ${name} cannot be shared, and is refused`, LIMIT, async (t) => {
    const sharing = shareSession();
    const app = new Koa();
    app.keys = ['not a secret'];
    app.silent = true;
    use(app, sharing);
    app.use(async (ctx) => {
      ctx.session.user = 'ann';
      ctx.body = await sharing.key(ctx.session).then(
        () => ({}),
        ({ code }) => ({ code }),
      );
    });
    const server = http.createServer(app.callback());
    const url = await listen(server);
    t.after(async () => {
      await closeServer(server);
      sharing.close();
    });
    const response = await fetch(url);
    assert.deepEqual(await response.json(), { code: 'ERR_NO_SESSION' });
  });
}
