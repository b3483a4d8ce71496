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
