'use strict';

// Leaving is Socket.IO's: its listeners run when they would run without us, with the session that there is, whatever the store
// does. Plain Socket.IO stands beside ours in the same test.

const http = require('node:http');
const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { setImmediate: turn } = require('node:timers/promises');
const { MemoryStore } = require('express-session');
const { EmbeddedStore } = require('..');
const { deferred } = require('./support/deferred.js');
const { fixture } = require('./support/fixture.js');
const { HostileStore } = require('./support/hostile-store.js');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { shareFixture } = require('./support/share-fixture.js');
const { connectSocket } = require('./support/socket-client.js');
const { makeIo, socketIoServer } = require('./support/versions.js');
const { settle, until } = require('./support/wait.js');

// What the store does from the moment that the socket is there.
const STORES = {
  MemoryStore: { make: () => new MemoryStore() },
  EmbeddedStore: { make: () => new EmbeddedStore() },
  'a store that has to be waited for': { make: () => new HostileStore() },
  'a store that is down': { make: () => new HostileStore(), behaviour: 'error' },
  'a store that answers no more': { make: () => new HostileStore(), behaviour: 'never' },
  'a store that throws': { make: () => new HostileStore(), behaviour: 'throw' },
};

// Ways to leave. Each but the client's own begins at the server. `versions`: of Socket.IO, where not all have it.
const WAYS = {
  'its client disconnects': { leave: ({ client }) => client.close() },
  "its client's connection breaks": { leave: ({ client }) => client.socket.io.engine.close() },
  'socket.disconnect()': { leave: ({ server }) => server.disconnect() },
  'socket.disconnect(true)': { leave: ({ server }) => server.disconnect(true) },
  'socket.conn.close()': { leave: ({ server }) => server.conn.close() },
  'io.disconnectSockets()': { leave: ({ io }) => io.disconnectSockets(), versions: [4] },
  'io.close()': { leave: ({ io }) => io.close() },
};

// The server's socket of the next connection. `connected(socket)` adds listeners.
function nextSocket(io, connected = () => {}) {
  return new Promise((resolve) => {
    io.once('connection', (socket) => {
      connected(socket);
      resolve(socket);
    });
  });
}

async function plainSocket(t, version, connected) {
  const web = http.createServer();
  const io = makeIo(socketIoServer(version), web);
  const url = await listen(web);
  const connection = nextSocket(io, connected);
  const client = await connectSocket(url, { version });
  t.after(async () => {
    client.close();
    io.close();
    await closeServer(web);
  });
  return { io, client, server: await connection };
}

async function sharedSocket(t, version, store, connected) {
  const f = await shareFixture(t, {
    socketIoVersion: version,
    store: store.make(),
    options: { onError() {}, storeTimeout: 600_000 },
  });
  const connection = nextSocket(f.io, connected);
  const { browser, socket: client, sid } = await f.bound();
  return {
    ...f,
    browser,
    client,
    sid,
    server: await connection,
    fail() {
      if (!store.behaviour) return;
      for (const method of ['get', 'set', 'touch']) f.store.always(method, store.behaviour);
    },
  };
}

// What the listeners of a socket see, and whether what has them leave had already returned then.
function watch(log) {
  return (socket) => {
    for (const event of ['disconnecting', 'disconnect']) {
      socket.on(event, (reason) => {
        const rooms = socket.rooms.size ?? Object.keys(socket.rooms).length;
        log.seen.push({ event, reason, rooms, during: log.during === true });
        log.sessions.push([socket.session?.id, socket.session?.user]);
      });
    }
  };
}

async function leave({ leave: go }, parts, log) {
  log.during = true;
  const result = go(parts);
  log.during = false;
  await result;
  log.before = log.seen.length;
  await until(() => log.seen.length === 2, 'both listeners run', 5_000);
}

const newLog = () => ({ seen: [], sessions: [] });

for (const version of [2, 4]) {
  for (const [name, store] of Object.entries(STORES)) {
    describe(`Socket.IO ${version}, ${name}`, () => {
      for (const [how, way] of Object.entries(WAYS)) {
        if (way.versions && !way.versions.includes(version)) continue;

        test(`${how}: the listeners run as without us, with the session`, LIMIT, async (t) => {
          const plain = newLog();
          const ours = newLog();
          await leave(way, await plainSocket(t, version, watch(plain)), plain);
          const shared = await sharedSocket(t, version, store, watch(ours));
          shared.fail();
          await leave(way, shared, ours);
          assert.deepEqual(ours.seen, plain.seen);
          // `await io.close()` has run them.
          assert.equal(ours.before, plain.before);
          const session = [shared.sid, 'ann'];
          assert.deepEqual(ours.sessions, [session, session]);
        });
      }
    });
  }

  for (const behaviour of ['error', 'never', 'throw']) {
    test(
      `a Zappa app, Socket.IO ${version}: disconnect has the session, the store answers '${behaviour}'`,
      LIMIT,
      async (t) => {
        const seen = [];
        const f = await fixture(t, {
          socketIoVersion: version,
          options: { onError() {}, storeTimeout: 600_000 },
          app: (context) => {
            context.on('disconnect', function () {
              seen.push([this.session?.id, this.session?.user]);
            });
          },
        });
        const { socket, sid } = await f.bound();
        await socket.ask('read', {});
        for (const method of ['get', 'set', 'touch']) f.store.always(method, behaviour);
        socket.close();
        await until(() => seen.length > 0, 'its handler runs', 5_000);
        assert.deepEqual(seen, [[sid, 'ann']]);
      },
    );
  }

  describe(`Socket.IO ${version}: what a socket leaves behind`, () => {
    for (const uses of [false, true]) {
      const behind = uses ? ', behind a middleware of the socket' : '';
      test(
        `an event that waits for the store when its client leaves is handled${behind}`,
        LIMIT,
        async (t) => {
          const handled = [];
          const f = await shareFixture(t, { socketIoVersion: version });
          f.io.on('connection', (socket) => {
            if (uses) socket.use((_packet, next) => next());
            socket.on('last', (item) => {
              handled.push(item);
              socket.session.last = item;
            });
            socket.on('disconnect', () => handled.push('disconnect'));
          });
          const { browser, sid, socket } = await f.bound();
          const hold = f.store.hold('get', (id) => id === sid);
          socket.send('last', 'words');
          await hold.reached;
          socket.close();
          await until(() => handled.length === 2, 'both are handled');
          assert.deepEqual(handled, ['words', 'disconnect']);
          hold.release();
          await until(async () => (await browser.json('/read')).body.last === 'words', 'it is saved');
        },
      );
    }

    test('a handler that fails then, behind a middleware of the socket, saves nothing', LIMIT, async (t) => {
      const told = [];
      const f = await shareFixture(t, {
        socketIoVersion: version,
        options: { onError: ({ message }) => told.push(message) },
      });
      f.io.on('connection', (socket) => {
        socket.use((_packet, next) => next());
        socket.on('bad', () => {
          socket.session.bad = true;
          throw new Error('on purpose');
        });
        socket.on('good', () => {
          socket.session.good = true;
        });
      });
      const { browser, sid, socket } = await f.bound();
      const load = () => f.store.hold('get', (id) => id === sid);
      const holds = [load(), load()];
      for (const [at, event] of ['bad', 'good'].entries()) {
        socket.send(event);
        await holds[at].reached;
      }
      socket.close();
      await until(() => told.length > 0, 'it has left');
      for (const { release } of holds) release();
      await until(async () => (await browser.json('/read')).body.good, 'the other one is saved');
      assert.deepEqual(told, ['on purpose']);
      assert.equal((await browser.json('/read')).body.bad, undefined);
    });

    for (const name of ['MemoryStore', 'EmbeddedStore', 'a store that has to be waited for']) {
      test(`what its listeners change is saved, asynchronous ones too, on ${name}`, LIMIT, async (t) => {
        const go = deferred();
        const { browser, client } = await sharedSocket(t, version, STORES[name], (socket) => {
          socket.on('disconnecting', () => {
            socket.session.leaving = 1;
          });
          socket.on('disconnect', async () => {
            const { session } = socket;
            socket.session.left = 1;
            await go.promise;
            session.afterwards = 1;
          });
        });
        client.close();
        await until(async () => (await browser.json('/read')).body.leaving, 'disconnecting is saved');
        go.resolve();
        await until(async () => (await browser.json('/read')).body.afterwards, 'disconnect is saved');
        assert.equal((await browser.json('/read')).body.left, 1);
      });

      test(`what code has changed that no handler waits for is saved, on ${name}`, LIMIT, async (t) => {
        const changed = deferred();
        const { browser, client } = await sharedSocket(t, version, STORES[name], (socket) => {
          setImmediate(() => {
            socket.session.late = 1;
            changed.resolve();
          });
        });
        await changed.promise;
        client.close();
        await until(async () => (await browser.json('/read')).body.late, 'it is saved');
      });

      test(`reload() gives a leaving socket's listener what is stored, on ${name}`, LIMIT, async (t) => {
        const seen = deferred();
        const { browser, client } = await sharedSocket(t, version, STORES[name], (socket) => {
          socket.on('disconnect', () => seen.resolve(socket.session.reload().then(({ user }) => user)));
        });
        await browser.request('/login?user=bea');
        client.close();
        assert.equal(await seen.promise, 'bea');
      });

      test(
        `reload() gives a leaving socket's listener an empty session, where none is stored, on ${name}`,
        LIMIT,
        async (t) => {
          const told = [];
          const seen = [];
          const f = await shareFixture(t, {
            socketIoVersion: version,
            store: STORES[name].make(),
            options: { onError: ({ message }) => told.push(message) },
          });
          f.io.on('connection', (socket) => {
            socket.on('disconnect', async () => {
              const { user } = await socket.session.reload();
              seen.push(user);
            });
          });
          const stranger = await f.connect();
          const { browser, socket } = await f.bound();
          const ended = socket.next('session:end');
          await browser.request('/logout');
          await ended;
          for (const client of [stranger, socket]) client.close();
          await until(() => seen.length + told.length >= 2, 'both have left');
          assert.deepEqual({ seen, told }, { seen: [undefined, undefined], told: [] });
        },
      );

      test(
        `reload() gives a leaving stranger's listener what it had in its session, on ${name}`,
        LIMIT,
        async (t) => {
          const seen = deferred();
          const store = STORES[name].make();
          const f = await shareFixture(t, {
            socketIoVersion: version,
            store,
            options: { onError: ({ message }) => seen.resolve(message) },
          });
          f.io.on('connection', (socket) => {
            socket.on('add', (item, ack) => {
              socket.session.cart = [item];
              ack(socket.id);
            });
            socket.on('disconnect', async () => {
              const { cart } = await socket.session.reload();
              seen.resolve(cart);
            });
          });
          const client = await f.connect();
          const id = await client.ask('add', 'tea');
          client.close();
          assert.deepEqual(await seen.promise, ['tea']);
          const stored = () => new Promise((resolve) => store.get(id, (_error, data) => resolve(data)));
          await until(async () => !(await stored()), 'its record goes with it');
        },
      );

      test(`a listener that fails saves nothing and ends nothing, on ${name}`, LIMIT, async (t) => {
        const told = [];
        const f = await shareFixture(t, {
          socketIoVersion: version,
          store: STORES[name].make(),
          options: { onError: (error, { event }) => told.push(`${event}: ${error.message}`) },
        });
        f.io.on('connection', (socket) => {
          socket.on('disconnect', async () => {
            socket.session.half = 1;
            await turn();
            throw new Error('on purpose');
          });
        });
        const { browser, socket } = await f.bound();
        socket.close();
        await until(() => told.length > 0, 'onError is told');
        await settle();
        assert.deepEqual(told, ['disconnect: on purpose']);
        assert.equal((await browser.json('/read')).body.half, undefined);
      });
    }

    test(
      'what is changed while the store is down is told to onError, and the next socket is well',
      LIMIT,
      async (t) => {
        const told = [];
        const f = await shareFixture(t, {
          socketIoVersion: version,
          options: { onError: (error, { event }) => told.push([event, error.message]) },
        });
        f.io.on('connection', (socket) => {
          socket.on('disconnect', () => {
            socket.session.left = 1;
          });
        });
        const { browser, socket, key } = await f.bound();
        f.store.always('set', 'error');
        f.store.always('get', 'error');
        socket.close();
        await until(() => told.length > 0, 'onError is told');
        assert.deepEqual(told[0], ['disconnect', 'scripted']);
        f.store.behave();
        const again = await f.connect({ key });
        again.close();
        await until(async () => (await browser.json('/read')).body.left, 'the next one is saved');
      },
    );

    test("a reload() that fails in a leaving socket's listener is told to onError once", LIMIT, async (t) => {
      const told = [];
      const f = await shareFixture(t, {
        socketIoVersion: version,
        options: { onError: (_error, { event }) => told.push(event) },
        app({ io }) {
          io.on('connection', (socket) => {
            socket.on('disconnect', async () => {
              await socket.session.reload();
            });
          });
        },
      });
      const { socket } = await f.bound();
      f.store.always('get', 'error');
      socket.close();
      await until(() => told.includes('disconnect'), 'it is told');
      await settle();
      assert.deepEqual(told, ['disconnect']);
    });

    test('a socket without a session of a browser has its own one as it leaves', LIMIT, async (t) => {
      const ids = [];
      const f = await shareFixture(t, { socketIoVersion: version });
      f.io.on('connection', (socket) => {
        socket.on('disconnect', () => ids.push([socket.id, socket.session.id]));
      });
      const socket = await f.connect();
      const { id } = socket;
      socket.close();
      await until(() => ids.length > 0, 'it has left');
      assert.equal(ids[0][1], ids[0][0]);
      assert.ok(ids[0][0].includes(id));
    });
  });

  describe(`Socket.IO ${version}: an event that arrived before its socket left`, () => {
    const EVENT = '2["hello"]';
    const LEAVE = '1';

    // What comes over the wire, as the engine hands it on. `turns`: of the event loop, between the event and the leaving.
    async function arrive({ server }, turns) {
      server.conn.emit('data', EVENT);
      if (turns > 0) await settle(turns);
      server.conn.emit('data', LEAVE);
    }

    // Socket.IO drops an event whose socket leaves in the same write. Handling that one is more than it does, and allowed.
    function handledAsBy(plain, ours, sent) {
      const counts = [plain, ours].map((log) => log.filter((event) => event === 'hello').length);
      assert.ok(counts[0] <= counts[1] && counts[1] <= sent, `${counts[0]} without us, ${counts[1]} with us`);
      assert.equal(ours.filter((event) => event === 'disconnect').length, 1);
    }

    const listener = (log) => (socket) => {
      socket.on('hello', () => log.push('hello'));
      socket.on('disconnect', () => log.push('disconnect'));
    };

    for (const [name, store] of Object.entries(STORES)) {
      if (store.behaviour) continue;
      for (const turns of [0, 1, 5]) {
        const when = turns === 0 ? 'in one write with the leaving' : `${turns} turns before the leaving`;
        test(`${when} is handled if Socket.IO does so, on ${name}`, LIMIT, async (t) => {
          const [plain, ours] = [[], []];
          const bare = await plainSocket(t, version, listener(plain));
          const shared = await sharedSocket(t, version, store, listener(ours));
          for (const [parts, log] of [
            [bare, plain],
            [shared, ours],
          ]) {
            await arrive(parts, turns);
            await until(() => log.includes('disconnect'), 'it has left');
            await settle();
          }
          handledAsBy(plain, ours, 1);
        });
      }

      test(
        `a burst in front of the leaving, in one write: as many as with Socket.IO, on ${name}`,
        LIMIT,
        async (t) => {
          const [plain, ours] = [[], []];
          const bare = await plainSocket(t, version, listener(plain));
          const shared = await sharedSocket(t, version, store, listener(ours));
          for (const { server } of [bare, shared]) {
            for (let n = 0; n < 5; n += 1) server.conn.emit('data', EVENT);
            server.conn.emit('data', LEAVE);
          }
          await until(() => ours.includes('disconnect') && plain.includes('disconnect'), 'both have left');
          await settle(50);
          handledAsBy(plain, ours, 5);
        },
      );
    }

    for (const [how, leave] of Object.entries({
      'its client leaves': ({ client }) => client.close(),
      'io.close()': ({ io }) => io.close(),
    })) {
      test(
        `and waits for the store is handled before the leaving is told, as by Socket.IO alone: ${how}`,
        LIMIT,
        async (t) => {
          const log = [];
          const f = await sharedSocket(t, version, STORES['a store that has to be waited for'], (socket) => {
            socket.on('hello', () => {
              log.push('hello');
              socket.session.hello = 1;
            });
            socket.on('disconnect', () => log.push('disconnect'));
          });
          const hold = f.store.hold('get', (id) => id === f.sid);
          f.client.send('hello');
          await hold.reached;
          leave(f);
          await until(() => log.includes('disconnect'), 'the leaving waits for nobody');
          hold.release();
          await f.sharing.close();
          assert.equal(f.store.read(f.sid).hello, 1);
          assert.deepEqual(log, ['hello', 'disconnect']);
        },
      );
    }
  });

  describe(`Socket.IO ${version}: a socket that has left is in no room`, () => {
    const roomsWith = (io, id) => {
      const { rooms } = io.of('/').adapter;
      const all = rooms instanceof Map ? [...rooms] : Object.entries(rooms);
      return all
        .filter(([, room]) => (room instanceof Set ? room.has(id) : Object.hasOwn(room.sockets, id)))
        .map(([name]) => name);
    };

    test('whatever a handler joins that waited for the store', LIMIT, async (t) => {
      const done = deferred();
      const { client, io, server, sid, store } = await sharedSocket(
        t,
        version,
        STORES['a store that has to be waited for'],
        (socket) => {
          socket.on('enter', async () => {
            socket.join('lobby');
            await turn();
            socket.join(['den', 'attic']);
            done.resolve();
          });
        },
      );
      const hold = store.hold('get', (id) => id === sid);
      client.send('enter');
      await hold.reached;
      client.close();
      await until(() => !server.connected, 'it has left');
      hold.release();
      await done.promise;
      await settle();
      assert.deepEqual(roomsWith(io, server.id), []);
    });

    for (const [name, store] of Object.entries(STORES)) {
      if (store.behaviour) continue;
      test(
        `whatever an event joins that came in one write with the leaving, on ${name}`,
        LIMIT,
        async (t) => {
          let left = false;
          const { io, server } = await sharedSocket(t, version, store, (socket) => {
            socket.on('enter', () => socket.join('lobby'));
            socket.on('disconnect', () => {
              left = true;
            });
          });
          server.conn.emit('data', '2["enter"]');
          server.conn.emit('data', '1');
          await until(() => left, 'it has left');
          await settle(50);
          assert.deepEqual(roomsWith(io, server.id), []);
        },
      );

      test(`the leaving takes it out of the rooms of the app, on ${name}`, LIMIT, async (t) => {
        const { client, io, server } = await sharedSocket(t, version, store, (socket) => {
          socket.on('enter', (ack) => {
            socket.join('lobby');
            ack();
          });
        });
        await client.ask('enter');
        await until(() => roomsWith(io, server.id).includes('lobby'), 'it is in the room');
        client.close();
        await until(() => !server.connected, 'it has left');
        await settle();
        assert.deepEqual(roomsWith(io, server.id), []);
      });
    }
  });
}
