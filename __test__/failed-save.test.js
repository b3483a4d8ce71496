'use strict';

// A change that could not be saved is not saved later over what others have stored since.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { deferred } = require('./support/deferred.js');
const { FACES, save } = require('./support/faces.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { shareFixture } = require('./support/share-fixture.js');
const { settle } = require('./support/wait.js');

class ComparingStore extends HostileStore {
  constructor() {
    super();
    this.inner.compareAndSet = (sid, expected, text, callback) => {
      const current = this.text(sid);
      if (current === expected) this.inner.sessions[sid] = text;
      setImmediate(callback, null, current === expected || (current ?? null));
    };
  }

  compareAndSet(sid, expected, { text }, callback) {
    this.act('compareAndSet', sid, [expected, text], callback);
  }
}

const READ_FAILS = () => {
  const store = new HostileStore();
  // The event has loaded its session by then.
  return { store, fail: () => store.next('get', 'error') };
};

const STORES = {
  'a store that reads before it writes': () => {
    const store = new HostileStore();
    return { store, fail: () => store.next('set', 'error') };
  },
  'a store whose read before a write fails': READ_FAILS,
  'a store that compares and sets': () => {
    const store = new ComparingStore();
    return { store, fail: () => store.next('compareAndSet', 'error') };
  },
};

// A socket whose session has `f: 6`, one handler that is running, and another one whose `f: 7` could not be saved.
async function failing(t, face, make, events = {}) {
  const { store, fail } = make();
  const finish = deferred();
  const failures = [];
  const f = await FACES[face](t, {
    store,
    onError: (error) => failures.push(error),
    events: {
      slow: async (at, fields, ack) => {
        await finish.promise;
        Object.assign(at.session, fields);
        ack('done');
      },
      set: (at, fields, ack) => {
        Object.assign(at.session, fields);
        fail();
        ack('done');
      },
      look: (at, _data, ack) => ack([at.session.f, at.session.g]),
      ...events,
    },
  });
  const { browser, socket } = await f.bound();
  await f.write(browser, { f: 6 });
  const failed = () => assert.equal(failures.splice(0).length, 1);
  return { ...f, browser, socket, finish: finish.resolve, fail, failed, failures };
}

// What is stored when `f: 7` could not be saved, others have written `theirs`, and the running handler has set `fields`.
async function storedAfter({ browser, failed, finish, read, socket, write }, fields, theirs) {
  await socket.ask('look', {});
  const slow = socket.ask('slow', fields);
  await socket.ask('set', { f: 7 });
  failed();
  await write(browser, theirs);
  finish();
  assert.equal(await slow, 'done');
  return read(browser);
}

for (const face of Object.keys(FACES)) {
  for (const [store, make] of Object.entries(STORES)) {
    describe(`${face}, ${store}: a save fails`, () => {
      test('and a handler that was running ends: what others have stored since stays', LIMIT, async (t) => {
        const app = await failing(t, face, make);
        const { f, g } = await storedAfter(app, { g: 1 }, { f: 8 });
        assert.deepEqual([f, g], [8, 1]);
        assert.deepEqual(await app.socket.ask('look', {}), [8, 1]);
        assert.deepEqual(app.failures, []);
      });

      test('and a handler goes on: what nobody else has changed is saved with the rest', LIMIT, async (t) => {
        const app = await failing(t, face, make);
        const { f, g, other } = await storedAfter(app, { g: 1 }, { other: true });
        assert.deepEqual([f, g, other], [7, 1, true]);
      });

      test('and its handler changes the same field anew: that is saved', LIMIT, async (t) => {
        const app = await failing(t, face, make);
        assert.equal((await storedAfter(app, { f: 9 }, { f: 8 })).f, 9);
      });

      // A `save()` need not read what the handler has loaded.
      if (make === READ_FAILS) return;

      test('which a handler has called, and then acknowledges something else', LIMIT, async (t) => {
        const go = deferred();
        const rejected = deferred();
        const { browser, fail, read, socket, write } = await failing(t, face, make, {
          save: async (at, _data, ack) => {
            at.session.f = 7;
            fail();
            await save(at.session).catch(rejected.resolve);
            await go.promise;
            at.session.g = 1;
            ack();
          },
        });
        const asked = socket.ask('save', {});
        await rejected.promise;
        await write(browser, { f: 8 });
        go.resolve();
        await asked;
        const { f, g } = await read(browser);
        assert.deepEqual([f, g], [8, 1]);
      });

      test('which a handler has called, and calls again: the session is saved', LIMIT, async (t) => {
        const { browser, fail, read, socket } = await failing(t, face, make, {
          save: async (at, _data, ack) => {
            at.session.f = 7;
            fail();
            await save(at.session).catch(() => save(at.session));
            ack();
          },
        });
        await socket.ask('save', {});
        assert.equal((await read(browser)).f, 7);
      });
    });
  }
}

describe('shareSession: a save fails', () => {
  for (const [store, make] of Object.entries(STORES)) {
    // A handler that was running calls update() when it is told to, and goes on then.
    const updating = async (t, finish) => {
      const [go, updated] = [deferred(), deferred()];
      const app = await failing(t, 'shareSession', make, {
        update: async (at, _data, ack) => {
          const { session } = at;
          await go.promise;
          await session.update((fresh) => {
            fresh.count = (fresh.count ?? 0) + 1;
          });
          updated.resolve();
          await finish(session);
          ack();
        },
      });
      await app.socket.ask('look', {});
      const asked = app.socket.ask('update', {});
      await app.socket.ask('set', { f: 7 });
      app.failed();
      return { ...app, asked, go: go.resolve, updated: updated.promise };
    };

    test(
      `${store}: an update() in a handler that was running keeps what others have stored`,
      LIMIT,
      async (t) => {
        const { asked, browser, go, read, write } = await updating(t, (session) => {
          session.g = 1;
        });
        await write(browser, { f: 8 });
        go();
        await asked;
        const { count, f, g } = await read(browser);
        assert.deepEqual([count, f, g], [1, 8, 1]);
      },
    );

    test(`${store}: so it is where others store it after that update()`, LIMIT, async (t) => {
      const goOn = deferred();
      const { asked, browser, go, read, updated, write } = await updating(t, () => goOn.promise);
      go();
      await updated;
      await write(browser, { f: 8 });
      goOn.resolve();
      await asked;
      const { count, f } = await read(browser);
      assert.deepEqual([count, f], [1, 8]);
    });
  }
});

test(
  'what is brought up to date while a save after a failed one is under way is not undone by that',
  LIMIT,
  async (t) => {
    const store = new ComparingStore();
    const [begun, go, saved, goOn] = [deferred(), deferred(), deferred(), deferred()];
    const f = await shareFixture(t, {
      store,
      options: { onError() {} },
      app: ({ io }) =>
        io.on('connection', (socket) => {
          socket.on('fill', (ack) => {
            socket.session.data = {};
            ack();
          });
          socket.on('set', (field, ack) => {
            socket.session.data[field] = 1;
            ack();
          });
          socket.on('look', (ack) => ack());
          socket.on('work', async (ack) => {
            const { session } = socket;
            begun.resolve();
            await go.promise;
            session.data.a = 1;
            await session.save().catch(() => {});
            saved.resolve();
            await goOn.promise;
            ack();
          });
        }),
    });
    const { key, sid, socket } = await f.bound();
    const second = await f.connect({ key });
    await socket.ask('fill');
    const work = socket.ask('work');
    await begun.promise;
    const first = store.hold('compareAndSet');
    const set = second.ask('set', 'b');
    await first.reached;
    go.resolve();
    await settle();
    store.next('compareAndSet', 'error');
    first.release();
    await Promise.all([set, saved.promise]);
    const last = store.hold('compareAndSet');
    goOn.resolve();
    await last.reached;
    const look = socket.ask('look');
    await settle();
    last.release();
    await Promise.all([work, look]);
    assert.deepEqual(JSON.parse(store.text(sid)).data, { a: 1, b: 1 });
  },
);
