'use strict';

// The session is right in any asynchronous code: a socket has one current session object, whatever library calls the code
// that changes it, and what is changed before an acknowledgement is stored before the client has it.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { setImmediate: turn } = require('node:timers/promises');
const { Pool } = require('pg');
const { deferred } = require('./support/deferred.js');
const { FACES, socketOf } = require('./support/faces.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { PLACES, callbackPool } = require('./support/places.js');
const { startPostgres } = require('./support/postgres-server.js');
const { suiteRedis } = require('./support/redis-server.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

const EVENTS = 12;
const WRITES = 6;

const redis = suiteRedis();
let postgres;
let pool;
before(async () => {
  postgres = await startPostgres();
  pool = new Pool({ ...postgres.config, max: 2 });
});
after(async () => {
  await pool.end();
  await postgres.stop();
});

const STORES = {
  MemoryStore: () => stores.memory(),
  EmbeddedStore: () => stores.embedded(),
  'connect-redis': () => stores.redis(redis),
  'connect-pg-simple': () => stores.postgres(postgres),
};

const open = async (t, face, store, set) => FACES[face](t, { kept: await STORES[store](), ...set });

const names = (prefix, count) => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

// A dozen events of one socket at once, each with a field of its own, while HTTP writes others: each field is stored when its
// acknowledgement is there, and all are in the end.
async function putDozen(f) {
  const { browser, socket } = await f.bound();
  socket.socket.on('question', (answer) => answer('yes'));
  const fields = names('field', EVENTS);
  const others = names('other', WRITES);
  const early = [];
  const events = fields.map(async (field) => {
    await socket.ask('put', field);
    if ((await f.read(browser))[field] !== 1) early.push(field);
  });
  const requests = (async () => {
    for (const field of others) await f.write(browser, { [field]: 1 });
  })();
  await Promise.all([...events, requests]);
  assert.deepEqual(early, [], 'acknowledged and not stored');
  const stored = await f.read(browser);
  const lost = [...fields, ...others].filter((field) => stored[field] !== 1);
  assert.deepEqual(lost, [], 'lost in the end');
}

for (const face of Object.keys(FACES)) {
  for (const store of Object.keys(STORES)) {
    describe(`${face}, ${store}: a dozen events at once change the session`, () => {
      for (const [place, make] of Object.entries(PLACES)) {
        test(`in ${place}`, LIMIT, async (t) => {
          const run = make(t, pool);
          const f = await open(t, face, store, {
            events: {
              put: (at, field, ack) => {
                run(socketOf(at), () => {
                  at.session[field] = 1;
                  ack();
                });
              },
            },
          });
          await putDozen(f);
        });
      }

      test('that they took before an await', LIMIT, async (t) => {
        const f = await open(t, face, store, {
          events: {
            put: async (at, field, ack) => {
              const { session } = at;
              await settle(1 + Math.floor(Math.random() * 20));
              session[field] = 1;
              ack();
            },
          },
        });
        await putDozen(f);
      });

      test('that they took in one callback, in another one', LIMIT, async (t) => {
        const work = callbackPool();
        const f = await open(t, face, store, {
          events: {
            put: (at, field, ack) => {
              work(() => {
                const { session } = at;
                work(() => {
                  session[field] = 1;
                  ack();
                });
              });
            },
          },
        });
        await putDozen(f);
      });

      test('and acknowledge each at a moment of its own, in reverse order', LIMIT, async (t) => {
        const all = deferred();
        const waiting = [];
        const f = await open(t, face, store, {
          events: {
            put: (at, field, ack) => {
              at.session[field] = 1;
              waiting.push(ack);
              if (waiting.length === EVENTS) all.resolve();
            },
          },
        });
        const put = putDozen(f);
        await all.promise;
        while (waiting.length > 0) {
          waiting.pop()();
          await turn();
        }
        await put;
      });
    });

    describe(`${face}, ${store}: which object the session is`, () => {
      // Each event gives the test its session and waits until it is told to go on.
      async function held(t) {
        const entered = [];
        const f = await open(t, face, store, {
          events: {
            hold: async (at, field, ack) => {
              const { session } = at;
              const go = deferred();
              entered.push({ session, again: () => at.session, go: go.resolve });
              await go.promise;
              if (field) session[field] = 1;
              ack();
            },
          },
        });
        return {
          ...f,
          ...(await f.bound()),
          entered,
          async enter(socket, field) {
            const { length } = entered;
            const acked = socket.ask('hold', field);
            await until(() => entered.length > length, 'the handler runs');
            return { ...entered[length], acked };
          },
        };
      }

      test('the same in two events, if nothing was written in between', LIMIT, async (t) => {
        const { socket, enter } = await held(t);
        const first = await enter(socket);
        first.go();
        await first.acked;
        const second = await enter(socket);
        const third = await enter(socket);
        assert.equal(second.session, first.session);
        assert.equal(third.session, first.session);
        assert.equal(second.again(), third.session);
        for (const { go, acked } of [second, third]) {
          go();
          await acked;
        }
      });

      test(
        'a new one after an HTTP write; what a handler changes in the one before is saved',
        LIMIT,
        async (t) => {
          const { browser, socket, enter, write, read } = await held(t);
          const first = await enter(socket, 'early');
          await write(browser, { role: 'admin' });
          const second = await enter(socket, 'late');
          assert.notEqual(second.session, first.session);
          assert.equal(second.session.role, 'admin');
          assert.equal(first.session.role, undefined);
          first.go();
          await first.acked;
          assert.equal((await read(browser)).early, 1);
          second.go();
          await second.acked;
          const { early, late, role } = await read(browser);
          assert.deepEqual({ early, late, role }, { early: 1, late: 1, role: 'admin' });
        },
      );
    });

    describe(`${face}, ${store}: a handler that fails`, () => {
      // `fail` changes and fails as it is told, `hold` changes and stays, `look` tells what there is and changes, too.
      async function failing(t) {
        const errors = [];
        const go = deferred();
        const seen = {};
        const f = await open(t, face, store, {
          onError: (error, { event }) => errors.push(`${event}: ${error.message}`),
          events: {
            fail: (at, how) => {
              seen.failed = at.session;
              at.session.half = 1;
              if (how === 'throws') throw new Error('on purpose');
              return turn().then(() => Promise.reject(new Error('on purpose')));
            },
            'fail afterwards': async (at, _data, ack) => {
              at.session.whole = 1;
              ack();
              await go.promise;
              at.session.half = 1;
              throw new Error('on purpose');
            },
            hold: async (at, _data, ack) => {
              seen.held = at.session;
              at.session.held = 1;
              await go.promise;
              ack();
            },
            go: (_at, _data, ack) => {
              go.resolve();
              ack();
            },
            look: (at, _data, ack) => {
              const { half } = at.session;
              at.session.looked = 1;
              ack(half ?? 'nothing');
            },
          },
        });
        const told = () => until(() => errors.length > 0, 'onError is told');
        return { ...f, ...(await f.bound()), errors, seen, told };
      }

      for (const how of ['throws', 'rejects']) {
        test(`that is alone and ${how} saves nothing of its own`, LIMIT, async (t) => {
          const { browser, socket, errors, told, read } = await failing(t);
          socket.send('fail', how);
          await told();
          assert.deepEqual(errors, ['fail: on purpose']);
          assert.equal(await socket.ask('look', {}), 'nothing');
          const { half, looked, user } = await read(browser);
          assert.deepEqual({ half, looked, user }, { half: undefined, looked: 1, user: 'ann' });
        });

        test(`beside another one that has the same session, and ${how}: both are kept`, LIMIT, async (t) => {
          const { browser, socket, seen, told, read } = await failing(t);
          const held = socket.ask('hold', {});
          await until(() => seen.held, 'the other one runs');
          socket.send('fail', how);
          await told();
          assert.equal(seen.failed, seen.held);
          await socket.ask('go', {});
          await held;
          const { half, held: kept } = await read(browser);
          assert.deepEqual({ half, held: kept }, { half: 1, held: 1 });
        });
      }

      test('after it has acknowledged: what was acknowledged is kept, and nothing more', LIMIT, async (t) => {
        const { browser, socket, told, read } = await failing(t);
        await socket.ask('fail afterwards', {});
        await socket.ask('go', {});
        await told();
        assert.equal(await socket.ask('look', {}), 'nothing');
        const { half, whole } = await read(browser);
        assert.deepEqual({ half, whole }, { half: undefined, whole: 1 });
      });
    });

    describe(`${face}, ${store}: acknowledgements`, () => {
      test(
        'one that never comes holds nothing up: later events are right, and its change is saved',
        LIMIT,
        async (t) => {
          let runs = 0;
          const f = await open(t, face, store, {
            events: {
              typing: (at) => {
                runs += 1;
                at.session.typing = runs;
              },
              role: (at, _data, ack) => ack(at.session.role),
            },
          });
          const { browser, socket } = await f.bound();
          for (let n = 0; n < EVENTS; n += 1) socket.send('typing', {}, () => {});
          await until(async () => (await f.read(browser)).typing === EVENTS, 'what it has changed is saved');
          for (const role of ['admin', 'guest']) {
            await f.write(browser, { role });
            assert.equal(await socket.ask('role', {}), role);
          }
        },
      );

      test('one that is called twice answers once; both changes are saved', LIMIT, async (t) => {
        const f = await open(t, face, store, {
          events: {
            twice: (at, _data, ack) => {
              at.session.first = 1;
              ack('first');
              at.session.second = 1;
              ack('second');
            },
          },
        });
        const { browser, socket } = await f.bound();
        const answers = [];
        socket.send('twice', {}, (answer) => answers.push(answer));
        await until(async () => (await f.read(browser)).second, 'the second change is saved');
        // Whatever came behind the first answer would be here before this one.
        assert.equal(await socket.ask('twice', {}), 'first');
        assert.deepEqual(answers, ['first']);
        assert.equal((await f.read(browser)).first, 1);
      });

      test('one with an error for a value is one like any other', LIMIT, async (t) => {
        const f = await open(t, face, store, {
          events: {
            refuse: (at, _data, ack) => {
              at.session.refused = (at.session.refused ?? 0) + 1;
              ack({ error: 'not today' });
            },
          },
        });
        const { browser, socket } = await f.bound();
        assert.deepEqual(await socket.ask('refuse', {}), { error: 'not today' });
        assert.equal((await f.read(browser)).refused, 1);
      });
    });
  }
}

for (const store of Object.keys(STORES)) {
  describe(`shareSession, ${store}: outside of handlers`, () => {
    // `socket` is the server's.
    async function withServer(t, events = {}, set = {}) {
      let server;
      const f = await open(t, 'shareSession', store, {
        events,
        connected: (socket) => {
          server = socket;
        },
        ...set,
      });
      const bound = await f.bound();
      return { ...f, ...bound, client: bound.socket, server };
    }

    const nod = (_socket, _data, ack) => ack();

    test('what a timer changes between events is saved with the next acknowledgement', LIMIT, async (t) => {
      const { browser, client, server, read } = await withServer(t, { nod });
      await client.ask('nod', {});
      await new Promise((resolve) => {
        setTimeout(() => {
          server.session.ticked = 1;
          resolve();
        }, 1);
      });
      await client.ask('nod', {});
      assert.equal((await read(browser)).ticked, 1);
    });

    test('what a timer changes before an HTTP write is kept, as that is', LIMIT, async (t) => {
      const { browser, client, server, read, write } = await withServer(t, { nod });
      await client.ask('nod', {});
      server.session.ticked = 1;
      await write(browser, { written: 1 });
      await client.ask('nod', {});
      const { ticked, written } = await read(browser);
      assert.deepEqual({ ticked, written }, { ticked: 1, written: 1 });
    });

    test('save() saves what a timer has changed', LIMIT, async (t) => {
      const { browser, client, server, read, write } = await withServer(t, { nod });
      await client.ask('nod', {});
      await write(browser, { written: 1 });
      server.session.ticked = 1;
      await server.session.save();
      const { ticked, written } = await read(browser);
      assert.deepEqual({ ticked, written }, { ticked: 1, written: 1 });
    });

    test(
      'a timer sees the session of the last event, also after a lost acknowledgement',
      LIMIT,
      async (t) => {
        const role = (socket, _data, ack) => ack(socket.session.role);
        const { browser, client, server, write } = await withServer(t, {
          role,
          typing: (socket) => void socket.session.role,
        });
        await write(browser, { role: 'admin' });
        client.send('typing', {}, () => {});
        assert.equal(await client.ask('role', {}), 'admin');
        await write(browser, { role: 'guest' });
        assert.equal(await client.ask('role', {}), 'guest');
        assert.equal(server.session.role, 'guest');
      },
    );

    test('an acknowledgement after its handler threw is true', LIMIT, async (t) => {
      const errors = [];
      const fail = (socket, _data, ack) => {
        socket.session.half = 1;
        until(() => errors.length > 0, 'the failure is told').then(() => {
          socket.session.late = 1;
          ack('late');
        });
        throw new Error('on purpose');
      };
      const onError = (error) => errors.push(error.message);
      const { browser, client, read } = await withServer(t, { fail }, { onError });
      assert.equal(await client.ask('fail', {}), 'late');
      const { half, late } = await read(browser);
      assert.deepEqual({ half, late }, { half: undefined, late: 1 });
    });

    test('two handlers of one event change the same session', LIMIT, async (t) => {
      const { browser, client, server, read } = await withServer(t);
      const sessions = [];
      server.on('both', (ack) => {
        sessions.push(server.session);
        server.session.first = 1;
        ack();
      });
      server.on('both', async () => {
        sessions.push(server.session);
        server.session.second = 1;
        await turn();
        server.session.later = 1;
      });
      await client.ask('both');
      assert.equal((await read(browser)).first, 1);
      assert.equal(sessions[0], sessions[1]);
      await until(async () => (await read(browser)).later, 'the second one is saved, too');
      assert.equal((await read(browser)).second, 1);
    });

    test(
      'once, onAny, prependAny and middlewares of the socket are saved before the acknowledgement',
      LIMIT,
      async (t) => {
        const { browser, client, server, read } = await withServer(t);
        server.use(async (_packet, next) => {
          server.session.middleware = 1;
          await turn();
          server.session.waited = 1;
          next();
        });
        server.onAny(() => {
          server.session.any = 1;
        });
        server.prependAny(() => {
          server.session.prepended = 1;
        });
        server.once('all', (ack) => {
          server.session.once = 1;
          ack();
        });
        await client.ask('all');
        const { middleware, waited, any, prepended, once } = await read(browser);
        assert.deepEqual(
          { middleware, waited, any, prepended, once },
          { middleware: 1, waited: 1, any: 1, prepended: 1, once: 1 },
        );
      },
    );

    test('the client is asked back by timeout().emit and by emitWithAck', LIMIT, async (t) => {
      const put = async (socket, field, ack) => {
        const yes = await socket.emitWithAck('question');
        socket.timeout(60_000).emit('question', (error, again) => {
          if (!error && yes === 'yes' && again === 'yes') socket.session[field] = 1;
          ack();
        });
      };
      await putDozen(await open(t, 'shareSession', store, { events: { put } }));
    });
  });
}

for (const face of Object.keys(FACES)) {
  test(
    `${face}, Socket.IO 2: a dozen events at once change the session in the callback of a pool`,
    LIMIT,
    async (t) => {
      const work = callbackPool();
      const put = (at, field, ack) => {
        work(() => {
          at.session[field] = 1;
          ack();
        });
      };
      await putDozen(await open(t, face, 'MemoryStore', { socketIoVersion: 2, events: { put } }));
    },
  );
}

test(
  'after an update() socket.session is what was written, whatever an event has loaded meanwhile',
  LIMIT,
  async (t) => {
    const [began, goOn] = [deferred(), deferred()];
    const f = await FACES.shareSession(t, {
      events: {
        async update(socket, _data, ack) {
          const { session } = socket;
          assert.equal(session.n, undefined);
          began.resolve();
          await goOn.promise;
          await session.update((fresh) => {
            fresh.n = 1;
          });
          ack([session.n, socket.session.n, socket.session.http]);
        },
        see: ({ session }, _data, ack) => ack(session.http),
      },
    });
    const { browser, sid, socket } = await f.bound();
    const updated = socket.ask('update', null);
    await began.promise;
    await f.write(browser, { http: 'written' });
    const write = f.store.hold('set', (id) => id === sid);
    goOn.resolve();
    await write.reached;
    assert.equal(await socket.ask('see', null), 'written');
    write.release();
    assert.deepEqual(await updated, [1, 1, 'written']);
  },
);

test('an update() that changes nothing takes no later save back', LIMIT, async (t) => {
  const [began, goOn] = [deferred(), deferred()];
  const f = await FACES.shareSession(t, {
    events: {
      async update({ session }, _data, ack) {
        await session.update(() => {
          began.resolve();
          return goOn.promise;
        });
        ack(session.saved);
      },
      async save({ session }, _data, ack) {
        session.saved = 1;
        await session.save();
        ack();
      },
    },
  });
  const { socket } = await f.bound();
  const updated = socket.ask('update', null);
  await began.promise;
  await socket.ask('save', null);
  goOn.resolve();
  assert.equal(await updated, 1);
});

/** Spells a session when it is asked to write it, as databases do. */
class SpellingStore extends HostileStore {
  set(sid, session, callback) {
    super.set(sid, JSON.parse(JSON.stringify(session)), callback);
  }
}

test('a session that is new is saved by one write after the other', LIMIT, async (t) => {
  const f = await FACES.shareSession(t, {
    store: new SpellingStore(),
    events: {
      async login(socket, _data, ack) {
        await socket.session.regenerate();
        const { session } = socket;
        session.user = 'bob';
        session.save(() => {});
        session.cart = 'full';
        ack(session.id);
      },
    },
  });
  const { sid, socket } = await f.bound();
  const first = f.store.hold('set', (id) => id !== sid);
  const answer = socket.ask('login', null);
  await first.reached;
  // A store with several connections would work off a second write before the first.
  await settle();
  first.release();
  const { user, cart } = f.store.read(await answer);
  assert.deepEqual({ user, cart }, { user: 'bob', cart: 'full' });
});
