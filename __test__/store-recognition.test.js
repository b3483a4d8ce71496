'use strict';

// A store is taken for what it does: not for the name of its class, a field, or a method's text. Whatever an app has put in the
// place of a method is called, and nothing is lost.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const session = require('express-session');
const { EmbeddedStore, shareSession } = require('..');
const { deferred } = require('./support/deferred.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { startPostgres } = require('./support/postgres-server.js');
const { startRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

const EVENTS = 12;

// A bound socket whose events add to the session, each in its way, while the page does so by HTTP. Nothing may be lost.
async function keepsAll(t, store, { after = () => {} } = {}) {
  const errors = [];
  const f = await shareFixture(t, {
    store,
    options: { onError: (error) => errors.push(error) },
    app({ app, io }) {
      app.get('/add/:name', (req, res) => {
        req.session[req.params.name] = true;
        res.json(1);
      });
      io.on('connection', (socket) => {
        socket.on('add', async (name, ack) => {
          socket.session[name] = true;
          ack();
        });
        socket.on('count', (ack) =>
          socket.session
            .update((data) => {
              data.counts = { visits: (data.counts?.visits ?? 0) + 1 };
            })
            .then(() => ack()),
        );
      });
    },
  });
  const { browser, socket, sid } = await f.bound();
  after(f);
  const numbers = [...Array(EVENTS).keys()];
  await Promise.all(
    numbers.flatMap((number) => [
      socket.ask('add', `event${number}`),
      socket.ask('count'),
      browser.json(`/add/page${number}`),
    ]),
  );
  const stored = (await browser.json('/read')).body;
  const names = numbers.flatMap((number) => [`event${number}`, `page${number}`]);
  assert.deepEqual(
    names.filter((name) => !stored[name]),
    [],
    'nothing is lost',
  );
  assert.equal(stored.counts.visits, EVENTS);
  assert.equal(stored.user, 'ann');
  assert.deepEqual(errors, []);
  await browser.request('/logout');
  return { ...f, sid };
}

// What each calls is counted by the app.
function counting(store, methods = ['get', 'set', 'destroy']) {
  const calls = {};
  for (const method of methods) {
    const own = store[method];
    calls[method] = 0;
    store[method] = function (...args) {
      calls[method] += 1;
      return own.apply(this, args);
    };
  }
  return calls;
}

class Keeping extends session.Store {
  destroy(sid, callback) {
    this.drop(sid);
    process.nextTick(callback, null);
  }
}

const OWN = {
  'keeps objects in `sessions`'() {
    return new (class MemoryStore extends Keeping {
      sessions = {};
      get(sid, callback) {
        process.nextTick(callback, null, this.sessions[sid]);
      }
      set(sid, data, callback) {
        this.sessions[sid] = data;
        callback();
      }
      drop(sid) {
        delete this.sessions[sid];
      }
    })();
  },
  'keeps a Map in `sessions`'() {
    return new (class MemoryStore extends Keeping {
      sessions = new Map();
      get(sid, callback) {
        process.nextTick(callback, null, this.sessions.get(sid));
      }
      set(sid, data, callback) {
        this.sessions.set(sid, data);
        process.nextTick(callback, null);
      }
      drop(sid) {
        this.sessions.delete(sid);
      }
    })();
  },
  'keeps texts in a wrapping'() {
    return new (class MemoryStore extends Keeping {
      sessions = {};
      get(sid, callback) {
        const kept = this.sessions[sid];
        setImmediate(callback, null, kept && JSON.parse(kept.text));
      }
      set(sid, data, callback) {
        this.sessions[sid] = { text: JSON.stringify(data) };
        setImmediate(callback, null);
      }
      drop(sid) {
        delete this.sessions[sid];
      }
    })();
  },
};

for (const [name, open] of Object.entries(OWN)) {
  test(`an app's own MemoryStore that ${name}`, LIMIT, async (t) => {
    const { sharing } = await keepsAll(t, open());
    assert.equal(sharing.stats().exact, 'process');
  });
}

test("a subclass of express-session's MemoryStore with its methods is one", LIMIT, async (t) => {
  class Named extends session.MemoryStore {}
  const { sharing } = await keepsAll(t, new Named());
  assert.equal(sharing.stats().exact, 'processes');
});

for (const method of ['get', 'set']) {
  test(
    `a subclass of express-session's MemoryStore whose ${method} is another has it called`,
    LIMIT,
    async (t) => {
      let calls = 0;
      class Own extends session.MemoryStore {}
      Own.prototype[method] = function (...args) {
        calls += 1;
        return session.MemoryStore.prototype[method].apply(this, args);
      };
      await keepsAll(t, new Own());
      assert.ok(calls >= EVENTS, `${calls} calls`);
    },
  );
}

test('a subclass of EmbeddedStore whose set is another has it called', LIMIT, async (t) => {
  let calls = 0;
  class Own extends EmbeddedStore {
    set(...args) {
      calls += 1;
      return super.set(...args);
    }
  }
  const store = new Own();
  t.after(() => store.close());
  await keepsAll(t, store);
  assert.ok(calls >= EVENTS, `${calls} calls`);
});

for (const [name, proxied] of Object.entries({
  'the method that is there when it is asked for': (own) => own,
  'the method that is there when it is called':
    (_own, target, method) =>
    (...args) =>
      target[method](...args),
})) {
  test(`a Proxy that calls ${name}`, LIMIT, async (t) => {
    const calls = { get: 0, set: 0, destroy: 0 };
    const target = new session.MemoryStore();
    const store = new Proxy(target, {
      get(_target, method, receiver) {
        const own = Reflect.get(target, method, receiver);
        if (!(method in calls)) return own;
        const inner = proxied(own, target, method);
        return (...args) => {
          calls[method] += 1;
          return inner.apply(target, args);
        };
      },
    });
    await keepsAll(t, store);
    assert.ok(calls.get >= EVENTS && calls.set >= EVENTS && calls.destroy > 0, JSON.stringify(calls));
  });
}

describe('a store that is wrapped', () => {
  let redis;
  let postgres;
  before(async () => {
    [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
  });
  after(() => Promise.all([redis.stop(), postgres.stop()]));

  const kinds = {
    MemoryStore: () => stores.memory(),
    EmbeddedStore: () => stores.embedded(),
    memorystore: () => stores.memorystore(),
    'connect-redis 9': () => stores.redis(redis),
    'connect-redis 3': () =>
      stores.redis(redis, undefined, { version: 'connect-redis 3', client: 'node-redis 2' }),
    'connect-pg-simple': () => stores.postgres(postgres),
  };
  for (const [name, open] of Object.entries(kinds)) {
    test(`${name}, before it is adopted, is called so`, LIMIT, async (t) => {
      const kept = await open();
      t.after(() => kept.cleanup());
      const calls = counting(kept.store);
      await keepsAll(t, kept.store);
      assert.ok(calls.get >= EVENTS && calls.set >= EVENTS && calls.destroy > 0, JSON.stringify(calls));
    });

    test(`${name}, in a Proxy, is called so`, LIMIT, async (t) => {
      const kept = await open();
      t.after(() => kept.cleanup());
      const calls = { get: 0, set: 0, destroy: 0 };
      const { store } = kept;
      const proxy = new Proxy(store, {
        get(target, method) {
          if (!(method in calls)) return Reflect.get(target, method);
          return (...args) => {
            calls[method] += 1;
            return target[method](...args);
          };
        },
      });
      await keepsAll(t, proxy);
      assert.ok(calls.get >= EVENTS && calls.set >= EVENTS && calls.destroy > 0, JSON.stringify(calls));
    });

    test(`${name}, after it is adopted, is called so`, LIMIT, async (t) => {
      const kept = await open();
      t.after(() => kept.cleanup());
      let calls;
      const { sharing } = await keepsAll(t, kept.store, {
        after() {
          calls = counting(counting(kept.store) && kept.store);
        },
      });
      assert.ok(calls.get >= EVENTS && calls.set >= EVENTS && calls.destroy > 0, JSON.stringify(calls));
      assert.equal(sharing.stats().exact, 'process');
    });
  }

  // As a minifier leaves it: another name, the same class.
  const renamed = (make) => async () => {
    const kept = await make();
    const { store } = kept;
    const own = Object.getPrototypeOf(store);
    Object.defineProperty(own.constructor, 'name', { value: 't' });
    return kept;
  };
  const known = {
    'connect-redis 3 on node-redis 2': { version: 'connect-redis 3', client: 'node-redis 2' },
    'connect-redis 3 on node-redis 3': { version: 'connect-redis 3', client: 'node-redis 3' },
    'connect-redis 6 on node-redis 3': { version: 'connect-redis 6', client: 'node-redis 3' },
    'connect-redis 6 on ioredis': { version: 'connect-redis 6', client: 'ioredis' },
    'connect-redis 9 on node-redis 5': { client: 'node-redis 5' },
    'connect-redis 9 on node-redis 6': { version: 'connect-redis 9' },
    'connect-redis 9 on node-redis with a cache': { client: 'node-redis with a cache' },
    'connect-redis 10 on node-redis': { version: 'connect-redis 10' },
  };
  const exact = {
    'connect-pg-simple': renamed(() => stores.postgres(postgres)),
    'connect-pg-simple with jsonb': () => stores.postgres(postgres, undefined, { column: 'jsonb' }),
  };
  for (const [name, set] of Object.entries(known))
    exact[name] = renamed(() => stores.redis(redis, undefined, set));
  for (const [name, open] of Object.entries(exact)) {
    test(`${name} is exact between processes, by what it does`, LIMIT, async (t) => {
      const kept = await open();
      t.after(() => kept.cleanup());
      const sharing = shareSession({ store: kept.store });
      assert.equal(sharing.stats().exact, 'process', 'nothing is known of it yet');
      assert.deepEqual(await kept.ids(), [], 'nobody has used it');
      const exactly = () => until(() => sharing.stats().exact === 'processes', 'it is known');
      kept.store.get('nobody', () => {});
      await exactly();
      assert.deepEqual(await kept.ids(), [], 'nothing is left of it');
      const { loads, commits, timeouts } = sharing.stats();
      assert.deepEqual([loads, commits, timeouts], [0, 0, 0]);
      await keepsAll(t, kept.store);
      sharing.close();
    });
  }

  // A handler that looks at its session for the first time after a logout has loaded it before.
  const logging = (store) => {
    const { get } = store;
    store.get = (sid, callback) => get.call(store, sid, callback);
  };
  const binding = (store) =>
    new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  for (const [what, wrap, replace] of [
    ['whose get the app has replaced', (store) => store, logging],
    ['in a Proxy that binds its methods', binding, () => {}],
  ]) {
    test(
      `${what}: a logout is not undone by a handler that looks at its session after it`,
      LIMIT,
      async (t) => {
        const store = new HostileStore();
        const [began, goesOn] = [deferred(), deferred()];
        const f = await shareFixture(t, {
          store: wrap(store),
          app({ io }) {
            io.on('connection', (socket) => {
              socket.on('work', async (ack) => {
                began.resolve();
                await goesOn.promise;
                socket.session.late = true;
                ack();
              });
            });
          },
        });
        replace(store);
        const { browser, sid, socket } = await f.bound();
        const done = socket.ask('work');
        await began.promise;
        // The logout has begun, the store has not destroyed the session yet, and what is written comes after that.
        const [destroying, writing] = ['destroy', 'set'].map((method) =>
          store.hold(method, (id) => id === sid),
        );
        const gone = browser.json('/logout');
        await destroying.reached;
        goesOn.resolve();
        await settle();
        destroying.release();
        await gone;
        writing.release();
        await done;
        await settle();
        assert.equal(store.read(sid), undefined);
      },
    );
  }

  test(
    'what a process writes before it knows its store is kept beside what another writes',
    LIMIT,
    async (t) => {
      const [first, second] = [await stores.redis(redis, 'two:'), await stores.redis(redis, 'two:')];
      t.after(() => Promise.all([first.cleanup(), second.cleanup()]));
      const page = await shareFixture(t, {
        store: first.store,
        app({ app }) {
          app.get('/add', (req, res) => {
            req.session.byPage = true;
            res.json(1);
          });
        },
      });
      let handled;
      const chat = await shareFixture(t, {
        store: second.store,
        app({ io }) {
          io.on('connection', (socket) => {
            socket.on('add', (ack) => {
              socket.session.byEvent = true;
              handled = true;
              ack();
            });
          });
        },
      });
      const browser = await page.login();
      await until(() => page.sharing.stats().exact === 'processes', 'the page knows its store');
      // The second process gets to know its store only when its handler has run, and the page writes right before it does.
      const { client } = second.store;
      const ofSession = (args) => JSON.stringify(args).includes(browser.sid);
      for (const command of ['set', 'evalSha', 'eval']) {
        const send = client[command];
        client[command] = async (...args) => {
          if (ofSession(args)) await browser.json('/add');
          else if (command !== 'set') await until(() => handled, 'the handler has run');
          return send.apply(client, args);
        };
      }
      const socket = await chat.connect({ key: await page.keyOf(browser) });
      await socket.ask('add');
      const { byPage, byEvent } = (await browser.json('/read')).body;
      assert.deepEqual({ byPage, byEvent }, { byPage: true, byEvent: true });
    },
  );

  test('connect-redis whose serializer is not JSON is read before it is written', LIMIT, async (t) => {
    const serializer = {
      parse: (text) => JSON.parse(Buffer.from(text, 'base64').toString()),
      stringify: (data) => Buffer.from(JSON.stringify(data)).toString('base64'),
    };
    const kept = await stores.redis(redis, undefined, { options: { serializer } });
    t.after(() => kept.cleanup());
    const { sharing } = await keepsAll(t, kept.store);
    assert.equal(sharing.stats().exact, 'process');
  });

  test(
    'a subclass of connect-redis that encrypts what it sets is read before it is written',
    LIMIT,
    async (t) => {
      const kept = await stores.redis(redis);
      t.after(() => kept.cleanup());
      class Secret extends kept.store.constructor {
        set(sid, data, callback) {
          return super.set(
            sid,
            { cookie: data.cookie, secret: JSON.stringify(data).replaceAll('a', 'ä') },
            callback,
          );
        }
        get(sid, callback) {
          return super.get(sid, (error, data) =>
            callback(error, data?.secret ? JSON.parse(data.secret.replaceAll('ä', 'a')) : data),
          );
        }
      }
      await keepsAll(t, new Secret({ client: kept.store.client, prefix: kept.prefix }));
    },
  );

  test('a store that is down when it is first used is looked at again later', LIMIT, async (t) => {
    const kept = await stores.redis(redis);
    t.after(() => kept.cleanup());
    const { client } = kept.store;
    const { get } = client;
    client.get = () => Promise.reject(new Error('away'));
    const sharing = shareSession({ store: kept.store });
    t.after(() => sharing.close());
    await assert.rejects(
      new Promise((resolve, reject) => kept.store.get('a', (error) => (error ? reject(error) : resolve()))),
    );
    assert.equal(sharing.stats().exact, 'process');
    client.get = get;
    await until(() => {
      kept.store.get('a', () => {});
      return sharing.stats().exact === 'processes';
    }, 'it is known');
  });
});

test('a store that is plainly none of those that are known is not probed', LIMIT, async (t) => {
  const store = new HostileStore();
  const { sid } = await keepsAll(t, store);
  const strangers = store.taken().filter((call) => call.sid.includes('probe'));
  assert.deepEqual(strangers, []);
  assert.ok(sid);
});
