'use strict';

// What a socket holds of its session while nothing happens.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { setTimeout: delay } = require('node:timers/promises');
const v8 = require('node:v8');
const vm = require('node:vm');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

const STORES = {
  MemoryStore: async () => (await stores.memory()).store,
  EmbeddedStore: async () => null,
  'connect-redis': async (t) => {
    const { store, cleanup } = await stores.redis(redis);
    t.after(cleanup);
    return store;
  },
  'a store that has to be waited for': async () => new HostileStore(),
};

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

const redis = suiteRedis();

// Sockets that look at their sessions in an event, each of a browser of its own.
async function looking(t, store, { size = 0 } = {}) {
  const seen = [];
  const shared = await shareFixture(t, {
    store,
    app: ({ app, io }) => {
      app.get('/fill', (req, res) => {
        req.session.filling = 'x'.repeat(size);
        res.json('filled');
      });
      app.get('/rename', (req, res) => {
        req.session.user = 'bea';
        res.json('renamed');
      });
      io.on('connection', (socket) => {
        socket.on('look', (ack) => {
          seen.push({ socket, session: new WeakRef(socket.session), request: socket.session.req });
          ack(socket.session.user);
        });
        socket.on('count', async (ack) => {
          socket.session.count = (socket.session.count ?? 0) + 1;
          ack(socket.session.count);
        });
      });
    },
  });
  return async (user = 'ann') => {
    const browser = await shared.login(encodeURIComponent(user));
    if (size > 0) await browser.request('/fill');
    const client = await shared.connect({ key: await shared.keyOf(browser) });
    assert.equal(await client.ask('look'), user);
    return { browser, client, shared, ...seen.findLast(({ socket }) => socket.id === client.id) };
  };
}

async function stored({ browser }) {
  return (await browser.json('/read')).body;
}

// One for all who wait for it, and not at once: each takes the thread that the sockets of all of them need.
let collection;
function nextCollection() {
  collection ??= delay(100).then(() => {
    collection = undefined;
    collectGarbage();
  });
  return collection;
}

async function areCollected(...seen) {
  await nextCollection();
  return seen.every(({ session }) => session.deref() === undefined);
}

function heapUsed() {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe('a quiet socket lets go of the session of its last event', { concurrency: true }, () => {
  for (const [name, makeStore] of Object.entries(STORES)) {
    test(`but not of what somebody has, or has changed, with ${name}`, LIMIT, async (t) => {
      const look = await looking(t, await makeStore(t));
      const keeping = await look();
      const kept = keeping.session.deref();
      const changed = await look();
      changed.socket.session.draft = 'half a sentence';
      const quiet = await look('ann “the quiet one” 🙈');
      const unused = await look();
      await until(() => areCollected(quiet, unused), 'the sessions are collected');

      assert.equal(quiet.socket.session.user, 'ann “the quiet one” 🙈');
      assert.equal(quiet.socket.session, quiet.socket.session);
      assert.equal(keeping.socket.session, kept);
      assert.equal(changed.socket.session.draft, 'half a sentence');
      await changed.socket.session.save();
      assert.equal((await stored(changed)).draft, 'half a sentence');

      // Whatever it has let go of, what comes next is as ever.
      quiet.socket.session.note = 'later';
      await quiet.socket.session.save();
      assert.equal((await stored(quiet)).note, 'later');
      assert.equal(await quiet.client.ask('count'), 1);
      assert.equal(await unused.client.ask('count'), 1);
      unused.client.close();
      await until(() => !unused.socket.connected, 'the socket has left');
      assert.equal(unused.socket.session.count, 1);
    });

    test(`and has it again after it has left, with ${name}`, LIMIT, async (t) => {
      const look = await looking(t, await makeStore(t));
      const quiet = await look();
      await until(() => areCollected(quiet), 'the session is collected');
      quiet.client.close();
      await until(() => !quiet.socket.connected, 'the socket has left');
      assert.equal(quiet.socket.session.user, 'ann');
    });
  }
});

describe('long after a quiet socket has let go of it', { concurrency: true }, () => {
  for (const [name, makeStore] of Object.entries(STORES)) {
    test(
      `its session is there again, for the socket and the request alike, with ${name}`,
      LIMIT,
      async (t) => {
        const look = await looking(t, await makeStore(t));
        const quiet = await look();
        await until(() => areCollected(quiet), 'the session is collected');
        // It takes as long once more until another one is.
        const other = await look('bob');
        await until(() => areCollected(other), 'another session is collected');

        assert.equal(quiet.request.session.user, 'ann');
        assert.equal(quiet.socket.session, quiet.request.session);
        quiet.request.session.note = 'kept';
        await quiet.socket.session.save();
        assert.equal((await stored(quiet)).note, 'kept');
        assert.equal(other.socket.session.user, 'bob');
        assert.equal(await quiet.client.ask('count'), 1);
        assert.equal(quiet.socket.session.note, 'kept');
      },
    );
  }

  for (const name of ['MemoryStore', 'connect-redis']) {
    test(`it is the one of its last event, whatever was written since, with ${name}`, LIMIT, async (t) => {
      const look = await looking(t, await STORES[name](t));
      const quiet = await look();
      await until(() => areCollected(quiet), 'the session is collected');
      await quiet.browser.request('/rename');
      const other = await look('bob');
      await until(() => areCollected(other), 'another session is collected');

      assert.equal(quiet.socket.session.user, 'ann');
      assert.equal(await quiet.client.ask('look'), 'bea');
      assert.equal(quiet.socket.session.user, 'bea');
    });
  }

  for (const [name, makeStore] of Object.entries(STORES)) {
    test(
      `it is another one's that has bound the socket since, and none after its logout, with ${name}`,
      LIMIT,
      async (t) => {
        const look = await looking(t, await makeStore(t));
        const [rebound, left] = [await look('ann'), await look('ben')];
        await until(() => areCollected(rebound, left), 'the sessions are collected');
        const other = await look('bob');
        await until(() => areCollected(other), 'another session is collected');

        const key = await other.shared.keyOf(other.browser);
        assert.deepEqual(await rebound.client.ask('__zappa_key', { key }), { key });
        assert.equal(rebound.socket.session.user, 'bob');
        assert.equal(rebound.request.session.user, 'bob');
        await left.browser.request('/logout');
        assert.equal(left.socket.session.user, undefined);
        assert.equal(left.request.session.user, undefined);
      },
    );
  }

  test('a stranger has its own session still', LIMIT, async (t) => {
    const strangers = [];
    const shared = await shareFixture(t, {
      app: ({ io }) => {
        io.on('connection', (socket) => {
          strangers.push(socket);
          socket.on('note', (ack) => {
            socket.session.note = 'own';
            ack('noted');
          });
          socket.on('pass', (ack) => ack('passed'));
        });
      },
    });
    const client = await shared.connect();
    assert.equal(await client.ask('note'), 'noted');
    // An event that does not look at it.
    assert.equal(await client.ask('pass'), 'passed');
    const look = await looking(t, new HostileStore());
    const other = await look();
    await until(() => areCollected(other), 'another session is collected');
    assert.equal(strangers[0].session.note, 'own');
  });
});

describe('a session that its handler has kept', { concurrency: true }, () => {
  for (const [name, makeStore] of Object.entries(STORES)) {
    test(`is saved with what was changed in it since, with ${name}`, LIMIT, async (t) => {
      const look = await looking(t, await makeStore(t));
      const keeping = await look();
      const kept = keeping.session.deref();
      kept.list = ['one'];
      assert.equal(keeping.socket.session, kept);
      await keeping.socket.session.save();
      kept.list.push('two');
      assert.deepEqual(keeping.socket.session.list, ['one', 'two']);
      await kept.save();
      assert.deepEqual((await stored(keeping)).list, ['one', 'two']);

      // Events after it have sessions of their own; what is saved of the old one is merged with what they have written.
      assert.equal(await keeping.client.ask('count'), 1);
      assert.notEqual(keeping.socket.session, kept);
      kept.list.push('three');
      await kept.save();
      const { count, list } = await stored(keeping);
      assert.deepEqual({ count, list }, { count: 1, list: ['one', 'two', 'three'] });
    });
  }
});

test('the texts of quiet sockets are not in V8’s heap', LIMIT, async (t) => {
  const size = 400_000;
  const count = 40;
  const look = await looking(t, await STORES['connect-redis'](t), { size });
  // What is loaded when it is first used is in the heap, too.
  await look();
  const empty = heapUsed();
  // At once: one after the other, the first would be quiet before the last has come.
  const all = await Promise.all(Array.from({ length: count }, () => look()));
  const busy = heapUsed();
  assert.ok(busy - empty > (size * count) / 2, `${busy - empty} bytes while they are busy`);

  await until(() => heapUsed() - empty < (size * count) / 3, 'they are out of the heap');
  for (const { socket } of all) assert.equal(socket.session.filling.length, size);
});
