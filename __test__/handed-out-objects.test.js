'use strict';

// Some stores hand out more than JSON: connect-mongo a `Date` in each session (`touchAfter`), and all that BSON has
// (`stringify: false`). A socket's session has the same as a request's.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const session = require('express-session');
const { FACES } = require('./support/faces.js');
const { LIMIT } = require('./support/limit.js');
const { shareFixture } = require('./support/share-fixture.js');
const { until } = require('./support/wait.js');

// As connect-mongo with `stringify: false` and `touchAfter`: sessions are kept as objects, with the date of the last write,
// which a touch looks at.
class ObjectStore extends session.Store {
  kept = new Map();
  touches = 0;

  get(sid, callback) {
    const found = structuredClone(this.kept.get(sid));
    setImmediate(callback, null, found ? { ...found.data, lastModified: found.lastModified } : null);
  }

  set(sid, { lastModified, ...fields }, callback) {
    const data = structuredClone({ ...fields, cookie: JSON.parse(JSON.stringify(fields.cookie)) });
    this.kept.set(sid, { data, lastModified: new Date() });
    setImmediate(callback, null);
  }

  touch(sid, { lastModified }, callback) {
    if (lastModified.getTime() <= Date.now()) this.touches += 1;
    const found = this.kept.get(sid);
    if (found) found.lastModified = new Date();
    setImmediate(callback, null);
  }

  destroy(sid, callback) {
    this.kept.delete(sid);
    setImmediate(callback, null);
  }
}

const SINCE = new Date(86_400_000);
const isDate = (value) => value instanceof Date;

// The session of a browser, in which the app has put a `Date` and an object with one.
async function dated(t, face, events = {}, set = {}) {
  const store = new ObjectStore();
  const f = await FACES[face](t, {
    store,
    ...set,
    events: {
      begin: ({ session: own }, _data, ack) => {
        Object.assign(own, { since: SINCE, visit: { at: SINCE, of: 'ann' } });
        ack();
      },
      look: ({ session: { since, visit } }, _data, ack) =>
        ack([isDate(since), isDate(visit.at), Number(since)]),
      put: ({ session: own }, field, ack) => {
        own[field] = 1;
        ack();
      },
      ...events,
    },
  });
  const { browser, sid, socket } = await f.bound();
  await socket.ask('begin', {});
  return { ...f, browser, sid, socket, data: () => store.kept.get(sid).data };
}

for (const face of Object.keys(FACES)) {
  describe(`${face}, a store that hands out dates`, () => {
    test('each event has them as dates, whoever has written the session in between', LIMIT, async (t) => {
      const f = await dated(t, face);
      const expected = [true, true, SINCE.getTime()];
      for (const write of [
        () => f.socket.ask('look', {}),
        () => f.read(f.browser),
        () => f.write(f.browser, { page: 1 }),
        () => f.socket.ask('put', 'field'),
        () => Promise.all([f.write(f.browser, { page: 2 }), f.socket.ask('put', 'other')]),
      ]) {
        await write();
        assert.deepEqual(await f.socket.ask('look', {}), expected, String(write));
      }
    });

    test(
      'they are dates in the store after a merge, and what both have written is there',
      LIMIT,
      async (t) => {
        const f = await dated(t, face, {
          beside: async ({ session: own }, _data, ack) => {
            own.mine = 1;
            await f.write(f.browser, { theirs: 1 });
            ack();
          },
        });
        await f.socket.ask('beside', {});
        const { mine, theirs, since, visit } = f.data();
        assert.deepEqual(
          { mine, theirs, since, visit },
          { mine: 1, theirs: 1, since: SINCE, visit: { at: SINCE, of: 'ann' } },
        );
      },
    );

    test('a date that one writer changes and another keeps is the changed one', LIMIT, async (t) => {
      const later = new Date(2 * SINCE.getTime());
      const f = await dated(t, face, {
        beside: async ({ session: own }, _data, ack) => {
          own.since = later;
          own.visit.at = later;
          await f.write(f.browser, { theirs: 1 });
          ack();
        },
        change: ({ session: own }, _data, ack) => {
          own.since.setTime(1);
          ack();
        },
      });
      await f.socket.ask('beside', {});
      assert.deepEqual(
        [Number(new Date(f.data().since)), Number(new Date(f.data().visit.at))],
        [Number(later), Number(later)],
      );
      await f.socket.ask('begin', {});
      await f.socket.ask('look', {});
      await f.socket.ask('change', {});
      assert.deepEqual(f.data().since, new Date(1));
      assert.deepEqual(await f.socket.ask('look', {}), [true, true, 1]);
    });

    test(
      'a session that was kept in `connection` saves what is changed in it, after HTTP writes too',
      LIMIT,
      async (t) => {
        let kept;
        const f = await dated(t, face, {
          keep: (at, _data, ack) => {
            kept = at.session;
            ack();
          },
          late: (_at, field, ack) => {
            kept[field] = isDate(kept.since);
            ack();
          },
        });
        await f.socket.ask('keep', {});
        for (const field of ['one', 'two', 'three']) {
          await f.write(f.browser, { page: field });
          await f.socket.ask('late', field);
        }
        const { one, two, three, page } = f.data();
        assert.deepEqual({ one, two, three, page }, { one: true, two: true, three: true, page: 'three' });
      },
    );
  });
}

// As a map of Mongoose, and a date with a time zone.
class Prefs extends Map {
  toJSON() {
    return Object.fromEntries(this);
  }
}
class Due extends Date {
  toJSON() {
    return 'due';
  }
}
const SPELT = { prefs: { theme: 'dark' }, due: 'due', own: 'own' };
const spelling = () => ({
  prefs: new Prefs([['theme', 'dark']]),
  due: new Due(0),
  own: Object.assign(new Date(0), { toJSON: () => 'own' }),
});

test('what has a toJSON is stored as that says, whoever saves it', LIMIT, async (t) => {
  const { bound, store } = await shareFixture(t, {
    app({ app, io }) {
      app.get('/put', (req, res) => res.json(Object.keys(Object.assign(req.session, spelling()))));
      io.on('connection', (socket) => {
        socket.on('put', (ack) => {
          Object.assign(socket.session, spelling());
          ack();
        });
        socket.on('update', (ack) =>
          socket.session.update((own) => void Object.assign(own, spelling())).then(() => ack()),
        );
      });
    },
  });
  for (const save of [
    ({ browser }) => browser.json('/put'),
    ({ socket }) => socket.ask('put'),
    ({ socket }) => socket.ask('update'),
  ]) {
    const user = await bound();
    await save(user);
    const { prefs, due, own } = store.read(user.sid);
    assert.deepEqual({ prefs, due, own }, SPELT, String(save));
  }
});

class Cart {
  items = {};
  n = 0;
  add(item) {
    this.items[item] = 1;
    this.n += 1;
  }
}

// Hands out the very object that it keeps.
class KeepingStore extends session.Store {
  kept = new Map();

  get(sid, callback) {
    setImmediate(callback, null, this.kept.get(sid));
  }

  set(sid, data, callback) {
    this.kept.set(sid, data);
    setImmediate(callback, null);
  }

  destroy(sid, callback) {
    this.kept.delete(sid);
    setImmediate(callback, null);
  }
}

test(
  'an object of a class, in a store that hands out what it keeps, is changed by those who save it',
  LIMIT,
  async (t) => {
    const store = new KeepingStore();
    const failures = [];
    const { bound } = await shareFixture(t, {
      store,
      options: { onError: (error) => failures.push(error.message) },
      app({ app, io }) {
        app.get('/cart', (req, res) => {
          req.session.cart = new Cart();
          res.json(1);
        });
        io.on('connection', (socket) => {
          socket.on('update', (item, ack) =>
            socket.session.update(({ cart }) => cart.add(item)).then(() => ack()),
          );
          socket.on('add', (item, ack) => {
            socket.session.cart.add(item);
            ack();
          });
          socket.on('fail', async (ack) => {
            const failing = socket.session.update(({ cart }) => {
              cart.add('by an update that fails');
              throw new Error('no');
            });
            await failing.catch(() => ack());
            socket.session.cart.add('by a handler that fails');
            throw new Error('no');
          });
        });
      },
    });
    const { browser, socket, sid } = await bound();
    await browser.json('/cart');
    const items = Array.from({ length: 20 }, (_, n) => `item${n}`);
    await Promise.all(items.map((item) => socket.ask('update', item)));
    await socket.ask('add', 'last');
    await socket.ask('fail');
    await until(() => failures.length > 0, 'the handler has failed');
    await socket.ask('add', 'after it');
    const { cart } = store.kept.get(sid);
    assert.deepEqual(Object.keys(cart.items), [...items, 'last', 'after it']);
    assert.equal(cart.n, items.length + 2);
  },
);

test('update() has dates, though others write meanwhile', LIMIT, async (t) => {
  const seen = [];
  const f = await dated(t, 'shareSession', {
    tick: async (socket, _data, ack) => {
      await socket.session.update(async (own) => {
        seen.push(isDate(own.since) && isDate(own.visit.at));
        if (seen.length < 3) await f.write(f.browser, { page: seen.length });
        own.ticks = 1;
      });
      ack(isDate(socket.session.since));
    },
  });
  assert.equal(await f.socket.ask('tick', {}), true);
  assert.deepEqual(seen, [true, true, true]);
  const { page, since, ticks } = f.data();
  assert.deepEqual({ page, since, ticks }, { page: 2, since: SINCE, ticks: 1 });
});

test('with touchInterval events extend the session of a store whose touch reads a date', LIMIT, async (t) => {
  const store = new ObjectStore();
  const failures = [];
  const { bound } = await shareFixture(t, {
    store,
    options: { touchInterval: 1000, onError: (error) => failures.push(error.message) },
    sessionOptions: { cookie: { maxAge: 60_000 } },
    app: ({ io }) => {
      io.on('connection', (socket) => socket.on('look', (ack) => ack(socket.session.user)));
    },
  });
  const { socket } = await bound();
  const before = store.touches;
  await until(async () => {
    assert.equal(await socket.ask('look'), 'ann');
    return store.touches - before >= 3;
  }, 'it is touched');
  assert.deepEqual(failures, []);
});

test('a stranger has dates in the session of its own', LIMIT, async (t) => {
  const { connect } = await shareFixture(t, {
    store: new ObjectStore(),
    app: ({ io }) => {
      io.on('connection', (socket) => {
        socket.on('put', (ack) => {
          socket.session.since = SINCE;
          ack();
        });
        socket.on('look', (ack) => ack([isDate(socket.session.since), Number(socket.session.since)]));
      });
    },
  });
  const socket = await connect();
  await socket.ask('put');
  assert.deepEqual(await socket.ask('look'), [true, Number(SINCE)]);
});
