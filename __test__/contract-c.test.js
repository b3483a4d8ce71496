'use strict';

// Part C of the contract: the session of an event. Its end is in contract-c-gone.test.js, concurrent writers in
// contract-c-concurrent.test.js, stores that fail in contract-c-store.test.js.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const expressSession = require('express-session');
const { fixture } = require('./support/fixture.js');
const { deferred } = require('./support/deferred.js');
const { HostileStore, SynchronousStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { share } = require('./support/socket-client.js');
const { settle, until } = require('./support/wait.js');

// What a handler sees as `this`, for tests that look at more than data.
function capture(seen) {
  return (context) =>
    context.on('capture', function (_data, ack) {
      seen.session = this.session;
      seen.req = this.req;
      ack({});
    });
}

test(
  'C1: the session of a bound socket is a Session of express-session with the id of the browser',
  LIMIT,
  async (t) => {
    const seen = {};
    const f = await fixture(t, { app: capture(seen) });
    const { socket, sid } = await f.bound();
    await socket.ask('capture', {});
    assert.ok(seen.session instanceof expressSession.Session);
    assert.equal(seen.session.id, sid);
    assert.equal(seen.req.session, seen.session);
    assert.equal(seen.session.user, 'ann');
  },
);

test(
  'C2: the session of an unbound socket is a Session under the socket id, marked __io',
  LIMIT,
  async (t) => {
    const seen = {};
    const f = await fixture(t, { app: capture(seen) });
    const socket = await f.connect();
    await socket.ask('capture', {});
    assert.ok(seen.session instanceof expressSession.Session);
    assert.equal(seen.session.id, socket.id);
    assert.equal(seen.session.cookie.__io, true);
  },
);

test('C2: an unbound socket that writes nothing leaves nothing in the store', LIMIT, async (t) => {
  const f = await fixture(t);
  const socket = await f.connect();
  await socket.ask('read', {});
  await socket.ask('read', {});
  await settle();
  assert.deepEqual(f.store.ids(), []);
  assert.equal(f.store.count('set'), 0);
});

test(
  'C2: what an unbound socket writes is kept between its events, and goes when it disconnects',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const socket = await f.connect();
    const { id } = socket;
    await socket.ask('write', { cart: { n: 1 } });
    await until(() => f.store.read(id), 'the anonymous session is stored');
    assert.equal(f.store.read(id).cookie.__io, true);
    assert.deepEqual((await socket.ask('read', {})).session.cart, { n: 1 });
    socket.close();
    await until(() => f.store.ids().length === 0, 'the anonymous session is gone');
  },
);

test(
  'C3: what was written while unbound stays under the socket id, and still goes when the socket does',
  LIMIT,
  async (t) => {
    const f = await fixture(t);
    const browser = await f.login();
    const socket = await f.connect();
    const { id } = socket;
    await socket.ask('write', { cart: 1 });
    await until(() => f.store.read(id)?.cart === 1);
    await share(browser, socket);
    const { session } = await socket.ask('read', {});
    assert.equal(session.cart, undefined);
    assert.equal(session.user, 'ann');
    assert.equal(f.store.read(browser.sid).cart, undefined);
    socket.close();
    await until(() => !f.store.read(id), 'the anonymous session is gone');
    assert.ok(f.store.read(browser.sid));
  },
);

test('C4: without a store the handler runs and its session is undefined', LIMIT, async (t) => {
  const f = await fixture(t, { sessionOptions: null });
  const socket = await f.connect();
  const { id, session } = await socket.ask('read', {});
  assert.equal(id, undefined);
  assert.equal(session, undefined);
});

test('C5: req.sessionID and req.sessionStore are set, as Express sets them', LIMIT, async (t) => {
  const seen = {};
  const f = await fixture(t, { app: capture(seen) });
  const { socket, sid } = await f.bound();
  await socket.ask('capture', {});
  assert.equal(seen.req.sessionID, sid);
  assert.equal(seen.req.sessionStore, f.store);
  assert.equal(seen.req.session, seen.session);
  assert.equal(seen.session.req.sessionID, sid);
  // What Zappa has put there stays.
  assert.deepEqual(seen.req.body, {});

  const other = await f.connect();
  await other.ask('capture', {});
  assert.equal(seen.req.sessionID, other.id);
});

test('C6: a handler that only reads costs at most one get and no write', LIMIT, async (t) => {
  const f = await fixture(t);
  const { socket } = await f.bound();
  await settle();
  f.store.taken();
  await socket.ask('read', {});
  await settle();
  assert.ok(f.store.count('get') <= 1, JSON.stringify(f.store.calls));
  assert.equal(f.store.count('set'), 0);
  assert.equal(f.store.count('destroy'), 0);
});

test('C6: a handler that writes what was there already writes nothing', LIMIT, async (t) => {
  const f = await fixture(t);
  const { socket } = await f.bound();
  await settle();
  f.store.taken();
  await socket.ask('write', { user: 'ann' });
  await settle();
  assert.equal(f.store.count('set'), 0);
});

test(
  'C7: what changes after an await in the returned promise is saved when it resolves',
  LIMIT,
  async (t) => {
    const gate = deferred();
    const f = await fixture(t, {
      app: (context) =>
        context.on('later', async function () {
          this.session.before = 1;
          await gate.promise;
          this.session.after = 2;
        }),
    });
    const { socket, sid } = await f.bound();
    socket.send('later', {});
    assert.equal(await socket.ask('ping', {}), 'pong');
    gate.resolve();
    await until(() => f.store.read(sid).after === 2, 'the session is saved');
    assert.equal(f.store.read(sid).before, 1);
  },
);

test('C7: a thenable that is no Promise counts as one', LIMIT, async (t) => {
  const f = await fixture(t, {
    app: (context) =>
      context.on('later', function () {
        const change = (resolve) => {
          this.session.late = true;
          resolve();
        };
        // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
        return { then: (resolve) => setImmediate(change, resolve) };
      }),
  });
  const { socket, sid } = await f.bound();
  socket.send('later', {});
  await until(() => f.store.read(sid).late === true, 'the session is saved');
});

test(
  'C8: what changes in a plain callback after the handler returned is saved by session.save()',
  LIMIT,
  async (t) => {
    const f = await fixture(t, {
      app: (context) =>
        context.on('callback', function (_data, ack) {
          const { session } = this;
          setImmediate(() => {
            session.late = 1;
            session.save((error) => ack({ error: error?.message }));
          });
        }),
    });
    const { socket, sid } = await f.bound();
    assert.deepEqual(await socket.ask('callback', {}), {});
    assert.equal(f.store.read(sid).late, 1);
    assert.equal(f.store.read(sid).user, 'ann');
  },
);

for (const [row, what, fail] of [
  [
    'C10',
    'throws',
    (error) => {
      throw error;
    },
  ],
  ['C11', 'rejects', (error) => Promise.reject(error)],
  [
    'C11',
    'rejects later',
    async (error) => {
      await settle(2);
      throw error;
    },
  ],
]) {
  test(
    `${row}: a handler that ${what}: the error reaches onError once, nothing is saved, the socket goes on`,
    LIMIT,
    async (t) => {
      const problem = new Error('the handler failed');
      const errors = [];
      const f = await fixture(t, {
        options: { onError: (error, { socket, event }) => errors.push({ error, id: socket.id, event }) },
        app: (context) =>
          context.on('fail', function () {
            this.session.half = 'done';
            return fail(problem);
          }),
      });
      const { socket, sid } = await f.bound();
      socket.send('fail', {});
      await until(() => errors.length > 0, 'onError is called');
      assert.equal((await socket.ask('read', {})).session.half, undefined);
      await settle();
      assert.equal(f.store.read(sid).half, undefined);
      assert.deepEqual(errors, [{ error: problem, id: socket.id, event: 'fail' }]);
    },
  );
}

test('C13e: touch() in a handler extends the stored cookie', LIMIT, async (t) => {
  const f = await fixture(t, {
    sessionOptions: { cookie: { maxAge: 60_000 } },
    app: (context) =>
      context.on('touch', function () {
        this.session.touch();
      }),
  });
  const { socket, sid } = await f.bound();
  const session = f.store.read(sid);
  session.cookie.expires = new Date(Date.now() + 30_000).toISOString();
  f.store.plant(sid, session);
  socket.send('touch', {});
  await until(
    () => Date.parse(f.store.read(sid).cookie.expires) > Date.now() + 40_000,
    'the cookie is extended',
  );
});

test('C13e: reload() in a handler sees what HTTP wrote meanwhile', LIMIT, async (t) => {
  const entered = deferred();
  const gate = deferred();
  const f = await fixture(t, {
    app: (context) =>
      context.on('reload', async function (_data, ack) {
        const { session } = this;
        const before = session.news;
        entered.resolve();
        await gate.promise;
        await new Promise((resolve, reject) =>
          session.reload((error) => (error ? reject(error) : resolve())),
        );
        ack({ before, after: this.req.session.news, session: this.session.news });
        this.session.reloaded = true;
      }),
  });
  const { browser, socket, sid } = await f.bound();
  const answer = socket.ask('reload', {});
  await entered.promise;
  await browser.request(`/write?json=${encodeURIComponent('{"news":1}')}`);
  gate.resolve();
  assert.deepEqual(await answer, { after: 1, session: 1 });
  await until(() => f.store.read(sid).reloaded, 'what was written after reload() is saved');
  assert.equal(f.store.read(sid).news, 1);
});

test('C13e: save() in a handler has stored the session when it calls back', LIMIT, async (t) => {
  const f = await fixture(t, {
    app: (context) =>
      context.on('save', function (_data, ack) {
        this.session.saved = 'by hand';
        this.session.save((error) =>
          ack({ error: error?.message, stored: f.store.read(this.session.id).saved }),
        );
      }),
  });
  const { socket } = await f.bound();
  assert.deepEqual(await socket.ask('save', {}), { stored: 'by hand' });
});

test("C15: the cookie of an event's session is express-session's Cookie", LIMIT, async (t) => {
  const seen = {};
  const f = await fixture(t, { sessionOptions: { cookie: { maxAge: 60_000 } }, app: capture(seen) });
  const { socket } = await f.bound();
  await socket.ask('capture', {});
  assert.ok(seen.session.cookie instanceof expressSession.Cookie);
  assert.ok(seen.session.cookie.expires instanceof Date);
  assert.ok(seen.session.cookie.maxAge > 50_000 && seen.session.cookie.maxAge <= 60_000);
  // express-session reads the clock twice for it: it may be some ms less.
  const { originalMaxAge } = seen.session.cookie;
  assert.ok(originalMaxAge > 59_000 && originalMaxAge <= 60_000, `originalMaxAge is ${originalMaxAge}`);
});

test('C15b: a handler that changes the cookie by hand changes the stored one', LIMIT, async (t) => {
  const f = await fixture(t, {
    sessionOptions: { cookie: { maxAge: 60_000 } },
    app: (context) =>
      context.on('remember', function () {
        this.session.cookie.maxAge = 3_600_000;
      }),
  });
  const { socket, sid } = await f.bound();
  socket.send('remember', {});
  await until(() => f.store.read(sid).cookie.originalMaxAge === 3_600_000, 'the cookie is saved');
  assert.ok(Date.parse(f.store.read(sid).cookie.expires) > Date.now() + 3_500_000);
});

test('C18: a connection handler has a session under the socket id and leaves no record', LIMIT, async (t) => {
  const seen = deferred();
  const f = await fixture(t, {
    app: (context) =>
      context.on('connection', function () {
        seen.resolve(this.session?.id);
      }),
  });
  const socket = await f.connect();
  assert.equal(await seen.promise, socket.id);
  await settle();
  assert.deepEqual(f.store.ids(), []);
});

for (const ends of ['before', 'after']) {
  test(
    `C3: a handler that began before the socket was bound and ends ${ends} the socket leaves, leaves nothing behind`,
    LIMIT,
    async (t) => {
      const release = deferred();
      const begun = deferred();
      const done = deferred();
      const f = await fixture(t, {
        app: (context) =>
          context.on('slow', async function () {
            this.session.draft = 'a stranger’s';
            begun.resolve();
            await release.promise;
            done.resolve();
          }),
      });
      const client = await f.login();
      const socket = await f.connect();
      const { id } = socket;
      socket.send('slow', {});
      await begun.promise;
      await share(client, socket);
      assert.equal((await socket.ask('read', {})).session.user, 'ann');

      const left = once(f.host.traffic, 'host:disconnect');
      if (ends === 'before') {
        release.resolve();
        await until(() => f.store.read(id)?.draft, 'what the handler wrote is saved under the socket id');
        socket.close();
      } else {
        socket.close();
        await left;
        await settle();
        release.resolve();
      }
      await done.promise;
      await left;
      await settle();
      await until(() => f.store.read(id) === undefined, 'there is nothing under the socket id');
      assert.equal((await client.json('/read')).body.session.draft, undefined);
    },
  );
}

test('C19: a disconnect handler sees the bound session and saves it', LIMIT, async (t) => {
  const f = await fixture(t, {
    app: (context) =>
      context.on('disconnect', function () {
        this.session.left = this.session.user;
      }),
  });
  const { socket, sid } = await f.bound();
  socket.close();
  await until(() => f.store.read(sid).left === 'ann', 'the session is saved');
});

test(
  'C19: a disconnect handler of an unbound socket sees what the socket wrote, and nothing is left',
  LIMIT,
  async (t) => {
    const seen = deferred();
    const f = await fixture(t, {
      app: (context) =>
        context.on('disconnect', function () {
          seen.resolve(this.session.cart);
          this.session.left = true;
        }),
    });
    const socket = await f.connect();
    await socket.ask('write', { cart: 1 });
    await until(() => f.store.read(socket.id)?.cart === 1);
    socket.close();
    assert.equal(await seen.promise, 1);
    await until(() => f.store.ids().length === 0, 'the anonymous session is gone');
    await settle();
    assert.deepEqual(f.store.ids(), []);
  },
);

test(
  'events of one socket start in the order they were sent, whatever order the store answers in',
  LIMIT,
  async (t) => {
    const started = [];
    const f = await fixture(t, {
      app: (context) =>
        context.on('step', function (n, ack) {
          started.push([n, this.session.user]);
          ack(n);
        }),
    });
    const { socket, sid } = await f.bound();
    await settle();
    const hold = f.store.hold('get', (id) => id === sid);
    const answers = [1, 2, 3].map((n) => socket.ask('step', n));
    await hold.reached;
    // When a later message has reached the host, so have these three; their gets, if any, are answered at once.
    const arrived = deferred();
    f.host.traffic.once('ping', arrived.resolve);
    const pong = socket.ask('ping', {});
    await arrived.promise;
    await settle();
    assert.deepEqual(started, []);
    hold.release();
    await Promise.all(answers);
    assert.deepEqual(
      started,
      [1, 2, 3].map((n) => [n, 'ann']),
    );
    assert.equal(await pong, 'pong');
  },
);

test('a held event of one socket does not hold the events of another session', LIMIT, async (t) => {
  const f = await fixture(t);
  const one = await f.bound();
  const two = await f.bound();
  const hold = f.store.hold('get', (id) => id === one.sid);
  const answer = one.socket.ask('read', {});
  await hold.reached;
  assert.equal((await two.socket.ask('read', {})).id, two.sid);
  hold.release();
  assert.equal((await answer).id, one.sid);
});

test('two events in flight on one socket share its current session, and both are saved', LIMIT, async (t) => {
  const f = await fixture(t, {
    app: (context) =>
      context.on('half', async function (field, ack) {
        this.session[field] = true;
        await settle(4);
        ack(Object.keys(this.session).filter((name) => ['a', 'b'].includes(name)));
      }),
  });
  const { socket, sid } = await f.bound();
  const [a] = await Promise.all([socket.ask('half', 'a'), socket.ask('half', 'b')]);
  assert.deepEqual(a, ['a', 'b']);
  assert.deepEqual([f.store.read(sid).a, f.store.read(sid).b], [true, true]);
});

test(
  'a store that answers before the call returns serves the handshake, reads and writes',
  LIMIT,
  async (t) => {
    const store = new SynchronousStore();
    const f = await fixture(t, { store });
    const { socket, sid, ack, key } = await f.bound();
    assert.deepEqual(ack, { key });
    await socket.ask('write', { sync: 1 });
    await until(() => store.read(sid).sync === 1);
    assert.equal((await socket.ask('read', {})).session.sync, 1);
    const other = await f.connect();
    assert.equal((await other.ask('read', {})).id, other.id);
  },
);

test('Express and Socket.IO on two ports share the session', LIMIT, async (t) => {
  const f = await fixture(t, { splitPorts: true, store: new HostileStore() });
  assert.notEqual(f.host.url, f.host.ioUrl);
  const { browser, socket, sid } = await f.bound();
  await socket.ask('write', { from: 'socket' });
  await until(() => f.store.read(sid).from === 'socket');
  assert.equal((await browser.json('/read')).body.session.from, 'socket');
});
