'use strict';

// Code that sets a field wants it to be so. If the session object has had that value before, and somebody else has stored another
// one since, the field is written all the same.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { deferred } = require('./support/deferred.js');
const { FACES, save, socketOf } = require('./support/faces.js');
const { LIMIT } = require('./support/limit.js');
const { suiteStores } = require('./support/suite-stores.js');
const { until } = require('./support/wait.js');

const STORES = suiteStores();

// A handler that takes the session, waits, and changes it.
const late = (go, change) => async (at, _data, ack) => {
  const { session } = at;
  await go.promise;
  change(session);
  ack();
};

// A socket whose session has `idle: true`. `outside()` is that session for code outside of handlers.
async function idling(t, face, store, { events, ...set } = {}) {
  const held = deferred();
  let at;
  const f = await FACES[face](t, {
    kept: await STORES[store](),
    ...set,
    events: {
      look: (socket, _data, ack) => {
        at = socket;
        ack(socket.session.idle);
      },
      hold: async (socket, _data, ack) => {
        ack(socket.session.idle);
        await held.promise;
      },
      ...events,
    },
  });
  const { browser, socket } = await f.bound();
  await f.write(browser, { idle: true, list: ['a'], page: 1 });
  assert.equal(await socket.ask('look', {}), true);
  return {
    ...f,
    browser,
    socket,
    outside: () => socketOf(at).session ?? at.session,
    finish: held.resolve,
    stored: async () => (await f.read(browser)).idle,
  };
}

for (const face of Object.keys(FACES)) {
  for (const store of Object.keys(STORES)) {
    describe(`${face}, ${store}: a field is set to the value that the session object has`, () => {
      test('outside of a handler, and is stored by save()', LIMIT, async (t) => {
        const { browser, outside, stored, write } = await idling(t, face, store);
        for (let round = 0; round < 3; round += 1) {
          await write(browser, { idle: false });
          const session = outside();
          session.idle = true;
          await save(session);
          assert.equal(await stored(), true);
        }
      });

      test('outside of a handler, and is stored with the next event', LIMIT, async (t) => {
        const { browser, outside, socket, stored, write } = await idling(t, face, store);
        await write(browser, { idle: false });
        outside().idle = true;
        assert.equal(await socket.ask('look', {}), true);
        assert.equal(await stored(), true);
      });

      test('in an object that was kept, while a handler runs that may hold it', LIMIT, async (t) => {
        let kept;
        const { browser, finish, socket, stored, write } = await idling(t, face, store, {
          events: {
            keep: (at, _data, ack) => {
              kept = at.session;
              ack();
            },
            set: (_at, value, ack) => {
              kept.idle = value;
              ack();
            },
          },
        });
        await socket.ask('keep', {});
        await socket.ask('hold', {});
        await write(browser, { idle: false });
        await socket.ask('set', true);
        assert.equal(await stored(), true);
        finish();
        await socket.ask('look', {});
        assert.equal(await stored(), true);
      });

      test('at the end of a handler that has taken the session before others wrote', LIMIT, async (t) => {
        const go = deferred();
        const { browser, socket, stored, write } = await idling(t, face, store, {
          events: {
            late: late(go, (session) => {
              session.idle = true;
            }),
          },
        });
        const asked = socket.ask('late', {});
        await socket.ask('look', {});
        await write(browser, { idle: false });
        go.resolve();
        await asked;
        assert.equal(await stored(), true);
      });

      test('by a listener of `disconnect`', LIMIT, async (t) => {
        const { browser, socket, stored, write } = await idling(t, face, store, {
          events: {
            disconnect: (at) => {
              at.session.idle = true;
            },
          },
        });
        await write(browser, { idle: false });
        socket.close();
        await until(async () => (await stored()) === true, 'it is stored');
      });

      test('or deleted or left out where it has none, and is gone', LIMIT, async (t) => {
        const go = deferred();
        const leaveOut = (session) => {
          delete session.coupon;
          session.gift = undefined;
        };
        const { browser, outside, read, socket, write } = await idling(t, face, store, {
          events: {
            late: late(go, leaveOut),
          },
        });
        const gone = async () => {
          const { coupon, gift } = await read(browser);
          assert.deepEqual([coupon, gift], [undefined, undefined]);
        };
        const asked = socket.ask('late', {});
        await socket.ask('look', {});
        await write(browser, { coupon: { cents: 5 }, gift: 'a book' });
        go.resolve();
        await asked;
        await gone();
        await write(browser, { coupon: 5, gift: ['a book'] });
        const session = outside();
        leaveOut(session);
        await save(session);
        await gone();
      });

      test('while a save or an update() of the same object is under way', LIMIT, async (t) => {
        const beside = {
          save: (session) => {
            session.saved = true;
            return save(session);
          },
          'an update()': (session) =>
            session.update((fresh) => {
              fresh.updated = true;
            }),
          'an update() of nothing': (session) => session.update(() => {}),
        };
        let go;
        const { browser, read, socket, write } = await idling(t, face, store, {
          events: {
            set: async (at, how, ack) => {
              const { session } = at;
              assert.equal(session.idle, true);
              await go.promise;
              const first = how.isBefore ? undefined : beside[how.name](session);
              session.idle = true;
              delete session.coupon;
              await (first ?? beside[how.name](session));
              ack();
            },
          },
        });
        const names = face === 'Zappa' ? ['save'] : Object.keys(beside);
        for (const name of names) {
          for (const isBefore of [true, false]) {
            go = deferred();
            await write(browser, { idle: true });
            const asked = socket.ask('set', { name, isBefore });
            await socket.ask('look', {});
            await write(browser, { idle: false, coupon: 5 });
            go.resolve();
            await asked;
            const { idle, coupon } = await read(browser);
            assert.deepEqual([idle, coupon], [true, undefined], `${name}, ${isBefore}`);
          }
        }
      });

      test('while another handler saves what it has changed in the same object', LIMIT, async (t) => {
        const go = deferred();
        const { browser, read, socket, write } = await idling(t, face, store, {
          events: {
            one: late(go, (session) => {
              session.one = true;
            }),
            other: late(go, (session) => {
              session.idle = true;
              delete session.coupon;
            }),
          },
        });
        const asked = [socket.ask('one', {}), socket.ask('other', {})];
        await socket.ask('look', {});
        await write(browser, { idle: false, coupon: 5 });
        go.resolve();
        await Promise.all(asked);
        const { coupon, idle, one } = await read(browser);
        assert.deepEqual([coupon, idle, one], [undefined, true, true]);
      });

      test('and then to another one, deleted, or left out', LIMIT, async (t) => {
        const { browser, outside, read, write } = await idling(t, face, store);
        await write(browser, { idle: false, page: 2 });
        const session = outside();
        Object.assign(session, { idle: true, page: 1, list: ['a'] });
        session.idle = 'away';
        delete session.page;
        session.list = undefined;
        await save(session);
        const { idle, list, page } = await read(browser);
        assert.deepEqual([idle, page, list], ['away', undefined, undefined]);
      });

      test('and then an object: it is stored as it is, whatever was there before', LIMIT, async (t) => {
        const { browser, outside, read, write } = await idling(t, face, store);
        await write(browser, { page: { old: 1 } });
        const session = outside();
        session.page = 1;
        session.page = { now: 1 };
        await save(session);
        assert.deepEqual((await read(browser)).page, { now: 1 });
      });

      test('which is an object: others have added something to it, and that stays', LIMIT, async (t) => {
        const { browser, outside, read, write } = await idling(t, face, store);
        await write(browser, { list: ['a', 'b'] });
        const session = outside();
        session.list = session.list.filter(Boolean);
        await save(session);
        assert.deepEqual((await read(browser)).list, ['a', 'b']);
      });

      test('by a handler that fails: nothing of it is stored', LIMIT, async (t) => {
        const failed = deferred();
        const { browser, socket, stored, write } = await idling(t, face, store, {
          onError: () => failed.resolve(),
          events: {
            fail: (at) => {
              at.session.idle = true;
              throw new Error('on purpose');
            },
          },
        });
        socket.send('fail', {});
        await failed.promise;
        await write(browser, { idle: false });
        assert.equal(await socket.ask('look', {}), false);
        assert.equal(await stored(), false);
      });

      test('by a handler that has ended: later changes of others stay', LIMIT, async (t) => {
        const { browser, socket, stored, write } = await idling(t, face, store, {
          events: {
            set: (at, _data, ack) => {
              at.session.idle = true;
              ack();
            },
          },
        });
        await socket.ask('set', {});
        await write(browser, { idle: false });
        assert.equal(await socket.ask('look', {}), false);
        assert.equal(await stored(), false);
      });
    });
  }
}

for (const store of Object.keys(STORES))
  test(`${store}: a handler that sets a field to what is stored writes nothing`, LIMIT, async (t) => {
    const { sharing, socket } = await idling(t, 'shareSession', store, {
      events: {
        set: (socket, _data, ack) => {
          socket.session.idle = true;
          ack();
        },
      },
    });
    const { commits } = sharing.stats();
    await socket.ask('set', {});
    await socket.ask('set', {});
    assert.equal(sharing.stats().commits, commits);
  });
