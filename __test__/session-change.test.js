'use strict';

// A socket follows what its session says: it is told when somebody else has changed it.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const session = require('express-session');
const { EmbeddedStore } = require('..');
const { startChild } = require('./support/child.js');
const { deferred } = require('./support/deferred.js');
const { fixture } = require('./support/fixture.js');
const { HostileStore } = require('./support/hostile-store.js');
const { HttpClient } = require('./support/http-client.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const { connectSocket, share } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

const redis = suiteRedis();
const SCRIPT = path.join(__dirname, 'support', 'children', 'cluster-process.js');

const STORES = {
  MemoryStore: () => stores.memory(),
  EmbeddedStore: () => stores.embedded(),
  'connect-redis': () => stores.redis(redis),
};

// An app whose sockets say what they were told; `/name` changes the session, `/touch` does not.
const ROLLING = { cookie: { maxAge: 60_000 }, rolling: true };

async function start(t, { kept, store, socketIoVersion = 4, options, hook, sessionOptions = ROLLING } = {}) {
  const told = [];
  const f = await shareFixture(t, {
    ...(kept ? { kept } : { store: store ?? new session.MemoryStore() }),
    socketIoVersion,
    sessionOptions,
    options: {
      onSessionChange(change) {
        told.push([change.socket.id, change.session.name]);
        return hook?.(change);
      },
      ...options,
    },
    app({ app, io }) {
      app.get('/name', (req, res) => {
        req.session.name = req.query.name;
        res.json(1);
      });
      io.on('connection', (socket) => {
        socket.on('name', (name, ack) => {
          socket.session.name = name;
          ack?.();
        });
        socket.on('name later', (name, ack) => {
          setImmediate(() => {
            socket.session.name = name;
            ack();
          });
        });
        socket.on('read', (ack) => ack({ ...socket.session }));
      });
    },
  });
  return { ...f, told };
}

for (const [name, make] of Object.entries(STORES)) {
  for (const socketIoVersion of [2, 4]) {
    describe(`${name}, Socket.IO ${socketIoVersion}`, () => {
      test('what an HTTP request changes is told to each socket of its session', LIMIT, async (t) => {
        const f = await start(t, { kept: await make(), socketIoVersion });
        const { browser, socket, key } = await f.bound();
        const second = await f.connect({ key });
        await f.bound();
        await browser.json('/name?name=Ann');
        await until(() => f.told.length >= 2, 'both are told');
        assert.deepEqual(
          f.told.sort(),
          [
            [socket.id, 'Ann'],
            [second.id, 'Ann'],
          ].sort(),
        );
        assert.equal(f.sharing.stats().changes, 1);
      });

      test('what a socket changes is told to the others, not to itself', LIMIT, async (t) => {
        const f = await start(t, { kept: await make(), socketIoVersion });
        const { socket, key } = await f.bound();
        const second = await f.connect({ key });
        await socket.ask('name', 'Bea');
        await until(() => f.told.length > 0, 'the other one is told');
        await socket.ask('read');
        await second.ask('read');
        await settle();
        assert.deepEqual(f.told, [[second.id, 'Bea']]);
      });
    });
  }
}

for (const [name, make] of Object.entries(STORES)) {
  test(
    `${name}: two sockets change while pages are loaded, and each is told of the other`,
    LIMIT,
    async (t) => {
      const f = await start(t, { kept: await make(), sessionOptions: {} });
      const { browser, socket, key } = await f.bound();
      const second = await f.connect({ key });
      const ROUNDS = 20;
      for (let n = 0; n < ROUNDS; n += 1) {
        await Promise.all([
          browser.json('/read'),
          socket.ask('name', `first ${n}`),
          second.ask('name', `second ${n}`),
        ]);
      }
      const times = ({ id }) => f.told.filter(([who]) => who === id).length;
      await until(() => times(socket) > 0 && times(second) > 0, 'both are told');
      await settle();
      // Of each change once at most, and not of what a request has loaded before.
      assert.ok(times(socket) <= ROUNDS && times(second) <= ROUNDS, `${times(socket)}, ${times(second)}`);
    },
  );
}

for (const [name, make] of Object.entries(STORES)) {
  test(`changes by two tabs at once, of whatever number, are all saved, with ${name}`, LIMIT, async (t) => {
    const CHANGES = 400;
    const f = await shareFixture(t, {
      kept: await make(),
      options: { storeTimeout: 5000, onSessionChange() {} },
      app({ io }) {
        io.on('connection', (socket) => {
          socket.on('add', (field, ack) => {
            socket.session.items[field] = 1;
            ack();
          });
          socket.on('fill', (ack) => {
            socket.session.items = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [n, { n }]));
            ack();
          });
          socket.on('count', (ack) => ack(Object.keys(socket.session.items).length));
        });
      },
    });
    const { key, socket } = await f.bound();
    const other = await f.connect({ auth: { key } });
    await socket.ask('fill');
    const answers = await Promise.all(
      Array.from({ length: CHANGES }, (_, n) => (n % 2 ? socket : other).ask('add', `field ${n}`)),
    );
    assert.deepEqual(new Set(answers), new Set([undefined]));
    assert.equal(await socket.ask('count'), 500 + CHANGES);
  });
}

test('a touch and a new key are no changes', LIMIT, async (t) => {
  const f = await start(t, { kept: await stores.redis(redis) });
  const { browser, socket } = await f.bound();
  await browser.json('/read');
  await f.keyOf(browser);
  await browser.json('/io-session/socket/another');
  await socket.ask('read');
  await browser.json('/name?name=Ann');
  await until(() => f.told.length > 0, 'a change is told');
  assert.deepEqual(f.told, [[socket.id, 'Ann']]);
});

for (const [when, wait] of [
  ['at once', undefined],
  ['later', () => settle()],
]) {
  test(
    `what the hook changes ${when} is saved, and told to nobody: two sockets do not answer each other`,
    LIMIT,
    async (t) => {
      let calls = 0;
      const count = (changed) => {
        changed.seen = (changed.seen ?? 0) + 1;
      };
      const hook = ({ session: changed }) => {
        calls += 1;
        return wait ? wait().then(() => count(changed)) : count(changed);
      };
      const kept = await stores.redis(redis);
      const f = await start(t, { kept, hook });
      const { browser, key, sid } = await f.bound();
      await f.connect({ key });
      await browser.json('/name?name=Ann');
      await until(async () => (await kept.read(sid)).seen >= 1, 'it is saved');
      await settle(200);
      assert.equal(calls, 2);
    },
  );
}

// What a hook does that writes, waits and writes again; from so many calls on it is an answer to answers.
const ENOUGH = 200;

for (const [how, between] of [
  ['waits', () => settle(3)],
  ['saves', (changed) => changed.save()],
  ['updates', (changed) => changed.update((fresh) => (fresh.updated = true))],
]) {
  for (const [name, make] of Object.entries(STORES)) {
    test(
      `a hook that ${how} between two changes is told of no answer to itself, with ${name}`,
      LIMIT,
      async (t) => {
        const [SOCKETS, REQUESTS] = [4, 3];
        let running = 0;
        const hook = async ({ socket, session: changed }) => {
          if (f.told.length > ENOUGH) return;
          running += 1;
          changed[`before ${socket.id}`] = f.told.length;
          await between(changed);
          changed[`after ${socket.id}`] = f.told.length;
          running -= 1;
        };
        const f = await start(t, { kept: await make(), hook });
        const { browser, key } = await f.bound();
        for (let n = 1; n < SOCKETS; n += 1) await f.connect({ key });
        for (let n = 0; n < REQUESTS; n += 1) {
          browser.json(`/name?name=${n}`);
          await until(() => f.told.some(([, told]) => told === String(n)), 'it is told');
        }
        await until(() => running === 0, 'all are told');
        await settle(100);
        // A save and an update are not known to be the hook's: those are told once.
        const most = SOCKETS * REQUESTS * (how === 'waits' ? 1 : 3);
        assert.ok(f.told.length <= most, `told ${f.told.length} times`);
      },
    );
  }
}

const touch = (changed, told) => {
  changed.seen = told;
};
for (const [how, write] of [
  [
    'an update() that it does not wait for',
    ({ session: changed }, told) => changed.update((fresh) => touch(fresh, told)),
  ],
  [
    'a save() that it does not wait for',
    ({ session: changed }, told) => {
      touch(changed, told);
      return changed.save();
    },
  ],
]) {
  for (const [name, make] of Object.entries(STORES)) {
    for (const sockets of [1, 2]) {
      test(
        `a hook that writes by ${how} comes to rest, ${sockets} sockets, with ${name}`,
        LIMIT,
        async (t) => {
          const writes = [];
          const hook = (event) => {
            if (f.told.length <= ENOUGH) writes.push(write(event, f.told.length));
          };
          const f = await start(t, { kept: await make(), hook });
          const { browser, key } = await f.bound();
          for (let n = 1; n < sockets; n += 1) await f.connect({ key });
          await browser.json('/name?name=Ann');
          await until(() => f.told.length >= sockets, 'all are told');
          await settle(200);
          assert.ok(f.told.length <= 2 * sockets, `told ${f.told.length} times`);
          await Promise.all(writes);
        },
      );
    }
  }
}

test(
  'a hook that saves three times at once comes to rest on a store whose get and set the app has wrapped',
  LIMIT,
  async (t) => {
    const hook = async ({ session: changed }) => {
      if (f.told.length > ENOUGH) return;
      const saves = [1, 2, 3].map((n) => {
        touch(changed, `${f.told.length} ${n}`);
        return changed.save();
      });
      await Promise.all(saves);
    };
    const store = new HostileStore();
    const f = await start(t, { store, hook });
    for (const method of ['get', 'set']) {
      const followed = store[method];
      store[method] = function (...args) {
        return followed.apply(this, args);
      };
    }
    const { browser, key } = await f.bound();
    await f.connect({ key });
    await browser.json('/name?name=Ann');
    await until(() => f.told.length >= 2, 'both are told');
    await settle(200);
    assert.ok(f.told.length <= 6, `told ${f.told.length} times`);
  },
);

for (const [name, make] of Object.entries(STORES)) {
  test(
    `a hook that answers itself by sharing.update() is called ever later, with ${name}`,
    LIMIT,
    async (t) => {
      const CALLS = 7;
      const hook = ({ session: changed }) => {
        const told = f.told.length;
        // The last call is at rest.
        return told >= CALLS ? undefined : f.sharing.update(changed.id, (fresh) => touch(fresh, told));
      };
      const f = await start(t, { kept: await make(), hook });
      const { browser } = await f.bound();
      const began = performance.now();
      // The process has time to answer it.
      await browser.json('/name?name=Ann');
      await until(() => f.told.length >= CALLS, 'it has answered itself');
      // 10, 20, 40, 80 and 160 ms.
      assert.ok(performance.now() - began > 300);
    },
  );

  test(`what a job changes while hooks wait for something is told, with ${name}`, LIMIT, async (t) => {
    const waiting = [];
    const hook = () => {
      const one = deferred();
      waiting.push(one);
      return one.promise;
    };
    const f = await start(t, { kept: await make(), hook });
    t.after(() => {
      for (const one of waiting) one.resolve();
    });
    const { sid } = await f.bound();
    for (let n = 1; n <= 6; n += 1) {
      await f.sharing.update(sid, (fresh) => {
        fresh.name = `job ${n}`;
      });
      await until(() => f.told.some(([, told]) => told === `job ${n}`), `job ${n} is told`);
      // The last but one goes on waiting.
      waiting.at(-2)?.resolve();
    }
  });
}

test('sockets whose connection listeners never end do not answer each other for ever', LIMIT, async (t) => {
  const hook = async ({ socket, session: changed }) => {
    if (f.told.length > ENOUGH) return;
    changed[`before ${socket.id}`] = f.told.length;
    await changed.save();
    changed[`after ${socket.id}`] = f.told.length;
  };
  const f = await start(t, { hook });
  f.io.on('connection', () => new Promise(() => {}));
  const { browser, key } = await f.bound();
  for (let n = 1; n < 4; n += 1) await f.connect({ key });
  await browser.json('/name?name=Ann');
  await until(() => f.told.length >= 4, 'all are told');
  await settle(100);
  assert.ok(f.told.length <= 12, `told ${f.told.length} times`);
});

test(
  'what another process has changed is told when a hook has saved it together with its own',
  LIMIT,
  async (t) => {
    const kept = await stores.redis(redis);
    const other = await stores.redis(redis, kept.prefix);
    t.after(() => other.cleanup());
    let isFirst = true;
    const hook = async ({ session: changed }) => {
      if (!isFirst) return;
      isFirst = false;
      changed.seen = true;
      const data = await kept.read(changed.id);
      await new Promise((resolve) => other.store.set(changed.id, { ...data, name: 'Bea' }, resolve));
    };
    const f = await start(t, { kept, hook });
    const { browser, key, socket } = await f.bound();
    const second = await f.connect({ key });
    await browser.json('/name?name=Ann');
    const isTold = ({ id }) => f.told.some(([who, name]) => who === id && name === 'Bea');
    await until(() => isTold(socket) && isTold(second), 'both are told of it');
    assert.equal((await socket.ask('read')).seen, true);
  },
);

for (const [name, makeStore] of [
  ['MemoryStore', () => new session.MemoryStore()],
  ['a store that has to be waited for', () => new HostileStore()],
]) {
  test(
    `what a handler changes in a callback, while the hook of its socket is under way, is told, with ${name}`,
    LIMIT,
    async (t) => {
      const [entered, go] = [deferred(), deferred()];
      let slow;
      const hook = ({ socket }) => {
        if (socket.id !== slow) return undefined;
        entered.resolve();
        return go.promise;
      };
      const f = await start(t, { store: makeStore(), hook });
      t.after(go.resolve);
      const { browser, socket, key } = await f.bound();
      const second = await f.connect({ key });
      slow = second.id;
      await browser.json('/name?name=Ann');
      await entered.promise;
      await second.ask('name later', 'Bea');
      const isTold = () => f.told.some(([id, name]) => id === socket.id && name === 'Bea');
      await until(isTold, 'the other one is told');
    },
  );
}

for (const [how, hook] of [
  [
    'throws',
    () => {
      throw new Error('of the hook');
    },
  ],
  ['rejects', async () => Promise.reject(new Error('of the hook'))],
]) {
  test(`a hook that ${how} is told to onError`, LIMIT, async (t) => {
    const errors = [];
    const onError = (error, where) => errors.push([error.message, where.socket.id, where.event]);
    const f = await start(t, { hook, options: { onError } });
    const { browser, socket } = await f.bound();
    await browser.json('/name?name=Ann');
    await until(() => errors.length > 0, 'it is told');
    assert.deepEqual(errors, [['of the hook', socket.id, 'onSessionChange']]);
    assert.equal((await socket.ask('read')).name, 'Ann');
  });
}

test(
  'a change that was merged with another one is seen by the socket whose handler made it',
  LIMIT,
  async (t) => {
    const f = await shareFixture(t, {
      kept: await stores.redis(redis),
      app({ io }) {
        io.on('connection', (socket) => {
          socket.on('slow', async (ack) => {
            const { session: mine } = socket;
            mine.slow = 1;
            socket.emit('began');
            await new Promise((resolve) => socket.once('go', resolve));
            await mine.save();
            ack();
          });
          socket.on('quick', (ack) => {
            socket.session.quick = 1;
            ack();
          });
          socket.on('read', (ack) => ack({ ...socket.session }));
        });
      },
    });
    const { socket, key } = await f.bound();
    const second = await f.connect({ key });
    const began = socket.next('began');
    const slow = socket.ask('slow');
    await began;
    await second.ask('quick');
    socket.send('go');
    await slow;
    const { slow: one, quick: two } = await socket.ask('read');
    assert.deepEqual([one, two], [1, 1]);
  },
);

test('a change whose session cannot be loaded is told when the store is back', LIMIT, async (t) => {
  const store = new HostileStore();
  const { set } = store;
  let isDown = false;
  store.set = function (...args) {
    set.apply(this, args);
    isDown = true;
  };
  store.always('get', 'error', () => isDown);
  const errors = [];
  const options = { checkInterval: 1000, onError: ({ message }) => errors.push(message) };
  const f = await start(t, { store, options });
  const browser = f.browser();
  await browser.json('/login?user=ann');
  isDown = false;
  const key = await f.keyOf(browser);
  isDown = false;
  const socket = await f.connect({ key });
  await browser.json('/name?name=Ann');
  await until(() => errors.length > 0, 'the load fails');
  assert.deepEqual(f.told, []);
  isDown = false;
  await until(() => f.told.length > 0, 'it is told');
  assert.deepEqual(f.told, [[socket.id, 'Ann']]);
});

test(
  'a handler that regenerates its session while a change is loaded goes on with the new one',
  LIMIT,
  async (t) => {
    const store = new HostileStore();
    const [begun, changed, loaded] = [deferred(), deferred(), deferred()];
    const f = await start(t, { store });
    f.io.on('connection', (socket) => {
      socket.on('renew', async (ack) => {
        begun.resolve();
        await changed.promise;
        const { id } = await socket.session.regenerate();
        await loaded.promise;
        socket.session.isNew = true;
        ack(id);
      });
    });
    const { browser, socket, sid } = await f.bound();
    const renewed = socket.ask('renew');
    await begun.promise;
    // It loads the session to write it, and then to tell of it.
    await browser.json('/name?name=Ann');
    const load = store.holdAnswer('get', (id) => id === sid);
    await browser.json('/name?name=Bea');
    await load.reached;
    changed.resolve();
    await until(() => store.read(sid) === undefined, 'it is regenerated');
    load.release();
    await settle();
    loaded.resolve();
    assert.equal(store.read(await renewed).isNew, true);
  },
);

test('a row that another process has changed is told at the next look-up', LIMIT, async (t) => {
  const kept = await stores.redis(redis);
  const f = await start(t, { kept, options: { checkInterval: 1000 } });
  const { socket, sid } = await f.bound();
  const other = await stores.redis(redis, kept.prefix);
  t.after(() => other.cleanup());
  const data = await kept.read(sid);
  await new Promise((resolve) => other.store.set(sid, { ...data, name: 'Cleo' }, resolve));
  await until(() => f.told.length > 0, 'it is told');
  assert.deepEqual(f.told, [[socket.id, 'Cleo']]);
});

test('a socket of a Zappa app is told of what HTTP changes', LIMIT, async (t) => {
  const told = [];
  const host = await fixture(t, {
    options: { onSessionChange: ({ socket, session: changed }) => told.push([socket.id, changed.name]) },
    app(context) {
      context.get('/name', function () {
        this.session.name = 'Ann';
        this.json(1);
      });
    },
  });
  const browser = await host.login();
  const socket = await host.connect();
  await share(browser, socket);
  await browser.json('/name');
  await until(() => told.length > 0, 'it is told');
  assert.deepEqual(told, [[socket.id, 'Ann']]);
});

async function startProcess(t, input) {
  const child = startChild(t, SCRIPT, { redisPort: redis.port, ...input });
  return (await child.message('ready')).url;
}

for (const [how, input, checkInterval] of [
  ["by Socket.IO's adapter", { adapter: 'redis' }, 600_000],
  [
    'by the emitter of a process without sockets',
    { adapter: 'redis', emitters: ['/'], serves: 'express' },
    600_000,
  ],
  ['without an adapter, at the next look-up', {}, 1000],
]) {
  test(`a change and a logout in another process are told ${how}`, LIMIT, async (t) => {
    const writer = await startProcess(t, { follows: true, ...input });
    const adapter = input.adapter;
    const holder = await startProcess(t, { follows: true, adapter, checkInterval });
    const browser = new HttpClient(writer);
    await browser.json('/login?user=ann');
    const { key } = (await browser.json('/io-session/socket/__local')).body;
    const socket = await connectSocket(holder, { auth: { key } });
    t.after(() => socket.close());
    const changed = socket.next('changed');
    await browser.json('/login?user=bea');
    assert.equal(await changed, 'bea');
    const ended = socket.next('session:end');
    await browser.json('/logout');
    assert.deepEqual(await ended, { reason: adapter ? 'destroy' : 'expire' });
  });
}

for (const [name, open] of [
  ['MemoryStore', async () => new session.MemoryStore()],
  ['EmbeddedStore', async () => new EmbeddedStore()],
  ['a store that has to be waited for', async () => new HostileStore()],
]) {
  test(`a value that is nested 1,500 deep is a change like any other, with ${name}`, LIMIT, async (t) => {
    const told = [];
    const f = await shareFixture(t, {
      store: await open(),
      options: { onSessionChange: ({ session: { n } }) => told.push(n) },
      app({ io }) {
        io.on('connection', (socket) => {
          socket.on('set', (n, value, ack) => {
            Object.assign(socket.session, { n, value });
            ack('saved');
          });
        });
      },
    });
    const { key, socket } = await f.bound();
    const other = await f.connect({ key });
    const deep = JSON.parse(`${'['.repeat(1500)}${']'.repeat(1500)}`);
    assert.equal(await socket.ask('set', 1, deep), 'saved');
    assert.equal(await other.ask('set', 2, deep), 'saved');
    assert.equal(await socket.ask('set', 3, 'flat'), 'saved');
    assert.equal(await other.ask('set', 4, 'flat'), 'saved');
    await until(() => told.includes(4), 'the last change is told');
  });
}
