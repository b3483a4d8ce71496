'use strict';

// C13: gone is gone. After logout, regenerate or expiry nothing brings a session back, whatever its sockets do.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { deferred } = require('./support/deferred.js');
const { fixture } = require('./support/fixture.js');
const { heldApp } = require('./support/held-app.js');
const { LIMIT } = require('./support/limit.js');
const { share } = require('./support/socket-client.js');
const { settle, until } = require('./support/wait.js');

function expire(store, sid) {
  const session = store.read(sid);
  session.cookie.expires = new Date(Date.now() - 1).toISOString();
  store.plant(sid, session);
}

const ENDS = [
  ['logout', (_store, browser) => browser.request('/logout')],
  ['regenerate', (_store, browser) => browser.request('/regenerate')],
  ['expiry', (store, browser) => expire(store, browser.sid)],
  ['removal from the store', (store, browser) => store.remove(browser.sid)],
];

// Nothing under the old id that anybody could use, and the old cookie opens nothing.
async function assertGone(f, old) {
  await settle();
  const left = f.store.read(old.sid);
  assert.ok(!left || Date.parse(left.cookie.expires) <= Date.now(), `still there: ${JSON.stringify(left)}`);
  assert.equal((await old.json('/read')).body.session.user, undefined);
}

for (const [how, end] of ENDS) {
  test(
    `C13: after ${how} an event of a bound socket has an anonymous session, and the old one stays gone`,
    LIMIT,
    async (t) => {
      const f = await fixture(t, { sessionOptions: { cookie: { maxAge: 60_000 } } });
      const { browser, socket } = await f.bound();
      const old = browser.copy();
      await end(f.store, browser);

      assert.deepEqual(await socket.ask('write', { written: 'after the end' }), { id: socket.id });
      await assertGone(f, old);
      const { id, bound, session } = await socket.ask('read', {});
      assert.equal(id, socket.id);
      assert.equal(bound, undefined);
      assert.equal(session.user, undefined);
      assert.equal(session.cookie.__io, true);
      assert.equal(f.host.clients.get(socket.id).__session_id, undefined);
    },
  );

  test(`C13b: ${how} while an async handler runs: its write is dropped`, LIMIT, async (t) => {
    const held = heldApp({
      event(session) {
        session.late = true;
        session.user = 'ann again';
      },
    });
    const f = await fixture(t, { app: held.app, sessionOptions: { cookie: { maxAge: 60_000 } } });
    const { browser, socket } = await f.bound();
    const old = browser.copy();
    const answer = socket.ask('held', {});
    await held.event.entered;
    await end(f.store, browser);
    held.event.go();
    await answer;
    await assertGone(f, old);
    assert.equal((await socket.ask('read', {})).id, socket.id);
    await assertGone(f, old);
  });

  test(`C13: after ${how} the browser shares again and is bound to its new session`, LIMIT, async (t) => {
    const f = await fixture(t, { sessionOptions: { cookie: { maxAge: 60_000 } } });
    const { browser, socket, key: oldKey } = await f.bound();
    await end(f.store, browser);
    await browser.request('/login?user=bea');
    const { key, ack } = await share(browser, socket);
    assert.notEqual(key, oldKey);
    assert.deepEqual(ack, { key });
    const { id, session } = await socket.ask('read', {});
    assert.equal(id, browser.sid);
    assert.equal(session.user, 'bea');
  });
}

test(
  'C13: a touch that comes after the logout makes nothing, whatever the store would do with it',
  LIMIT,
  async (t) => {
    const held = heldApp({});
    const f = await fixture(t, { app: held.app });
    const { browser } = await f.bound();
    const old = browser.copy();
    // Some stores write what they are given to touch.
    f.store.always('touch', (_run, answer) =>
      f.store.inner.set(old.sid, { cookie: {}, user: 'ann' }, answer),
    );
    const slow = old.request('/held');
    await held.http.entered;
    await browser.request('/logout');
    held.http.go();
    await slow;
    await assertGone(f, old);
  },
);

test(
  'C13: a touch that is on its way at the logout, where a touch is a read and a write, brings nothing back',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const { browser, sid } = await f.bound();
    const old = browser.copy();
    const [reached, go] = [deferred(), deferred()];
    f.store.next('touch', (_run, answer) => {
      const read = f.store.read(sid);
      reached.resolve();
      go.promise.then(() => f.store.inner.set(sid, read, answer));
    });
    const slow = old.request('/read');
    await reached.promise;
    await browser.request('/logout');
    go.resolve();
    await slow;
    await assertGone(f, old);
  },
);

test(
  'C13: a logout that the store fails to do leaves the session as it is, with what a handler writes',
  LIMIT,
  async (t) => {
    const held = heldApp({
      event(session) {
        session.late = true;
      },
    });
    const f = await fixture(t, { app: held.app });
    const { browser, socket, sid } = await f.bound();
    const copy = browser.copy();
    const event = socket.ask('held', {});
    await held.event.entered;
    f.store.next('destroy', 'error', (id) => id === sid);
    await browser.request('/logout');
    held.event.go();
    await event;
    await until(() => f.store.read(sid).late, 'the handler has saved');
    assert.equal((await share(copy, socket)).ack.error, undefined);
    assert.equal((await socket.ask('read', {})).session.user, 'ann');
  },
);

test('C13: clear() of the store ends a session for a request that is under way, too', LIMIT, async (t) => {
  const held = heldApp({
    http(session) {
      session.late = true;
    },
  });
  const f = await fixture(t, { app: held.app });
  const browser = await f.login();
  const old = browser.copy();
  const slow = browser.request('/held');
  await held.http.entered;
  await new Promise((resolve) => f.store.clear(resolve));
  held.http.go();
  await slow;
  await assertGone(f, old);
});

test('C13b: logout while a slow HTTP request runs is not undone by a socket write', LIMIT, async (t) => {
  const f = await fixture(t);
  const { browser, socket } = await f.bound();
  const old = browser.copy();
  const hold = f.store.hold('destroy', (sid) => sid === old.sid);
  const logout = browser.request('/logout');
  await hold.reached;
  // The destroy is on its way: whatever this event still sees, it must not be there afterwards.
  await socket.ask('write', { written: 'meanwhile' });
  await settle();
  hold.release();
  await logout;
  await assertGone(f, old);
});

for (const how of ['logout', 'regenerate']) {
  test(
    `C13b: a request that begins while a ${how} is on its way to the store, and ends behind it, brings nothing back`,
    LIMIT,
    async (t) => {
      const held = heldApp({
        http(session) {
          session.late = true;
        },
      });
      const f = await fixture(t, { app: held.app });
      const browser = await f.login();
      const old = browser.copy();
      const hold = f.store.hold('destroy', (sid) => sid === old.sid);
      const end = browser.request(`/${how}`);
      await hold.reached;
      const slow = old.copy().request('/held');
      await held.http.entered;
      hold.release();
      await end;
      held.http.go();
      await slow;
      await assertGone(f, old);
    },
  );

  test(
    `C13b: a socket that shares while a ${how} is on its way to the store, and writes behind it, brings nothing back`,
    LIMIT,
    async (t) => {
      const held = heldApp({
        event(session) {
          session.late = true;
        },
      });
      const f = await fixture(t, { app: held.app });
      const { browser, key, socket } = await f.bound();
      const old = browser.copy();
      // The key's record goes with the session, and is there as long.
      const holds = [old.sid, key].map((one) => f.store.hold('destroy', (id) => id === one));
      const end = browser.request(`/${how}`);
      for (const { reached } of holds) await reached;
      // It is unbound by now; whether it is bound once more is for the library to say.
      await socket.ask('__zappa_key', { key });
      const answer = socket.ask('held', {});
      await held.event.entered;
      for (const { release } of holds) release();
      await end;
      held.event.go();
      await answer;
      await assertGone(f, old);
    },
  );
}

// The write of a handler is on its way to the store.
async function writing(t, set, event = 'write') {
  const f = await fixture(t, set);
  const { browser, socket } = await f.bound();
  const old = browser.copy();
  const isOld = (sid) => sid === old.sid;
  const write = f.store.hold('set', isOld);
  const answer = socket.ask(event, { written: 'slowly' });
  await write.reached;
  return { f, browser, socket, old, isOld, write, answer };
}

test('C13b: logout while the write of a handler is on its way to the store', LIMIT, async (t) => {
  const { f, browser, old, write, answer } = await writing(t);
  const logout = browser.request('/logout');
  await settle();
  write.release();
  await answer;
  await logout;
  await assertGone(f, old);
});

test(
  'C13b: a request that loads its session between a write behind the logout and the destroy that follows brings nothing back',
  LIMIT,
  async (t) => {
    const held = heldApp({
      http(session) {
        session.late = true;
      },
    });
    const { f, browser, old, isOld, write, answer } = await writing(t, { app: held.app });
    await browser.request('/logout');
    const destroy = f.store.hold('destroy', isOld);
    write.release();
    await destroy.reached;
    const slow = old.copy().request('/held');
    await held.http.entered;
    destroy.release();
    await settle();
    held.http.go();
    await Promise.all([slow, answer]);
    await assertGone(f, old);
  },
);

test('C13b: a logout that fails takes no other one back', LIMIT, async (t) => {
  const { f, browser, old, isOld, write, answer } = await writing(t);
  const first = f.store.hold('destroy', isOld);
  const logouts = [browser.copy().request('/logout')];
  await first.reached;
  // Two tabs at once: what becomes of the second is known later.
  const second = deferred();
  const failed = deferred();
  f.store.next(
    'destroy',
    (_run, done) => {
      second.resolve();
      failed.promise.then(() => done(new Error('away')));
    },
    isOld,
  );
  logouts.push(browser.copy().request('/logout'));
  await second.promise;
  first.release();
  await logouts[0];
  failed.resolve();
  await logouts[1];
  write.release();
  await answer;
  await settle();
  await assertGone(f, old);
});

test('C13b: saves that wait behind a write which a logout has overtaken are dropped', LIMIT, async (t) => {
  const app = (context) =>
    context.on('save', function (data, ack) {
      Object.assign(this.session, data);
      this.session.save(() => ack({}));
    });
  const { f, browser, socket, old, isOld, write: first, answer } = await writing(t, { app }, 'save');
  const other = socket.ask('save', { second: true });
  await settle();
  await browser.request('/logout');
  const second = f.store.hold('set', isOld);
  first.release();
  await settle();
  second.release();
  await Promise.all([answer, other]);
  await settle();
  await assertGone(f, old);
});

test(
  'C13b: a write that the store makes after its deadline, behind a logout, is undone',
  LIMIT,
  async (t) => {
    const options = { storeTimeout: 50, onError() {} };
    const { f, browser, old, write, answer } = await writing(t, { options });
    await browser.request('/logout');
    await answer;
    write.release();
    await settle();
    await assertGone(f, old);
  },
);

test('C13b: a plain handler that changes nothing does not bring a session back either', LIMIT, async (t) => {
  const held = heldApp({});
  const f = await fixture(t, { app: held.app });
  const { browser, socket } = await f.bound();
  const old = browser.copy();
  const answer = socket.ask('held', {});
  await held.event.entered;
  await browser.request('/logout');
  held.event.go();
  await answer;
  await assertGone(f, old);
});

test('C13c: session.destroy() inside a handler holds', LIMIT, async (t) => {
  const f = await fixture(t, {
    app: (context) =>
      context.on('destroy', function (_data, ack) {
        this.session.user = 'about to go';
        this.session.destroy((error) => ack({ error: error?.message }));
      }),
  });
  const { browser, socket } = await f.bound();
  assert.deepEqual(await socket.ask('destroy', {}), {});
  await assertGone(f, browser.copy());
  assert.equal((await socket.ask('read', {})).id, socket.id);
});

test('C13c: after session.destroy() the event has no session, until one is put there', LIMIT, async (t) => {
  const f = await fixture(t, {
    app: (context) =>
      context.on('destroy', async function (_data, ack) {
        const { session } = this;
        const own = Object.keys(this.req).includes('session');
        await new Promise((resolve) => session.destroy(resolve));
        const none = [this.session, this.req.session].every((seen) => seen === undefined);
        const other = { cookie: {} };
        this.req.session = other;
        const put = [this.session, this.req.session].every((seen) => seen === other);
        ack({ own, none, put });
      }),
  });
  const { socket } = await f.bound();
  assert.deepEqual(await socket.ask('destroy', {}), { own: true, none: true, put: true });
});

test('C13c: session.destroy() inside an async handler that goes on writing holds', LIMIT, async (t) => {
  const f = await fixture(t, {
    app: (context) =>
      context.on('destroy', async function (_data, ack) {
        const { session } = this;
        await new Promise((resolve) => session.destroy(resolve));
        session.user = 'zombie';
        ack({});
      }),
  });
  const { browser, socket } = await f.bound();
  await socket.ask('destroy', {});
  await assertGone(f, browser.copy());
});

test('C13d: session.regenerate() inside a handler holds: the old id is gone', LIMIT, async (t) => {
  const f = await fixture(t, {
    app: (context) =>
      context.on('regenerate', async function (_data, ack) {
        const { session } = this;
        session.user = 'about to go';
        const error = await new Promise((resolve) => session.regenerate(resolve));
        this.req.session.user = 'new';
        ack({ error: error?.message, id: this.req.session.id, sessionID: this.req.sessionID });
      }),
  });
  const { browser, socket, sid } = await f.bound();
  const { error, id, sessionID } = await socket.ask('regenerate', {});
  assert.equal(error, undefined);
  assert.notEqual(id, sid);
  assert.equal(sessionID, id);
  await assertGone(f, browser.copy());
});

test(
  "onSessionEnd 'disconnect': logout disconnects the session's sockets and nobody else's",
  LIMIT,
  async (t) => {
    const f = await fixture(t, { options: { onSessionEnd: 'disconnect' } });
    const { browser, socket } = await f.bound();
    const second = await f.connect();
    await share(browser, second);
    const other = await f.bound();
    const left = [socket.next('disconnect'), second.next('disconnect')];
    await browser.request('/logout');
    await Promise.all(left);
    assert.equal((await other.socket.ask('read', {})).id, other.sid);
  },
);

test(
  'C13d: session.regenerate() works with a cookie that is secure where the connection is',
  LIMIT,
  async (t) => {
    const f = await fixture(t, {
      sessionOptions: { proxy: true, cookie: { secure: 'auto' } },
      app: (context) =>
        context.on('renew', function (_data, ack) {
          this.session.regenerate((error) =>
            ack({ error: error && String(error), secure: this.req.session.cookie.secure }),
          );
        }),
    });
    const socket = await f.connect({ extraHeaders: { 'x-forwarded-proto': 'https' } });
    await share(await f.login(), socket);
    assert.deepEqual(await socket.ask('renew', {}), { secure: true });
  },
);

test("onSessionEnd 'unbind', the default: logout leaves the socket connected", LIMIT, async (t) => {
  const f = await fixture(t);
  const { browser, socket } = await f.bound();
  await browser.request('/logout');
  assert.equal((await socket.ask('read', {})).bound, undefined);
  assert.equal(socket.socket.connected, true);
});
