'use strict';

// An app may have an express-session of its own, which this package does not find: EmbeddedStore makes its sessions all the same.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { EmbeddedStore } = require('..');
const { HttpClient } = require('./support/http-client.js');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { makeFolder } = require('./support/program.js');
const { express } = require('./support/versions.js');

const MODULES = path.join(__dirname, '..', 'node_modules');

// Another copy of express-session, with what it needs.
function copyOfExpressSession(t) {
  const folder = makeFolder(t, 'copy', []);
  const copy = path.join(folder, 'node_modules', 'express-session');
  fs.cpSync(path.join(MODULES, 'express-session'), copy, { recursive: true });
  for (const name of Object.keys(require('express-session/package.json').dependencies)) {
    const link = path.join(copy, 'node_modules', name);
    if (!fs.existsSync(link)) fs.symlinkSync(path.join(MODULES, name), link, 'junction');
  }
  return require(copy);
}

// A process that starts with sessions which another one has left, and what it says of a request's.
async function start(t, session, store, options) {
  const app = express(5)();
  app.use(session({ store, secret: 'not a secret', resave: false, saveUninitialized: false, ...options }));
  app.get('/login', (req, res) => {
    req.session.user = 'ann';
    res.json({});
  });
  app.get('/session', (req, res) => {
    const { Cookie, Session } = session;
    res.json({
      user: req.session.user,
      isOwn: req.session instanceof Session && req.session.cookie instanceof Cookie,
      id: req.session.id === req.sessionID,
      cookie: { ...req.session.cookie.toJSON(), expires: req.session.cookie.expires instanceof Date },
      maxAge: req.session.cookie.maxAge > 0 && req.session.cookie.maxAge <= 60_000,
    });
  });
  const server = http.createServer(app);
  t.after(() => closeServer(server));
  return new HttpClient(await listen(server));
}

test(
  'its sessions and cookies are of the session middleware’s copy, from the first request on',
  LIMIT,
  async (t) => {
    const session = copyOfExpressSession(t);
    const store = new EmbeddedStore();
    t.after(() => store.close());
    // express-session reads the clock twice for a cookie's time.
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    const cookie = { maxAge: 60_000, sameSite: 'lax' };
    const first = await start(t, session, store, { cookie });
    await first.request('/login');
    // As after a restart: another middleware, and the first request has a cookie.
    const next = await start(t, copyOfExpressSession(t), store, { cookie });
    next.cookies = first.cookies;
    assert.deepEqual((await next.json('/session')).body, {
      user: 'ann',
      isOwn: true,
      id: true,
      cookie: { originalMaxAge: 60_000, expires: true, httpOnly: true, path: '/', sameSite: 'lax' },
      maxAge: true,
    });
  },
);

test(
  'a session that is looked up outside of any request does not decide that for later ones',
  LIMIT,
  async (t) => {
    const session = copyOfExpressSession(t);
    const store = new EmbeddedStore();
    t.after(() => store.close());
    const genid = (req) => `${req.get('user-agent').length}-${Math.random()}`;
    const browser = await start(t, session, store, { genid });
    await browser.request('/login');
    const [sid] = Object.keys(await store.all());
    const loaded = await new Promise((resolve) => store.load(sid, (_error, session) => resolve(session)));
    assert.equal(loaded.user, 'ann');
    assert.equal((await browser.json('/session')).body.isOwn, true);
  },
);

test('an app whose genid and cookie look at the request, or throw, has its sessions', LIMIT, async (t) => {
  const session = copyOfExpressSession(t);
  const store = new EmbeddedStore();
  t.after(() => store.close());
  const before = await start(t, session, store);
  await before.request('/login');
  let number = 0;
  for (const genid of [
    (req) => `${req.ip}-${req.get('user-agent').length}-${number++}`,
    () => {
      throw new Error('no id today');
    },
  ]) {
    const cookie = (req) => ({ maxAge: req.path.length * 60_000 });
    const after = await start(t, session, store, { genid, cookie });
    after.cookies = before.cookies;
    const { body } = await after.json('/session');
    assert.equal(body.user, 'ann');
    assert.equal(body.id, true);
  }
});
