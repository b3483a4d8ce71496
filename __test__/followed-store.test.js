'use strict';

// What an app may still do with its store after it has been adopted.

const { AsyncLocalStorage } = require('node:async_hooks');
const path = require('node:path');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { MemoryStore, Store } = require('express-session');
const { EmbeddedStore, shareSession } = require('..');
const { deferred } = require('./support/deferred.js');
const { fixture } = require('./support/fixture.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { putApp } = require('./support/put-app.js');
const { shareFixture } = require('./support/share-fixture.js');
const { settle, until } = require('./support/wait.js');

test('an adopted store still answers by promise where no callback is given', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  await f.store.set('other', { cookie: {}, user: 'bob' });
  assert.equal(f.store.read('other').user, 'bob');
  await f.store.destroy('other');
  assert.equal(f.store.read('other'), undefined);
  await f.store.touch(browser.sid, f.store.read(browser.sid));
});

test('a failure that such a promise carries reaches who waits, and ends no process', LIMIT, async (t) => {
  const errors = [];
  const f = await fixture(t, { options: { onError: (error) => errors.push(error.message) } });
  f.store.always('set', 'error');
  f.store.always('destroy', 'error');
  await assert.rejects(f.store.set('other', { cookie: {} }), /scripted/);
  await assert.rejects(f.store.destroy('other'), /scripted/);
  // Nobody waits for this one: an unhandled rejection would fail the test.
  f.store.set('other', { cookie: {} });
  await assert.rejects(f.store.set('other', { cookie: {} }), /scripted/);
  assert.deepEqual(errors, Array(4).fill('scripted'));
});

test('a store that two share is given back when the last of them closes it', () => {
  const store = new MemoryStore();
  const [first, second] = [shareSession({ store }), shareSession({ store, channel: 'second' })];
  first.close();
  first.close();
  assert.ok(Object.hasOwn(store, 'get'), 'the second one follows it still');
  second.close();
  assert.equal(store.get, MemoryStore.prototype.get);
});

test('a method that the app has put in place meanwhile stays when the store is given back', () => {
  const store = new MemoryStore();
  const sharing = shareSession({ store });
  const get = (_sid, callback) => callback(null, undefined);
  store.get = get;
  sharing.close();
  assert.equal(store.get, get);
  assert.equal(store.set, MemoryStore.prototype.set);
});

test('a store whose class regenerates by itself, with private fields, goes on to do so', LIMIT, async (t) => {
  class Counting extends HostileStore {
    #count = 0;

    regenerate(req, callback) {
      this.#count += 1;
      super.regenerate(req, callback);
    }

    get regenerated() {
      return this.#count;
    }
  }
  const store = new Counting();
  const f = await shareFixture(t, {
    store,
    app({ app, io }) {
      app.get('/renew', (req, res) => req.session.regenerate(() => res.json(req.session.id)));
      io.on('connection', (socket) => {
        socket.on('renew', async (ack) => ack((await socket.session.regenerate()).id));
      });
    },
  });
  const { browser, sid, socket } = await f.bound();
  const renewed = await socket.ask('renew');
  assert.notEqual(renewed, sid);
  const next = (await browser.json('/renew')).body;
  assert.notEqual(next, sid);
  assert.equal(store.regenerated, 2);
});

// The package's JavaScript once more, as a hot reload or jest.resetModules() has it; the addon is the same.
function secondCopy() {
  const root = path.join(__dirname, '..');
  for (const file of Object.keys(require.cache)) {
    if (file === path.join(root, 'index.js') || file.startsWith(path.join(root, 'lib', path.sep)))
      delete require.cache[file];
  }
  return require('..');
}

for (const [name, open] of Object.entries({
  MemoryStore: () => new MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
})) {
  test(
    `a store that two copies of the package share, and then one, has what each acknowledges, on ${name}`,
    LIMIT,
    async (t) => {
      const store = open();
      const app = (parts) => {
        putApp(parts);
        parts.io.on('connection', (socket) => {
          const { session: kept } = socket;
          socket.on('put in the kept one', (field, ack) => {
            kept[field] = 1;
            ack();
          });
        });
      };
      const stored = (sid) =>
        new Promise((resolve, reject) =>
          store.get(sid, (error, data) => (error ? reject(error) : resolve(data))),
        );
      const first = await shareFixture(t, { store, app });
      const second = await shareFixture(t, { store, app, share: secondCopy().shareSession });
      const check = async (f) => {
        const { browser, socket, sid } = await f.bound();
        assert.equal(await socket.ask('put', 'bySocket'), 'saved');
        assert.equal((await stored(sid)).bySocket, 1);
        await browser.json('/put?field=byHttp');
        const { byHttp, bySocket, user } = await stored(sid);
        assert.deepEqual({ byHttp, bySocket, user }, { byHttp: 1, bySocket: 1, user: 'ann' });
      };
      await check(second);
      await check(first);
      const { key, sid, socket } = await first.bound();
      const other = await second.connect({ auth: { key } });
      const ROUNDS = 20;
      for (let n = 0; n < ROUNDS; n += 1) {
        await Promise.all([socket, other].map((one) => one.ask('count')));
        await socket.ask('put in the kept one', `first${n}`);
        await other.ask('put in the kept one', `second${n}`);
      }
      await Promise.all(
        Array.from({ length: ROUNDS }, () => [socket.ask('count'), other.ask('count')]).flat(),
      );
      const { count, ...fields } = await stored(sid);
      const put = (whose) => Object.keys(fields).filter((field) => field.startsWith(whose)).length;
      assert.deepEqual([count, put('first'), put('second')], [4 * ROUNDS, ROUNDS, ROUNDS]);
      const exact = [first, second].map(({ sharing }) => sharing.stats().exact);
      assert.deepEqual(exact, ['processes', 'processes']);
      first.sharing.close();
      await check(second);
    },
  );
}

test(
  'methods of a store in a Proxy, with private fields, may be wrapped after it is adopted',
  LIMIT,
  async (t) => {
    class PrivateStore extends Store {
      #texts = new Map();
      get(sid, callback) {
        const text = this.#texts.get(sid);
        setImmediate(callback, null, text && JSON.parse(text));
      }
      set(sid, data, callback) {
        this.#texts.set(sid, JSON.stringify(data));
        setImmediate(callback, null);
      }
      destroy(sid, callback) {
        this.#texts.delete(sid);
        setImmediate(callback, null);
      }
    }
    const store = new Proxy(new PrivateStore(), {
      get(target, name) {
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const f = await shareFixture(t, {
      store,
      app({ io }) {
        io.on('connection', (socket) => socket.on('whoami', (ack) => ack(socket.session.user)));
      },
    });
    for (const name of ['get', 'set', 'destroy']) {
      const method = store[name];
      store[name] = function (...args) {
        return method.apply(this, args);
      };
    }
    const { socket } = await f.bound();
    assert.equal(await socket.ask('whoami'), 'ann');
  },
);

// An app that writes at an event.
function writing({ io }) {
  io.on('connection', (socket) =>
    socket.on('write', (ack) => {
      socket.session.written = true;
      ack('saved');
    }),
  );
}

// Keeps texts. What a touch has read is written when the test says so.
class TouchingStore extends Store {
  texts = new Map();
  touching = undefined;

  get(sid, callback) {
    const text = this.texts.get(sid);
    setImmediate(callback, null, text && JSON.parse(text));
  }

  set(sid, data, callback) {
    const text = JSON.stringify(data);
    setImmediate(() => {
      this.texts.set(sid, text);
      callback(null);
    });
  }

  touch(sid, { cookie }, callback) {
    const data = JSON.parse(this.texts.get(sid));
    this.touching.reached.resolve();
    this.touching.go.promise.then(() => this.set(sid, { ...data, cookie }, callback));
  }

  destroy(sid, callback) {
    this.texts.delete(sid);
    setImmediate(callback, null);
  }
}

test('a change is not undone by a touch of a store that reads and writes for it', LIMIT, async (t) => {
  const store = new TouchingStore();
  const { bound } = await shareFixture(t, {
    store,
    app({ app, io }) {
      app.get('/look', (req, res) => res.json(req.session.user));
      writing({ io });
      io.on('connection', (socket) => {
        socket.on('update', async (ack) => {
          await socket.session.update((session) => {
            session.updated = true;
          });
          ack('updated');
        });
      });
    },
  });
  const { browser, sid, socket } = await bound();
  store.touching = { reached: deferred(), go: deferred() };
  const looked = browser.json('/look');
  await store.touching.reached.promise;
  const answers = Promise.all([socket.ask('write'), socket.ask('update')]);
  await settle(200);
  store.touching.go.resolve();
  assert.deepEqual(await answers, ['saved', 'updated']);
  assert.equal((await looked).body, 'ann');
  const { updated, written } = JSON.parse(store.texts.get(sid));
  assert.deepEqual({ updated, written }, { updated: true, written: true });
});

test('an HTTP save waits for a touch of its session that is under way', LIMIT, async (t) => {
  const store = new TouchingStore();
  const { bound } = await shareFixture(t, { store });
  const { browser, sid } = await bound();
  store.touching = { reached: deferred(), go: deferred() };
  const read = browser.request('/read');
  await store.touching.reached.promise;
  const login = browser.request('/login?user=bea');
  await settle(200);
  store.touching.go.resolve();
  for (const { status } of await Promise.all([read, login])) assert.equal(status, 200);
  assert.equal(JSON.parse(store.texts.get(sid)).user, 'bea');
});

test(
  'a touch that is never answered holds up the changes of its session for storeTimeout',
  LIMIT,
  async (t) => {
    const store = new TouchingStore();
    const { bound } = await shareFixture(t, {
      store,
      options: { storeTimeout: 500, onError() {} },
      app: writing,
    });
    const { browser, socket } = await bound();
    store.touching = { reached: deferred(), go: deferred() };
    const read = browser.request('/read');
    await store.touching.reached.promise;
    await read.catch(() => {});
    assert.equal(await socket.ask('write'), 'saved');
  },
);

test(
  'a store that looks at the request of a session in its set() finds it at each save',
  LIMIT,
  async (t) => {
    const seen = [];
    class AuditingStore extends TouchingStore {
      set(sid, session, callback) {
        if (session.req) seen.push(session.req.headers['x-name'] ?? session.req.get('host'));
        super.set(sid, session, callback);
      }
    }
    const { browser, bound, url } = await shareFixture(t, {
      store: new AuditingStore(),
      app: writing,
    });
    const client = browser();
    const login = (user) => client.request(`/login?user=${user}`, { headers: { 'x-name': user } });
    for (const user of ['ann', 'bea', 'cleo']) assert.equal((await login(user)).status, 200);
    assert.deepEqual(seen.splice(0), ['ann', 'bea', 'cleo']);
    const { socket } = await bound();
    seen.splice(0);
    assert.equal(await socket.ask('write'), 'saved');
    assert.deepEqual(seen, [new URL(url).host]);
  },
);

// Stores one of whose methods calls another one of its own.
const CALLS_ITSELF = {
  'touch calls set': class extends TouchingStore {
    touch(sid, session, callback) {
      this.set(sid, session, callback);
    }
  },
  'touch calls get and set': class extends TouchingStore {
    touch(sid, { cookie }, callback) {
      this.get(sid, (_error, data) => this.set(sid, { ...data, cookie }, callback));
    }
  },
  'set calls touch': class extends TouchingStore {
    set(sid, session, callback) {
      super.set(sid, session, () => this.touch(sid, session, callback));
    }
    touch(_sid, _session, callback) {
      setImmediate(callback, null);
    }
  },
};

for (const [what, Own] of Object.entries(CALLS_ITSELF)) {
  test(`a store whose ${what} waits for nothing, and loses nothing`, LIMIT, async (t) => {
    const { bound } = await shareFixture(t, {
      store: new Own(),
      options: { storeTimeout: 600_000 },
      app({ io }) {
        io.on('connection', (socket) =>
          socket.on('count', (ack) => {
            socket.session.count = (socket.session.count ?? 0) + 1;
            ack('saved');
          }),
        );
      },
    });
    const { browser, socket } = await bound();
    const events = Array.from({ length: 20 }, () => socket.ask('count'));
    const pages = Array.from({ length: 20 }, () => browser.json('/read'));
    for (const { status } of await Promise.all(pages)) assert.equal(status, 200);
    await Promise.all(events);
    assert.equal((await browser.json('/read')).body.count, 20);
  });
}

test(
  'a get that the app has put on its MemoryStore later, and that takes its time, undoes no save',
  LIMIT,
  async (t) => {
    const [begun, saved, looked, added, ended] = Array.from({ length: 5 }, deferred);
    const store = new MemoryStore();
    const { bound } = await shareFixture(t, {
      store,
      app({ io }) {
        io.on('connection', (socket) => {
          socket.on('add', async (ack) => {
            begun.resolve();
            await saved.promise;
            socket.session.list = ['one'];
            ack();
            await added.promise;
            socket.session.list = [...socket.session.list, 'two'];
            ended.resolve();
          });
          socket.on('look', (ack) => ack(socket.session.list));
        });
      },
    });
    const { get } = store;
    let hold = (release) => release();
    store.get = function (sid, callback) {
      get.call(this, sid, (...answer) => hold(() => callback(...answer)));
    };
    const { browser, socket } = await bound();
    const adding = socket.ask('add');
    await begun.promise;
    hold = looked.resolve;
    const looking = socket.ask('look');
    const release = await looked.promise;
    hold = (answer) => answer();
    saved.resolve();
    await adding;
    release();
    await looking;
    added.resolve();
    await ended.promise;
    await until(async () => (await browser.json('/read')).body.list.includes('two'), 'it is saved');
    assert.deepEqual((await browser.json('/read')).body.list, ['one', 'two']);
  },
);

test('touches of one session that wait are one call, answered where each was asked', LIMIT, async (t) => {
  const store = new TouchingStore();
  const touched = t.mock.method(store, 'touch');
  const contexts = new AsyncLocalStorage();
  const seen = [];
  const { bound } = await shareFixture(t, {
    store,
    before: [(req, _res, next) => contexts.run(req.query.page, next)],
    app({ app }) {
      app.get('/look', (req, res) => {
        res.on('finish', () => seen.push([req.query.page, contexts.getStore()]));
        res.json(req.session.user);
      });
    },
  });
  const { browser } = await bound();
  store.touching = { reached: deferred(), go: deferred() };
  const before = touched.mock.callCount();
  const looked = Array.from({ length: 10 }, (_, page) => browser.json(`/look?page=${page}`));
  await store.touching.reached.promise;
  await settle(200);
  store.touching.go.resolve();
  for (const { body } of await Promise.all(looked)) assert.equal(body, 'ann');
  assert.ok(touched.mock.callCount() - before < 10, 'some waited');
  assert.equal(seen.length, 10);
  for (const [page, context] of seen) assert.equal(context, page);
});

// What an app may put around its store, so that nothing of a session can be read there.
function encrypt(store) {
  const { get, set } = store;
  store.set = (sid, { cookie, ...data }, callback) =>
    set.call(store, sid, { cookie, sealed: Buffer.from(JSON.stringify(data)).toString('base64') }, callback);
  store.get = (sid, callback) =>
    get.call(store, sid, (error, { cookie, sealed } = {}) =>
      callback(error, cookie && { cookie, ...JSON.parse(Buffer.from(sealed, 'base64').toString()) }),
    );
}

for (const [name, make] of Object.entries({
  MemoryStore: () => new MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
  'a store that answers later': () => new HostileStore(),
})) {
  for (const isLate of [false, true]) {
    const when = isLate ? 'behind' : 'before';
    test(`${name} that the app encrypts ${when} shareSession() has keys and sessions`, LIMIT, async (t) => {
      const store = make();
      if (!isLate) encrypt(store);
      const f = await shareFixture(t, {
        store,
        app({ io }) {
          if (isLate) encrypt(store);
          io.on('connection', (socket) => {
            socket.on('count', async (ack) => {
              socket.session.seen = true;
              ack(await socket.session.update((session) => (session.count = (session.count ?? 0) + 1)));
            });
          });
        },
      });
      const { browser, socket } = await f.bound();
      const counts = await Promise.all([1, 2, 3].map(() => socket.ask('count')));
      assert.deepEqual(counts.sort(), [1, 2, 3]);
      const { count, seen, user } = (await browser.json('/read')).body;
      assert.deepEqual({ count, seen, user }, { count: 3, seen: true, user: 'ann' });
      const ended = socket.next('session:end');
      await browser.json('/logout');
      assert.equal((await ended).reason, 'destroy');
    });
  }
}

test('a store that keeps the object that it is given does not keep the socket', LIMIT, async (t) => {
  const given = [];
  class KeepingStore extends TouchingStore {
    set(sid, session, callback) {
      given.push(session);
      super.set(sid, session, callback);
    }
  }
  const { bound } = await shareFixture(t, {
    store: new KeepingStore(),
    app: writing,
  });
  const { socket } = await bound();
  given.splice(0);
  assert.equal(await socket.ask('write'), 'saved');
  assert.equal(given.length, 1);
  assert.equal(Object.getPrototypeOf(given[0].req), Object.prototype);
});

test('a handler that goes on after clear() and close() saves, and destroys nothing', LIMIT, async (t) => {
  const store = new HostileStore();
  const [begun, go] = [deferred(), deferred()];
  const { bound, sharing } = await shareFixture(t, {
    store,
    app({ io }) {
      io.on('connection', (socket) =>
        socket.on('write', async (ack) => {
          begun.resolve();
          await go.promise;
          socket.session.written = true;
          ack('saved');
        }),
      );
    },
  });
  await new Promise((resolve) => sharing.store.clear(resolve));
  const { sid, socket } = await bound();
  const answer = socket.ask('write');
  await begun.promise;
  sharing.close();
  go.resolve();
  assert.equal(await answer, 'saved');
  await settle();
  assert.equal(store.read(sid)?.written, true);
});
