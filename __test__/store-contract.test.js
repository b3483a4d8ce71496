'use strict';

// express-session's documented contract of a session store, on MemoryStore, on ours (with and without a file) and on
// connect-redis alike; or on the store of IO_SESSION_STORE alone, which `npm run store-contract` sets, and what io-session does on
// it as well.

const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { describe, test, before, after } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const session = require('express-session');
const { EmbeddedStore } = require('..');
const { own, redis } = require('./support/stores.js');
const { lifeRows, rows } = require('./support/contract-rows.js');
const { LIMIT } = require('./support/limit.js');
const { startRedis } = require('./support/redis-server.js');
const { express } = require('./support/versions.js');
const { HttpClient } = require('./support/http-client.js');
const { until } = require('./support/wait.js');

const { Cookie, Session } = session;

const { IO_SESSION_STORE: OWN } = process.env;

const KINDS = OWN
  ? { [path.basename(OWN)]: () => own(OWN) }
  : {
      MemoryStore: async () => ({ store: new session.MemoryStore(), cleanup() {} }),
      'EmbeddedStore in memory': async () => {
        const store = new EmbeddedStore();
        return { store, cleanup: () => store.close() };
      },
      'EmbeddedStore with a path': async () => {
        const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'io-session-'));
        const store = new EmbeddedStore({ path: path.join(folder, 'sessions'), flushInterval: 10 });
        return {
          store,
          async cleanup() {
            await store.close();
            await fs.rm(folder, { recursive: true });
          },
        };
      },
      'connect-redis': async () => {
        const server = await startRedis();
        const { store, cleanup } = await redis(server);
        return {
          store,
          async cleanup() {
            await cleanup();
            await server.stop();
          },
        };
      },
    };

// Calls a method, and fails when it calls back before it has returned, or twice.
function call(store, method, ...args) {
  return new Promise((resolve, reject) => {
    let returned = false;
    let answers = 0;
    store[method](...args, (error, value) => {
      answers += 1;
      assert.ok(returned, `${method} called back before it returned`);
      assert.equal(answers, 1, `${method} called back twice`);
      if (error) reject(error);
      // A second answer would come in the turns after the first.
      else setTimeout(resolve, 2, value);
    });
    returned = true;
  });
}

function made(store, sid, data, cookie = { maxAge: 60_000 }) {
  return new Session({ sessionID: sid, sessionStore: store }, { cookie: new Cookie(cookie), ...data });
}

for (const [name, open] of Object.entries(KINDS)) {
  describe(`${name} keeps express-session's contract of a store`, LIMIT, () => {
    let store;
    let cleanup;
    before(async () => {
      ({ store, cleanup } = await open());
    });
    after(() => cleanup());
    const sid = () => randomUUID();

    test('it is an EventEmitter', async () => {
      setImmediate(() => store.emit('something', 1));
      assert.deepEqual(await once(store, 'something'), [1]);
    });

    test('get of nothing gives nothing, and no error', async () => {
      assert.equal((await call(store, 'get', sid())) ?? null, null);
    });

    test('what was set is got, as data', async () => {
      const id = sid();
      const saved = made(store, id, { user: 'ann', nested: { list: [1, null, 'é’😀'] } });
      await call(store, 'set', id, saved);
      const data = await call(store, 'get', id);
      assert.deepEqual({ ...data }, JSON.parse(JSON.stringify(saved)));
      assert.ok(!(data instanceof Session));
    });

    test('two gets give two objects', async () => {
      const id = sid();
      await call(store, 'set', id, made(store, id, { list: [] }));
      const first = await call(store, 'get', id);
      first.list.push(1);
      assert.deepEqual((await call(store, 'get', id)).list, []);
    });

    test('a session changed after set is stored as it was', async () => {
      const id = sid();
      const saved = made(store, id, { n: 1 });
      const done = call(store, 'set', id, saved);
      saved.n = 2;
      await done;
      assert.equal((await call(store, 'get', id)).n, 1);
    });

    test('set over a session replaces it', async () => {
      const id = sid();
      await call(store, 'set', id, made(store, id, { a: 1 }));
      await call(store, 'set', id, made(store, id, { b: 1 }));
      const { cookie: _, ...rest } = await call(store, 'get', id);
      assert.deepEqual(rest, { b: 1 });
    });

    test('destroy takes the session away, and does nothing where there is none', async () => {
      const id = sid();
      await call(store, 'set', id, made(store, id, {}));
      await call(store, 'destroy', id);
      assert.equal((await call(store, 'get', id)) ?? null, null);
      await call(store, 'destroy', id);
    });

    test('touch leaves the data alone', async () => {
      const id = sid();
      const saved = made(store, id, { n: 1 });
      await call(store, 'set', id, saved);
      saved.n = 2;
      saved.cookie.maxAge = 120_000;
      await call(store, 'touch', id, saved);
      assert.equal((await call(store, 'get', id)).n, 1);
    });

    test('touch of nothing makes nothing', async () => {
      const id = sid();
      await call(store, 'touch', id, made(store, id, {}));
      assert.equal((await call(store, 'get', id)) ?? null, null);
    });

    test('a session ends with its cookie, and touch puts the end off', async () => {
      // In this order: when the short one is over, so is what the long one had at first. connect-redis counts in seconds.
      const [long, short] = [sid(), sid()];
      for (const id of [long, short]) await call(store, 'set', id, made(store, id, {}, { maxAge: 2000 }));
      await call(store, 'touch', long, made(store, long, {}, { maxAge: 60_000 }));
      await until(async () => !(await call(store, 'get', short)), 'the short one is over');
      assert.ok(await call(store, 'get', long));
    });

    test('load gives a Session with a Cookie, or undefined', async () => {
      const id = sid();
      const session = made(store, id, { n: 1 });
      await call(store, 'set', id, session);
      const loaded = await call(store, 'load', id);
      // Of the store's own copy of express-session, which may be another than ours.
      for (const method of ['save', 'reload', 'destroy', 'regenerate', 'touch'])
        assert.equal(typeof loaded[method], 'function', method);
      assert.equal(typeof loaded.cookie.serialize, 'function');
      assert.ok(loaded.cookie.expires instanceof Date);
      assert.equal(loaded.cookie.originalMaxAge, session.cookie.originalMaxAge);
      assert.deepEqual([loaded.id, loaded.n], [id, 1]);
      assert.equal(await call(store, 'load', sid()), undefined);
    });

    test('all, length and clear agree', async () => {
      await call(store, 'clear');
      assert.equal(await call(store, 'length'), 0);
      const ids = [sid(), sid(), sid()];
      for (const id of ids) await call(store, 'set', id, made(store, id, { who: id }));
      assert.equal(await call(store, 'length'), 3);
      const all = Object.values(await call(store, 'all'));
      assert.deepEqual(all.map((one) => one.who).sort(), ids.sort());
      await call(store, 'clear');
      assert.equal(await call(store, 'length'), 0);
      assert.equal((await call(store, 'get', ids[0])) ?? null, null);
    });

    test('an Express app logs in, reads, regenerates and logs out', async (t) => {
      const app = express(5)();
      app.use(
        session({
          store,
          secret: 's',
          resave: false,
          saveUninitialized: false,
          rolling: true,
          cookie: { maxAge: 60_000 },
        }),
      );
      app.get('/login', (req, res) => {
        req.session.user = 'ann';
        res.json({});
      });
      app.get('/read', (req, res) => res.json({ id: req.session.id, user: req.session.user }));
      app.get('/regenerate', (req, res) => {
        req.session.regenerate((error) => {
          req.session.user = 'bob';
          res.json({ error });
        });
      });
      app.get('/logout', (req, res) => {
        req.session.destroy((error) => res.json({ error }));
      });
      const server = app.listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      const browser = new HttpClient(`http://127.0.0.1:${server.address().port}`);
      const read = async () => (await browser.json('/read')).body;
      await browser.request('/login');
      const { id, user } = await read();
      assert.equal(user, 'ann');
      assert.deepEqual(await read(), { id, user });
      await browser.request('/regenerate');
      assert.equal((await read()).user, 'bob');
      assert.equal((await call(store, 'get', id)) ?? null, null);
      await browser.request('/logout');
      assert.equal((await read()).user, undefined);
    });
  });
}

if (OWN) {
  describe(`what io-session does on ${path.basename(OWN)}`, () => {
    rows(() => own(OWN));
    lifeRows(() => own(OWN));
  });
}
