'use strict';

// Sessions are loaded together; code that follows runs in the async context in which its own socket's event, or its
// connection, came. An app may have put there whose it is.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { fixture } = require('./support/fixture.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const { share } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

const SOCKETS = 5;

const whose = new AsyncLocalStorage();

const redis = suiteRedis();

const STORES = {
  MemoryStore: () => stores.memory(),
  EmbeddedStore: () => stores.embedded(),
  'connect-redis on node-redis': () => stores.redis(redis),
  'connect-redis 8 on ioredis': () =>
    stores.redis(redis, undefined, { version: 'connect-redis 8', client: 'ioredis' }),
  'a store that has to be waited for': async () => ({ store: new HostileStore(), cleanup: async () => {} }),
};

// From its connection on, what comes from a socket runs as that socket's.
function asItself(socket, next) {
  const { onevent } = socket;
  socket.onevent = function (packet) {
    whose.run(socket.id, () => onevent.call(this, packet));
  };
  next();
}

for (const [name, open] of Object.entries(STORES)) {
  describe(name, () => {
    test('events of several sockets at once run each in its own', LIMIT, async (t) => {
      const f = await shareFixture(t, {
        kept: await open(),
        app: ({ io }) => {
          io.use(asItself);
          io.on('connection', (socket) => {
            socket.on('change', async (ack) => {
              const seen = [whose.getStore()];
              socket.session.count = (socket.session.count ?? 0) + 1;
              seen.push(whose.getStore());
              await socket.session.save();
              seen.push(whose.getStore());
              ack(seen);
            });
          });
        },
      });
      const key = await f.keyOf(await f.login());
      const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => f.connect({ key })));
      const seen = await Promise.all(sockets.map((socket) => socket.ask('change')));
      assert.deepEqual(
        seen,
        sockets.map(({ id }) => [id, id, id]),
      );
    });

    test('connections at once go on each in its own', LIMIT, async (t) => {
      const seen = [];
      const f = await shareFixture(t, {
        kept: await open(),
        // In front of ours.
        app: ({ io, sharing }) => {
          const chat = io.of('/chat');
          chat.use((socket, next) => whose.run(socket.id, next));
          chat.use(sharing.socket());
          chat.on('connection', (socket) => seen.push([socket.id, whose.getStore(), socket.session.user]));
        },
      });
      const key = await f.keyOf(await f.login());
      const sockets = await Promise.all(
        Array.from({ length: SOCKETS }, () => f.connect({ namespace: '/chat', key })),
      );
      assert.deepEqual(seen.sort(), sockets.map(({ id }) => [id, id, 'ann']).sort());
    });
  });
}

test('in a Zappa app, too, and where the store fails', LIMIT, async (t) => {
  const told = [];
  const f = await fixture(t, {
    options: { onError: (_error, { socket }) => told.push([socket.id, whose.getStore()]) },
    app: (context) =>
      context.on('look', async function (_data, ack) {
        const { user } = this.session;
        await undefined;
        ack([whose.getStore(), user]);
      }),
  });
  f.host.io.use(asItself);
  const browser = await f.login();
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => f.connect()));
  for (const socket of sockets) await share(browser, socket);
  const seen = await Promise.all(sockets.map((socket) => socket.ask('look', {})));
  assert.deepEqual(
    seen,
    sockets.map(({ id }) => [id, 'ann']),
  );
  f.store.always('get', 'error');
  for (const socket of sockets) socket.send('look', {});
  await until(() => told.length === SOCKETS, 'the app is told of each');
  assert.deepEqual(told.sort(), sockets.map(({ id }) => [id, id]).sort());
});
