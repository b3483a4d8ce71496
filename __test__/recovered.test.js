'use strict';

// Connection state recovery: a socket that comes back is told to `connection` once, its events are handled once, and it has the
// session that it should have.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { recover } = require('./support/recovery.js');
const { suiteRedis } = require('./support/redis-server.js');
const { SECRET, shareFixture } = require('./support/share-fixture.js');
const stores = require('./support/stores.js');
const { settle } = require('./support/wait.js');

const redis = suiteRedis();

// Answers each call some turns of the event loop later.
class SlowStore extends HostileStore {
  act(method, sid, args, callback) {
    settle(10).then(() => super.act(method, sid, args, callback));
  }
}

const STORES = {
  MemoryStore: () => stores.memory(),
  EmbeddedStore: () => stores.embedded(),
  'a slow store': async () => ({ store: new SlowStore(), cleanup: async () => {} }),
  'connect-redis': () => stores.redis(redis),
};

// How a socket is bound. `again`: what its client does once it is back. `user`: whose it is.
const WAYS = {
  'by its key in auth': { connection: async (f, browser) => ({ key: await f.keyOf(browser) }) },
  'by its cookie': { connection: async (_f, browser) => ({ cookie: browser.cookie }) },
  'by __zappa_key': {
    connection: async () => ({}),
    again: async (f, browser, client) => client.ask('__zappa_key', { key: await f.keyOf(browser) }),
  },
  'not at all': { connection: async () => ({}), user: null },
};

for (const skipMiddlewares of [true, false]) {
  for (const [name, open] of Object.entries(STORES)) {
    describe(`${name}, skipMiddlewares: ${skipMiddlewares}`, () => {
      // A client that has come and is known by one packet.
      async function begin(t, { connection, again }) {
        const connected = [];
        const orders = [];
        const f = await shareFixture(t, {
          kept: await open(),
          options: { cookie: { secret: SECRET } },
          ioOptions: { connectionStateRecovery: { skipMiddlewares } },
          app: ({ io }) => {
            io.on('connection', (socket) => {
              connected.push({ recovered: socket.recovered, id: socket.id, user: socket.session.user });
              socket.on('whoami', (ack) => ack(socket.session.user ?? null));
              socket.on('order', (item, ack) => {
                orders.push(item);
                socket.session.orders = (socket.session.orders ?? 0) + 1;
                ack();
              });
              socket.on('enter', (room, ack) => {
                socket.join(room);
                ack();
              });
              socket.emit('hello');
            });
          },
        });
        const browser = await f.login();
        const client = await f.connect(await connection(f, browser));
        await again?.(f, browser, client);
        await client.ask('enter', 'lobby');
        const hello = client.next('hello');
        f.io.emit('hello');
        await hello;
        return { ...f, browser, client, connected, orders };
      }

      for (const [way, how] of Object.entries(WAYS)) {
        const { again, user = 'ann' } = how;

        test(`a socket bound ${way} comes back once, and its events are handled once`, LIMIT, async (t) => {
          const f = await begin(t, how);
          const { browser, client, connected, orders } = f;
          const { id } = client;
          await client.ask('order', 'apple');
          await recover(f);
          await again?.(f, browser, client);
          await client.ask('order', 'pear');
          await client.ask('order', 'fig');
          assert.deepEqual(
            connected.map(({ recovered, id }) => [recovered, id]),
            [
              [false, id],
              [true, id],
            ],
          );
          assert.deepEqual(orders, ['apple', 'pear', 'fig']);
          assert.equal(await client.ask('whoami'), user);
          if (user) assert.equal((await browser.json('/read')).body.orders, 3);
        });

        test(`a socket bound ${way} gets what it has missed, once`, LIMIT, async (t) => {
          const f = await begin(t, how);
          const heard = f.client.collect('news');
          await recover(f, () => {
            f.io.emit('news', 'to all');
            f.io.to('lobby').emit('news', 'to the room');
          });
          await again?.(f, f.browser, f.client);
          f.io.to('lobby').emit('news', 'and again');
          await f.client.ask('whoami');
          assert.deepEqual(heard, ['to all', 'to the room', 'and again']);
        });

        test(`a socket bound ${way} may come back twice`, LIMIT, async (t) => {
          const f = await begin(t, how);
          for (const item of ['apple', 'pear']) {
            const hello = f.client.next('hello');
            await recover(f);
            await hello;
            await again?.(f, f.browser, f.client);
            await f.client.ask('order', item);
          }
          assert.deepEqual(f.orders, ['apple', 'pear']);
          assert.deepEqual(
            f.connected.map(({ recovered }) => recovered),
            [false, true, true],
          );
        });

        if (user === null || again) continue;

        test(
          `a socket bound ${way} is told of a logout while it was away, and is a stranger`,
          LIMIT,
          async (t) => {
            const f = await begin(t, how);
            const ended = f.client.next('session:end');
            const news = f.client.collect('news');
            const { sid } = f.browser;
            await recover(f, () => f.browser.request('/logout'));
            assert.deepEqual(await ended, { reason: 'expire' });
            assert.equal(await f.client.ask('whoami'), null);
            f.sharing.to(sid).emit('news', 'not for you');
            await f.client.ask('order', 'pear');
            assert.deepEqual(news, []);
            assert.deepEqual(f.orders, ['pear']);
            assert.equal(f.connected.length, 2);
            assert.equal(f.connected[1].user, undefined);
            assert.deepEqual(f.sharing.socketsOf(sid), []);
          },
        );
      }
    });
  }
}
