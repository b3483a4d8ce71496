'use strict';

// `const { session } = socket` in `connection`, or in a handler that has ended long ago: code that keeps a session object has
// the current session of its socket, whatever others have written since.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { inspect } = require('node:util');
const v8 = require('node:v8');
const { deferred } = require('./support/deferred.js');
const { FACES, socketOf } = require('./support/faces.js');
const { LIMIT } = require('./support/limit.js');
const { suiteStores } = require('./support/suite-stores.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

const STORES = suiteStores();

// An event that keeps its session.
const keepIn = (kept) => (at, _data, ack) => {
  kept.push(at.session);
  ack();
};

// Keeps the session of the first event. `as(code)` is any code of the app's, which gets that and an acknowledgement.
async function keeping(t, face, store, set = {}) {
  const kept = [];
  let run;
  const running = deferred();
  const f = await FACES[face](t, {
    kept: await STORES[store](),
    ...set,
    events: {
      keep: keepIn(kept),
      use: (at, _data, ack) => run(kept[0], ack, at),
      hold: async (at, field, ack) => {
        const { session } = at;
        ack();
        await running.promise;
        if (field) session[field] = 1;
      },
    },
  });
  const { browser, socket } = await f.bound();
  await socket.ask('keep', {});
  return {
    ...f,
    browser,
    socket,
    finish: running.resolve,
    as(other) {
      run = other;
      return socket.ask('use', {});
    },
  };
}

for (const face of Object.keys(FACES)) {
  for (const store of Object.keys(STORES)) {
    describe(`${face}, ${store}: a session object that was kept`, () => {
      test('has what others have written since, and what it changes is saved', LIMIT, async (t) => {
        const { browser, write, read, as } = await keeping(t, face, store);
        for (const n of [1, 2, 3]) {
          await write(browser, { role: `role ${n}` });
          const role = await as((session, ack) => {
            ack(session.role);
          });
          assert.equal(role, `role ${n}`);
          await as((session, ack) => {
            session[`kept${n}`] = n;
            ack();
          });
          assert.equal((await read(browser))[`kept${n}`], n);
        }
        const { kept1, kept2, kept3, role } = await read(browser);
        assert.deepEqual({ kept1, kept2, kept3, role }, { kept1: 1, kept2: 2, kept3: 3, role: 'role 3' });
      });

      test('changes objects in it, deletes fields and lists them', LIMIT, async (t) => {
        const { browser, write, read, as } = await keeping(t, face, store);
        await write(browser, { cart: { apples: 1 }, old: 1 });
        const seen = await as((session, ack) => {
          session.cart.pears = 2;
          delete session.old;
          Object.defineProperty(session, 'late', {
            configurable: true,
            enumerable: true,
            writable: true,
            value: 3,
          });
          const own = Object.getOwnPropertyDescriptor(session, 'late')?.value;
          ack({
            has: 'cart' in session,
            had: 'old' in session,
            own,
            all: JSON.parse(JSON.stringify(session)),
          });
        });
        assert.deepEqual([seen.has, seen.had, seen.own], [true, false, 3]);
        assert.deepEqual(seen.all.cart, { apples: 1, pears: 2 });
        const { cart, late, old } = await read(browser);
        assert.deepEqual({ cart, late, old }, { cart: { apples: 1, pears: 2 }, late: 3, old: undefined });
      });

      test('is as stored again when a handler has failed', LIMIT, async (t) => {
        const failed = deferred();
        const { browser, write, read, as } = await keeping(t, face, store, {
          onError: () => failed.resolve(),
        });
        await write(browser, { cart: { apples: 1 }, role: 'admin' });
        as((session) => {
          session.cart.pears = 2;
          delete session.role;
          session.half = 1;
          session.cookie.path = '/elsewhere';
          throw new Error('on purpose');
        });
        await failed.promise;
        const seen = await as((session, ack) => {
          session.whole = true;
          ack([session.cart, session.role, session.half ?? null, session.cookie.path]);
        });
        assert.deepEqual(seen, [{ apples: 1 }, 'admin', null, '/']);
        const { half, role, whole } = await read(browser);
        assert.deepEqual({ half, role, whole }, { half: undefined, role: 'admin', whole: true });
      });

      test('is so too while a client waits for the answer of what has failed', LIMIT, async (t) => {
        const failed = deferred();
        const { browser, read, as } = await keeping(t, face, store, {
          onError: () => failed.resolve(),
        });
        as((session) => {
          session.half = 1;
          throw new Error('on purpose');
        });
        await failed.promise;
        const half = await as(async (session, ack) => {
          await settle();
          session.whole = true;
          ack(session.half ?? null);
        });
        assert.equal(half, null);
        const stored = await read(browser);
        assert.deepEqual([stored.half, stored.whole], [undefined, true]);
      });

      test('is saved by save()', LIMIT, async (t) => {
        const { browser, write, read, as } = await keeping(t, face, store);
        await write(browser, { role: 'admin' });
        const hold = deferred();
        const asked = as(async (session, ack) => {
          session.kept = 1;
          session.save((error) => hold.resolve(error ?? 'saved'));
          assert.equal(await hold.promise, 'saved');
          ack((await read(browser)).kept);
        });
        assert.equal(await asked, 1);
      });

      test('is an object of its own while a handler that began with it runs', LIMIT, async (t) => {
        const { browser, socket, write, read, as, finish } = await keeping(t, face, store);
        await socket.ask('hold', 'held');
        await write(browser, { role: 'admin' });
        assert.equal(await as((session, ack) => ack(session.role ?? 'none')), 'none');
        await as((session, ack) => {
          session.kept = 1;
          ack();
        });
        finish();
        await until(async () => (await read(browser)).held === 1, 'the held change is saved');
        assert.equal(await as((session, ack) => ack(session.role)), 'admin');
        assert.equal((await read(browser)).kept, 1);
      });
    });
  }
}

for (const store of Object.keys(STORES)) {
  test(`${store}: a session object that was kept has the methods of a session`, LIMIT, async (t) => {
    const { browser, write, read, as } = await keeping(t, 'shareSession', store);
    await write(browser, { count: 1 });
    await as(async (session, ack) => {
      await session.update((fresh) => {
        fresh.count += 1;
      });
      session.saved = 1;
      await session.save();
      await session.reload();
      ack();
    });
    await write(browser, { role: 'admin' });
    const seen = await as(async (session, ack) => {
      await session.update((fresh) => {
        fresh.count += 1;
      });
      ack([session.count, session.role]);
    });
    assert.deepEqual(seen, [3, 'admin']);
    const { count, saved, role } = await read(browser);
    assert.deepEqual({ count, saved, role }, { count: 3, saved: 1, role: 'admin' });
    await as(async (session, ack) => {
      await session.destroy();
      ack();
    });
    assert.equal((await read(browser))?.role, undefined);
  });
}

// A socket of an app whose `connection` listener keeps the session, and whose handlers the test holds up.
async function keptFromTheStart(t, face, store, events = {}, set = {}) {
  const kept = new Map();
  const gates = new Map();
  const gate = (name) => {
    if (!gates.has(name)) gates.set(name, { entered: deferred(), open: deferred() });
    return gates.get(name);
  };
  const sessionOf = (at) => kept.get(socketOf(at).id);
  const f = await FACES[face](t, {
    kept: await STORES[store](),
    ...set,
    events: {
      keep: (at, _data, ack) => {
        kept.set(socketOf(at).id, at.session);
        ack();
      },
      wait: async (_at, name, ack) => {
        gate(name).entered.resolve();
        await gate(name).open.promise;
        ack();
      },
      put: (at, field, ack) => {
        sessionOf(at)[field] = 1;
        ack();
      },
      ...Object.fromEntries(
        Object.entries(events).map(([name, run]) => [
          name,
          (at, data, ack) => run({ at, session: sessionOf(at), gate }, data, ack),
        ]),
      ),
    },
  });
  const { browser, socket } = await f.bound();
  await socket.ask('keep', {});
  return { ...f, browser, socket, gate };
}

for (const face of Object.keys(FACES)) {
  for (const store of Object.keys(STORES)) {
    describe(`${face}, ${store}: in a session object that was kept`, () => {
      test(
        'a change is saved beside a handler that fails while an earlier one is saved',
        LIMIT,
        async (t) => {
          const f = await keptFromTheStart(
            t,
            face,
            store,
            {
              fail: ({ at }) => {
                at.session.half = 1;
                throw new Error('on purpose');
              },
            },
            { onError: () => {} },
          );
          for (let n = 0; n < 10; n += 1) {
            const first = f.socket.ask('put', `first${n}`);
            f.socket.send('fail', {});
            await Promise.all([first, f.socket.ask('put', `second${n}`)]);
            assert.equal((await f.read(f.browser))[`second${n}`], 1);
          }
        },
      );

      test('an object that a handler took while another one was running is saved', LIMIT, async (t) => {
        const f = await keptFromTheStart(t, face, store, {
          add: async ({ session, gate }, item, ack) => {
            const { items } = session.cart;
            gate('add').entered.resolve();
            await gate('add').open.promise;
            items[item] = 1;
            ack();
          },
          'add in a callback': ({ session, gate }, item, ack) => {
            const { items } = session.cart;
            gate('add in a callback').entered.resolve();
            gate('add in a callback').open.promise.then(() => {
              items[item] = 1;
              ack();
            });
          },
        });
        for (const event of ['add', 'add in a callback']) {
          await f.write(f.browser, { cart: { items: {} } });
          await f.socket.ask('keep', {});
          const slow = f.socket.ask('wait', `slow ${event}`);
          await f.gate(`slow ${event}`).entered.promise;
          await f.write(f.browser, { seen: event });
          const added = f.socket.ask(event, 'apple');
          await f.gate(event).entered.promise;
          f.gate(`slow ${event}`).open.resolve();
          await slow;
          f.gate(event).open.resolve();
          await added;
          const { cart, seen } = await f.read(f.browser);
          assert.deepEqual({ cart, seen }, { cart: { items: { apple: 1 } }, seen: event });
        }
      });

      test(
        'of its own handler a callback puts an object back, and keeps what others put into it',
        LIMIT,
        async (t) => {
          const f = await keptFromTheStart(t, face, store, {
            add: ({ at, gate }, item, ack) => {
              const { session } = at;
              const { cart } = session;
              gate('add').entered.resolve();
              gate('add').open.promise.then(() => {
                session.cart = { ...cart, [item]: 1 };
                ack();
              });
            },
          });
          await f.write(f.browser, { cart: { pears: 1 } });
          const added = f.socket.ask('add', 'apples');
          await f.gate('add').entered.promise;
          await f.write(f.browser, { cart: { pears: 1, plums: 1 } });
          await f.socket.ask('put', 'other');
          f.gate('add').open.resolve();
          await added;
          assert.deepEqual((await f.read(f.browser)).cart, { pears: 1, plums: 1, apples: 1 });
        },
      );

      test('what comes after `session = null` is saved', LIMIT, async (t) => {
        const f = await keptFromTheStart(t, face, store, {
          drop: ({ at }, _data, ack) => {
            at.session = null;
            ack();
          },
        });
        await f.socket.ask('drop', {});
        for (const field of ['one', 'two']) {
          await f.socket.ask('put', field);
          assert.equal((await f.read(f.browser))[field], 1);
        }
      });

      test(
        'a handler that has ended and never acknowledges keeps it from no later handler',
        LIMIT,
        async (t) => {
          const f = await keptFromTheStart(t, face, store, {
            silent: ({ session }) => {
              session.silent = 1;
            },
            role: ({ session }, _data, ack) => ack(session.role),
            turn: ({ session }, light, ack) => {
              session.light = light;
              ack();
            },
          });
          await f.socket.ask('turn', 'on');
          f.socket.socket.emit('silent', {}, () => {});
          await f.write(f.browser, { role: 'user', light: 'off' });
          assert.equal(await f.socket.ask('role', {}), 'user');
          await f.socket.ask('turn', 'on');
          assert.equal((await f.read(f.browser)).light, 'on');
        },
      );

      test('acknowledgements that never come hold nothing back', LIMIT, async (t) => {
        const f = await keptFromTheStart(t, face, store, { silent: () => {} });
        for (let n = 0; n < 100; n += 1) {
          f.socket.socket.emit('silent', n, () => {});
          if (n % 2 === 0) await f.write(f.browser, { n });
          await f.socket.ask('put', `field${n}`);
        }
        const stored = await f.read(f.browser);
        assert.equal(Object.keys(stored).filter((key) => key.startsWith('field')).length, 100);
      });
    });
  }
}

for (const face of Object.keys(FACES)) {
  test(
    `${face}: what is changed in a kept session object while it is saved, and acknowledged after that, is saved`,
    LIMIT,
    async (t) => {
      const kept = await stores.memory();
      const { set } = kept.store;
      let held;
      kept.store.set = function (...args) {
        const go = () => set.apply(this, args);
        if (held === undefined) go();
        else held.push(go);
      };
      const f = await keptFromTheStart(
        t,
        face,
        'MemoryStore',
        {
          late: async ({ session, gate }, field, ack) => {
            session[field] = 1;
            gate('late').entered.resolve();
            await gate('late').open.promise;
            ack();
          },
          look: (_app, _data, ack) => ack(),
        },
        { kept },
      );
      const slow = f.socket.ask('wait', 'slow');
      await f.gate('slow').entered.promise;
      await f.write(f.browser, { role: 'admin' });
      await f.socket.ask('look', {});
      held = [];
      const first = f.socket.ask('put', 'first');
      await until(() => held.length === 1, 'it is being saved');
      f.gate('slow').open.resolve();
      const late = f.socket.ask('late', 'late');
      await f.gate('late').entered.promise;
      held.splice(0)[0]();
      held = undefined;
      await Promise.all([slow, first]);
      f.gate('late').open.resolve();
      await late;
      const { role, first: one, late: two } = await f.read(f.browser);
      assert.deepEqual({ role, one, two }, { role: 'admin', one: 1, two: 1 });
    },
  );
}

for (const face of Object.keys(FACES)) {
  test(`${face}: an object whose keys others have put in another order is no change`, LIMIT, async (t) => {
    const kept = await stores.embedded();
    const f = await FACES[face](t, {
      kept,
      events: { look: (at, _data, ack) => ack(Object.keys(at.session.cart ?? {})) },
    });
    const { browser, socket } = await f.bound();
    await f.write(browser, { cart: { apples: 1, pears: { a: 1, b: 2 } } });
    assert.deepEqual(await socket.ask('look', {}), ['apples', 'pears']);
    await f.write(browser, { cart: { plums: 1, pears: { b: 2, c: 3, a: 1 }, apples: 1 } });
    const before = await kept.writes();
    assert.deepEqual(await socket.ask('look', {}), ['plums', 'pears', 'apples']);
    assert.deepEqual(await socket.ask('look', {}), ['plums', 'pears', 'apples']);
    assert.equal(await kept.writes(), before);
  });
}

/** Where an app puts an object into a session, and what is stored with it there. */
const PLACES = {
  'a session': { at: (session) => session, stored: (fields) => fields },
  'an object of a session': {
    at: ({ user }) => user.account,
    stored: (fields) => ({ user: { account: fields } }),
  },
};

for (const face of Object.keys(FACES)) {
  for (const [store, place] of Object.keys(STORES).flatMap((store) =>
    Object.keys(PLACES).map((place) => [store, place]),
  )) {
    const { at: placeIn, stored } = PLACES[place];
    test(
      `${face}, ${store}: a constant of the app that was put into ${place} is not changed with it`,
      LIMIT,
      async (t) => {
        const GUEST = { theme: 'light', roles: ['user'] };
        const gates = new Map();
        const f = await FACES[face](t, {
          kept: await STORES[store](),
          events: {
            take: async (at, how, ack) => {
              const { session } = at;
              placeIn(session).profile = GUEST;
              await new Promise((resolve) => session.save(resolve));
              const gate = { entered: deferred(), open: deferred() };
              gates.get(how).resolve(gate);
              await gate.open.promise;
              session.busy = how;
              if (how === 'update') await session.update((fresh) => (fresh.count = 1));
              ack();
            },
            look: (_at, _data, ack) => ack(),
          },
        });
        const { browser, socket } = await f.bound();
        await f.write(browser, stored({}));
        // A Zappa app's sessions have no update().
        for (const how of face === 'Zappa' ? ['event'] : ['update', 'event']) {
          const begun = deferred();
          gates.set(how, begun);
          const taken = socket.ask('take', how);
          const gate = await begun.promise;
          const profile = { theme: 'dark', roles: ['user', 'admin'] };
          await f.write(browser, stored({ profile }));
          if (how === 'event') await socket.ask('look', {});
          gate.open.resolve();
          await taken;
          assert.deepEqual(GUEST, { theme: 'light', roles: ['user'] });
          assert.deepEqual(placeIn(await f.read(browser)).profile, profile);
        }
      },
    );

    test(
      `${face}, ${store}: what a handler changes in an object that it has put into ${place} is saved`,
      LIMIT,
      async (t) => {
        const [begun, open] = [deferred(), deferred()];
        const f = await FACES[face](t, {
          kept: await STORES[store](),
          events: {
            take: async (at, _data, ack) => {
              const { session } = at;
              const cart = { apples: 1 };
              placeIn(session).cart = cart;
              await new Promise((resolve) => session.save(resolve));
              session.busy = true;
              begun.resolve();
              await open.promise;
              cart.pears = 2;
              ack();
            },
            look: (_at, _data, ack) => ack(),
          },
        });
        const { browser, socket } = await f.bound();
        await f.write(browser, stored({}));
        const taken = socket.ask('take', {});
        await begun.promise;
        await f.write(browser, stored({ cart: { apples: 1, plums: 3 } }));
        await socket.ask('look', {});
        open.resolve();
        await taken;
        assert.deepEqual(placeIn(await f.read(browser)).cart, { apples: 1, plums: 3, pears: 2 });
      },
    );
  }
}

for (const face of Object.keys(FACES)) {
  for (const store of Object.keys(STORES)) {
    test(`${face}, ${store}: changes that wait for one save are written together`, LIMIT, async (t) => {
      const CHANGES = 200;
      const kept = await STORES[store]();
      const f = await FACES[face](t, {
        kept,
        events: {
          add: ({ session }, field, ack) => {
            session.items ??= {};
            session.items[field] = 1;
            ack();
          },
        },
      });
      const { browser, socket } = await f.bound();
      const before = Number(await kept.writes());
      await Promise.all(Array.from({ length: CHANGES }, (_, n) => socket.ask('add', n)));
      assert.equal(Object.keys((await f.read(browser)).items).length, CHANGES);
      // What is at hand is written at once, change by change; and PostgreSQL's is no number.
      if (store === 'connect-redis') assert.ok(Number(await kept.writes()) - before < CHANGES / 10);
    });
  }
}

// Events that overlap, each with a field of its own, put into the current session or into one that was kept, before or after
// an await, in a callback, or with a save() of its own, while HTTP writes: what is acknowledged is stored.
for (const face of Object.keys(FACES)) {
  for (const store of Object.keys(STORES)) {
    test(
      `${face}, ${store}: 200 changes of kept and current sessions at once are all stored`,
      LIMIT,
      async (t) => {
        const kept = [];
        const any = (list) => list[Math.floor(Math.random() * list.length)];
        const work = () => settle(Math.floor(Math.random() * 12));
        const put = {
          now: (session, field) => {
            session[field] = 1;
          },
          later: async (session, field) => {
            await work();
            session[field] = 1;
          },
          saved: async (session, field) => {
            session[field] = 1;
            await new Promise((resolve) => kept[0].save(resolve));
          },
        };
        const f = await FACES[face](t, {
          kept: await STORES[store](),
          events: {
            keep: keepIn(kept),
            put: async (at, { field, how }, ack) => {
              await put[how](any([at.session, at.session.cart, ...kept]), field);
              ack();
            },
            'put in a callback': (at, { field }, ack) => {
              const session = any([at.session, at.session.cart, ...kept]);
              work().then(() => {
                session[field] = 1;
                ack();
              });
            },
          },
        });
        const { browser, socket } = await f.bound();
        await f.write(browser, { cart: {} });
        await socket.ask('keep', {});
        const isStored = ({ cart, ...stored }, field) => stored[field] === 1 || cart[field] === 1;
        const lost = [];
        const fields = [];
        const lane = async (_, at) => {
          for (let n = 0; n < 25; n += 1) {
            const field = `lane${at}field${n}`;
            const how = any([...Object.keys(put), 'callback', 'http', 'keep']);
            if (how === 'keep') await socket.ask('keep', {});
            else {
              fields.push(field);
              if (how === 'http') await f.write(browser, { [field]: 1 });
              else if (how === 'callback') await socket.ask('put in a callback', { field });
              else await socket.ask('put', { field, how });
              if (!isStored(await f.read(browser), field)) lost.push(`${how}: ${field}`);
            }
          }
        };
        await Promise.all(Array.from({ length: 8 }, lane));
        const stored = await f.read(browser);
        assert.deepEqual([...lost, ...fields.filter((field) => !isStored(stored, field))], []);
      },
    );
  }
}

test('a session object that was kept is shown as the current one', LIMIT, async (t) => {
  const { browser, write, as } = await keeping(t, 'shareSession', 'MemoryStore');
  await write(browser, { role: 'admin' });
  assert.match(await as((session, ack) => ack(inspect(session))), /role: 'admin'/);
});

test('a session object that was kept follows a reload() of its socket', LIMIT, async (t) => {
  const { browser, read, as } = await keeping(t, 'shareSession', 'MemoryStore');
  await as(async (session, ack, socket) => {
    await socket.session.reload();
    session.after = 1;
    ack();
  });
  await as((session, ack) => {
    session.later = 2;
    ack();
  });
  const { after, later } = await read(browser);
  assert.deepEqual({ after, later }, { after: 1, later: 2 });
});

test('a session object that was kept stays with its own session after another login', LIMIT, async (t) => {
  const kept = [];
  const f = await FACES.shareSession(t, {
    kept: await stores.memory(),
    events: {
      keep: keepIn(kept),
      change: (_at, _data, ack) => {
        kept[0].secret = 'of Ann';
        ack(kept[0].user);
      },
      look: (at, _data, ack) => ack({ user: at.session.user, secret: at.session.secret }),
    },
  });
  const { socket } = await f.bound();
  await socket.ask('keep', {});
  const bob = await f.login('bob');
  await socket.ask('__zappa_key', { key: await f.keyOf(bob) });
  assert.equal((await socket.ask('look', {})).user, 'bob');
  assert.equal(await socket.ask('change', {}), 'ann');
  assert.deepEqual(await socket.ask('look', {}), { user: 'bob' });
});

test('a session object that was kept keeps none of those that came after it', LIMIT, async (t) => {
  v8.setFlagsFromString('--expose-gc');
  const gc = require('node:vm').runInNewContext('gc');
  const later = [];
  const f = await FACES.shareSession(t, {
    kept: await stores.memory(),
    events: {
      keep: (at, _data, ack) => {
        // biome-ignore lint/suspicious/noAssignInExpressions: the app keeps it for the socket's life.
        (at.kept ??= at.session) && ack();
      },
      look: (at, _data, ack) => {
        later.push(new WeakRef(at.session));
        ack();
      },
    },
  });
  const { browser, socket } = await f.bound();
  await socket.ask('keep', {});
  for (let n = 0; n < 5; n += 1) {
    await f.write(browser, { n });
    await socket.ask('look', {});
  }
  await until(async () => {
    gc();
    return later.filter((session) => session.deref() !== undefined).length <= 1;
  }, 'all but the current one are garbage');
});
