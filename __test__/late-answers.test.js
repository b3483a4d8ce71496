'use strict';

// What a store answers late, or with an error, undoes nothing that was acknowledged, and brings nothing back.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { shareSession } = require('..');
const { deferred } = require('./support/deferred.js');
const { LIMIT } = require('./support/limit.js');
const { shareFixture } = require('./support/share-fixture.js');
const { settle, until } = require('./support/wait.js');

const on =
  (events) =>
  ({ io }) =>
    io.on('connection', (socket) => {
      for (const [name, handler] of Object.entries(events))
        socket.on(name, (data, ack) => handler(socket, data, ack));
    });

const write = ({ session }, fields, ack) => {
  Object.assign(session, fields);
  ack('saved');
};

// A write of the browser's session that is on its way to the store.
async function writing(f) {
  const bound = await f.bound();
  const isOurs = (sid) => sid === bound.sid;
  const set = f.store.hold('set', isOurs);
  const written = bound.socket.ask('write', { late: true });
  await set.reached;
  return { ...bound, isOurs, set, written, logout: () => bound.browser.copy().request('/logout') };
}

test('save() after a response waits for the touch that is under way', LIMIT, async (t) => {
  const [goOn, saved] = [deferred(), deferred()];
  const f = await shareFixture(t, {
    app: ({ app }) =>
      app.get('/late', async (req, res) => {
        assert.equal(req.session.user, 'ann');
        res.json('ok');
        await goOn.promise;
        req.session.late = true;
        req.session.save(saved.resolve);
      }),
  });
  const browser = await f.login();
  const touch = f.store.hold('touch', () => true);
  const answer = browser.request('/late');
  await touch.reached;
  const sets = f.store.count('set');
  goOn.resolve();
  await settle();
  assert.equal(f.store.count('set'), sets);
  touch.release();
  await saved.promise;
  assert.equal(f.store.read(browser.sid).late, true);
  await answer;
});

test('a reload() that has failed changes nothing when its answer comes', LIMIT, async (t) => {
  const f = await shareFixture(t, {
    options: { storeTimeout: 100, onError() {} },
    app: on({
      async reload(socket, _data, ack) {
        const { session } = socket;
        const get = f.store.hold('get', () => true);
        const code = await session.reload().catch((error) => error.code);
        get.release();
        await settle();
        session.cart = 'full';
        ack([code, socket.session === session]);
      },
    }),
  });
  const { sid, socket } = await f.bound();
  assert.deepEqual(await socket.ask('reload', null), ['ERR_STORE_TIMEOUT', true]);
  assert.equal(f.store.read(sid).cart, 'full');
});

test('a regenerate() that has failed makes no session when its answer comes', LIMIT, async (t) => {
  const f = await shareFixture(t, {
    options: { storeTimeout: 100, onError() {} },
    app: on({
      async login(socket, _data, ack) {
        const destroy = f.store.hold('destroy', () => true);
        await socket.session.regenerate().catch(() => {});
        await socket.session.regenerate();
        const { session } = socket;
        session.user = 'bob';
        await session.save();
        destroy.release();
        await settle();
        session.cart = 'full';
        ack([session.id, socket.session === session]);
      },
    }),
  });
  const { socket } = await f.bound();
  const [id, isSame] = await socket.ask('login', null);
  assert.equal(isSame, true);
  const { user, cart } = f.store.read(id);
  assert.deepEqual({ user, cart }, { user: 'bob', cart: 'full' });
});

test('a logout that fails takes an answered one not back', LIMIT, async (t) => {
  const f = await shareFixture(t, { app: on({ write }) });
  const { isOurs, logout, set, sid, written } = await writing(f);
  await logout();
  f.store.next('destroy', 'error', isOurs);
  await f.sharing.store.destroy(sid).catch(() => {});
  set.release();
  await written;
  await settle();
  assert.equal(f.store.read(sid), undefined);
});

test('a write behind a logout is undone although the store fails once', LIMIT, async (t) => {
  const failures = [];
  const f = await shareFixture(t, {
    options: { onError: ({ message }) => failures.push(message) },
    app: on({ write }),
  });
  const { isOurs, logout, set, sid, written } = await writing(f);
  await logout();
  f.store.next('destroy', 'error', isOurs);
  set.release();
  await written;
  await until(() => f.store.read(sid) === undefined, 'the session is gone');
  assert.deepEqual(failures, ['scripted']);
});

for (const what of ['a save', 'a logout']) {
  test(
    `${what} by the next sharing of a store and a write of the last one do not undo each other`,
    LIMIT,
    async (t) => {
      const f = await shareFixture(t, { app: on({ write }) });
      const { browser, logout, set, sid, written } = await writing(f);
      f.sharing.close();
      const next = shareSession({ store: f.store });
      t.after(() => next.close());
      const other = what === 'a save' ? browser.copy().request('/login?user=bob') : logout();
      await settle();
      set.release();
      await Promise.all([other, written]);
      await settle();
      const { late, user } = f.store.read(sid) ?? {};
      assert.deepEqual([late, user], what === 'a save' ? [true, 'bob'] : [undefined, undefined]);
    },
  );
}

test('update() counts exactly while the first save of a session is under way', LIMIT, async (t) => {
  const f = await shareFixture(t, {
    app: on({
      async login(socket, _data, ack) {
        await socket.session.regenerate();
        const { session } = socket;
        const count = (fresh) => {
          fresh.n = (fresh.n ?? 0) + 1;
        };
        const first = f.store.hold('set', (id) => id === session.id);
        session.user = 'bob';
        session.save(() => {});
        await first.reached;
        const counted = session.update(count);
        await settle();
        first.release();
        await counted;
        await session.update(count);
        ack([session.id, session.n]);
      },
    }),
  });
  const { socket } = await f.bound();
  const [id, n] = await socket.ask('login', null);
  assert.deepEqual([n, f.store.read(id).n], [2, 2]);
});

test('a stranger that destroys its session has another one in its next event', LIMIT, async (t) => {
  const f = await shareFixture(t, {
    app: on({
      destroy: async ({ session }, _data, ack) => {
        await session.save();
        await session.destroy();
        ack();
      },
      write,
    }),
  });
  const socket = await f.connect();
  await socket.ask('destroy', null);
  assert.equal(await socket.ask('write', { n: 1 }), 'saved');
  assert.equal(f.store.read(socket.id).n, 1);
});

test('a stranger’s session that save() has stored goes with its socket', LIMIT, async (t) => {
  const f = await shareFixture(t, {
    app: on({
      save: async ({ session }, _data, ack) => {
        session.n = 1;
        await session.save();
        ack();
      },
    }),
  });
  const socket = await f.connect();
  const { id } = socket;
  await socket.ask('save', null);
  assert.equal(f.store.read(id).n, 1);
  socket.close();
  await until(() => f.store.read(id) === undefined, 'it is gone');
});

test('a change that is saved while the one before is being told is told as well', LIMIT, async (t) => {
  const told = [];
  const f = await shareFixture(t, {
    options: { onSessionChange: ({ session }) => void told.push(session.n) },
  });
  f.app.get('/n/:n', (req, res) => {
    req.session.n = Number(req.params.n);
    res.json('ok');
  });
  const { browser, sid } = await f.bound();
  await settle();
  // The load for the first change is on its way when the second is saved.
  await browser.request('/n/0');
  await until(() => told.length === 1, 'the first is told');
  const load = deferred();
  let answered;
  const first = browser.request('/n/1');
  f.store.always(
    'get',
    (run, answer) =>
      run((...args) => {
        if (answered === undefined && JSON.stringify(args[1])?.includes('"n":1')) {
          answered = () => answer(...args);
          load.resolve();
        } else answer(...args);
      }),
    (id) => id === sid,
  );
  await Promise.all([first, load.promise]);
  await browser.copy().request('/n/2');
  answered();
  await until(() => told.at(-1) === 2, `the second is told (${told})`);
});

test('rooms follow the newest of two loads, whichever is answered first', LIMIT, async (t) => {
  const f = await shareFixture(t, {
    options: { rooms: ({ role }) => (role === undefined ? [] : [`role:${role}`]) },
    app: on({ see: ({ session }, _data, ack) => ack(session.role) }),
  });
  const { key, sid, socket } = await f.bound();
  const other = await f.connect({ key });
  const roles = () => [...f.io.sockets.adapter.rooms.keys()].filter((room) => room.startsWith('role:'));
  const set = (role) => f.store.plant(sid, { ...f.store.read(sid), role });
  // Another process makes somebody an admin, and takes that back.
  set('admin');
  assert.equal(await socket.ask('see', null), 'admin');
  const slow = f.store.holdAnswer('get', (id) => id === sid);
  const late = other.ask('see', null);
  await slow.reached;
  set('guest');
  assert.equal(await socket.ask('see', null), 'guest');
  assert.deepEqual(roles(), ['role:guest']);
  slow.release();
  await late;
  assert.deepEqual(roles(), ['role:guest']);
});
