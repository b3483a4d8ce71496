'use strict';

// A tab asks for a key with the cookie that a login in another tab is just replacing. Its answer brings no other cookie, which
// would log the browser out again: it is to ask once more, with its next one.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { deferred } = require('./support/deferred.js');
const { LIMIT } = require('./support/limit.js');
const { shareApp } = require('./support/share-app.js');
const { UUID_V4 } = require('./support/uuid.js');

const PATH = '/io-session/socket/__local';

// `login(how)`: a login that is answered when it is told. `asking()`: a request for a key, with the cookie of before.
async function begin(t, set) {
  const go = deferred();
  const begun = deferred();
  const f = await shareApp(t, {
    ...set,
    app({ app }) {
      app.get('/slowly', (req, res) =>
        req.session.regenerate(async () => {
          req.session.user = 'ann';
          begun.resolve();
          await go.promise;
          res.json('hello');
        }),
      );
    },
  });
  const browser = await f.login('nobody');
  return { ...f, begun: begun.promise, browser, go: go.resolve, tab: browser.copy() };
}

// Follows with the cookie that the browser has by then.
async function follow(f, answer, browser) {
  assert.equal(answer.status, 307);
  assert.deepEqual(answer.headers.getSetCookie(), []);
  assert.equal(answer.headers.get('Cache-Control'), 'no-store');
  const { pathname, search } = new URL(answer.headers.get('Location'), f.url + PATH);
  return browser.json(pathname + search);
}

for (const saveUninitialized of [false, true]) {
  describe(`with saveUninitialized ${saveUninitialized}`, () => {
    const set = { sessionOptions: { saveUninitialized } };

    test('a request behind the login is sent again, and has the key of the new session', LIMIT, async (t) => {
      const f = await begin(t, set);
      await f.browser.request('/regenerate');
      const { status, body } = await follow(f, await f.tab.request(PATH), f.browser);
      assert.equal(status, 200);
      const socket = await f.connect({ key: body.key });
      assert.equal(f.seen.get(socket.id).id, f.browser.sid);
      assert.equal(f.seen.get(socket.id).user, 'somebody new');
    });

    test('a request before its answer is answered after that', LIMIT, async (t) => {
      const f = await begin(t, set);
      const login = f.browser.request('/slowly');
      await f.begun;
      const asked = f.tab.request(PATH);
      const first = await Promise.race([asked, f.browser.request('/read').then(() => 'still waiting')]);
      assert.equal(first, 'still waiting');
      f.go();
      await login;
      const { body } = await follow(f, await asked, f.browser);
      const socket = await f.connect({ key: body.key });
      assert.equal(f.seen.get(socket.id).user, 'ann');
    });
  });
}

test('a request that began before the login, and ends behind it, brings no cookie', LIMIT, async (t) => {
  const f = await begin(t, { sessionOptions: { cookie: { maxAge: 60_000 } } });
  const { store } = f;
  const record = store.hold('set', (sid) => UUID_V4.test(sid));
  const asked = f.tab.request(PATH);
  await record.reached;
  await f.browser.request('/regenerate');
  record.release();
  const { status } = await follow(f, await asked, f.browser);
  assert.equal(status, 200);
});

test(
  'a browser that the answer of the login never reaches asks once, and has a new session then',
  LIMIT,
  async (t) => {
    const f = await begin(t);
    await f.browser.request('/regenerate');
    const { sid } = f.tab;
    const { status } = await follow(f, await f.tab.request(PATH), f.tab);
    assert.equal(status, 200);
    assert.notEqual(f.tab.sid, sid);
    assert.notEqual(f.tab.sid, f.browser.sid);
  },
);

test('a logout that destroys the session has nobody ask again', LIMIT, async (t) => {
  const f = await shareApp(t);
  const browser = await f.login();
  await browser.request('/logout');
  assert.equal((await browser.request(PATH)).status, 200);
});

test('the id of a session that has ended tells nothing without its signature', LIMIT, async (t) => {
  const f = await shareApp(t);
  const browser = await f.login();
  const guess = f.browser();
  guess.cookies.set('connect.sid', encodeURIComponent(`s:${browser.sid}.nothing`));
  await browser.request('/regenerate');
  assert.equal((await guess.request(PATH)).status, 200);
});
