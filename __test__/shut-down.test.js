'use strict';

// sharing.close() while requests are under way and clients still come: nothing is lost, nothing comes back, and nobody gets in.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { shareSession } = require('..');
const { deferred } = require('./support/deferred.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { SECRET, shareFixture } = require('./support/share-fixture.js');
const { suiteRedis } = require('./support/redis-server.js');
const stores = require('./support/stores.js');
const { settle } = require('./support/wait.js');

const redis = suiteRedis();

const hostile = async () => {
  const store = new HostileStore();
  return { store, read: async (sid) => store.read(sid), cleanup() {} };
};

const OPEN = {
  MemoryStore: stores.memory,
  EmbeddedStore: stores.embedded,
  'a store that is read before it is written': hostile,
};

function changeSlowly(req) {
  req.session.slow = true;
}

// An app with a request that goes on when it is told to, and the sharing closed meanwhile.
async function closing(t, kept, work = changeSlowly) {
  const [entered, goOn] = [deferred(), deferred()];
  const f = await shareFixture(t, {
    store: kept.store,
    app({ app, io }) {
      app.get('/slow', async (req, res) => {
        assert.equal(req.session.user, 'ann');
        entered.resolve();
        await goOn.promise;
        res.json((await work(req)) ?? 'done');
      });
      io.on('connection', (socket) =>
        socket.on('write', (fields, ack) => {
          Object.assign(socket.session, fields);
          ack('saved');
        }),
      );
    },
  });
  const bound = await f.bound();
  const slow = bound.browser.json('/slow');
  await entered.promise;
  const finish = async () => {
    f.sharing.close();
    goOn.resolve();
    return (await slow).body;
  };
  return { ...f, ...bound, finish };
}

for (const [name, open] of Object.entries(OPEN)) {
  test(`${name}: a request that ends after close() keeps what a socket has written`, LIMIT, async (t) => {
    const kept = await open();
    const { finish, sid, socket } = await closing(t, kept);
    assert.equal(await socket.ask('write', { fast: true }), 'saved');
    await finish();
    const { fast, slow } = await kept.read(sid);
    assert.deepEqual({ fast, slow }, { fast: true, slow: true });
    await kept.cleanup();
  });

  test(`${name}: a request that ends after close() brings no session back`, LIMIT, async (t) => {
    const kept = await open();
    const { browser, finish, sid } = await closing(t, kept);
    await browser.copy().request('/logout');
    await finish();
    assert.equal(await kept.read(sid), undefined);
    await kept.cleanup();
  });

  test(`${name}: update() in a request that ends after close() is exact`, LIMIT, async (t) => {
    const kept = await open();
    const count = (session) => {
      session.count = (session.count ?? 0) + 1;
      return session.count;
    };
    const { finish, sid, socket } = await closing(t, kept, (req) => req.session.update(count));
    await socket.ask('write', { count: 7 });
    assert.equal(await finish(), 8);
    assert.equal((await kept.read(sid)).count, 8);
    await kept.cleanup();
  });
}

for (const socketIoVersion of [2, 4]) {
  test(
    `Socket.IO ${socketIoVersion}: an event that comes while another one of its socket is under way saves what it acknowledges`,
    LIMIT,
    async (t) => {
      const kept = await stores.memory();
      const gates = { first: deferred(), second: deferred() };
      const f = await shareFixture(t, {
        kept,
        socketIoVersion,
        app: ({ io }) =>
          io.on('connection', (socket) =>
            socket.on('write', async (field, ack) => {
              const { session } = socket;
              if (!session?.user) return ack('no session');
              await gates[field]?.promise;
              session[field] = 1;
              ack('saved');
            }),
          ),
      });
      const { sid, socket } = await f.bound();
      const first = socket.ask('write', 'first');
      // Of one socket, in order: the first is under way by then.
      assert.equal(await socket.ask('write', 'before'), 'saved');
      f.sharing.close();
      const second = socket.ask('write', 'second');
      assert.equal(await socket.ask('write', 'meanwhile'), 'saved');
      gates.first.resolve();
      assert.equal(await first, 'saved');
      gates.second.resolve();
      assert.equal(await second, 'saved');
      const stored = await kept.read(sid);
      assert.deepEqual([stored.first, stored.meanwhile, stored.second], [1, 1, 1]);
      assert.equal(await socket.ask('write', 'after'), 'no session');
    },
  );

  const who = ({ io }) =>
    io.on('connection', (socket) => socket.on('who', (ack) => ack(socket.session?.user ?? 'nobody')));
  const refusal = (f, options) =>
    f.connect(options).then(
      () => 'connected',
      (error) => error.message,
    );

  test(
    `Socket.IO ${socketIoVersion}: after close() an app with \`required\` lets nobody in`,
    LIMIT,
    async (t) => {
      const f = await shareFixture(t, { socketIoVersion, options: { required: true }, app: who });
      const { key } = await f.bound();
      f.sharing.close();
      assert.equal(await refusal(f, { key }), 'No session-store.');
    },
  );

  test(
    `Socket.IO ${socketIoVersion}: after close() a page of another origin gets in as little`,
    LIMIT,
    async (t) => {
      const options = { allowedOrigins: ['https://app.example'] };
      const f = await shareFixture(t, { socketIoVersion, options, app: who });
      f.sharing.close();
      const origin = (page) => ({ transports: ['websocket'], extraHeaders: { origin: page } });
      assert.equal(await refusal(f, origin('https://evil.example')), 'This origin is not allowed.');
      assert.equal(await refusal(f, origin('https://app.example')), 'connected');
    },
  );

  test(`Socket.IO ${socketIoVersion}: another sharing lets in whom it knows`, LIMIT, async (t) => {
    const options = { required: true, allowedOrigins: ['https://app.example'] };
    const f = await shareFixture(t, { socketIoVersion, options, app: who });
    f.sharing.close();
    const next = shareSession({ store: f.store, required: true, cookie: { secret: SECRET } });
    t.after(() => next.close());
    f.io.use(next.socket());
    const browser = await f.login();
    const headers = { cookie: browser.cookie, origin: f.url };
    const socket = await f.connect({ transports: ['websocket'], extraHeaders: headers });
    assert.equal(await socket.ask('who'), 'ann');
  });
}

// Browsers' tabs whose sockets note in the session that they leave.
const TABS = ['a', 'b', 'c', 'd', 'e'];

async function leaving(t, kept, listener, options) {
  const f = await shareFixture(t, {
    store: kept.store,
    options,
    app: ({ io }) => io.on('connection', (socket) => listener(socket, socket.handshake.auth.tab)),
  });
  const browser = await f.login();
  const key = await f.keyOf(browser);
  for (const tab of TABS) await f.connect({ auth: { key, tab } });
  return { ...f, sid: browser.sid };
}

async function assertSaved(kept, sid, what) {
  const stored = await kept.read(sid);
  assert.deepEqual(
    TABS.map((tab) => stored[tab]),
    TABS.map(() => what),
  );
}

for (const [name, open] of Object.entries({ ...OPEN, 'connect-redis': () => stores.redis(redis) })) {
  for (const [how, wait] of [
    ['immediately', () => {}],
    ['after a while', () => settle(5)],
    ['after a reload()', (session) => session.reload()],
  ]) {
    test(
      `${name}: what disconnect listeners change ${how} is saved when close() is fulfilled`,
      LIMIT,
      async (t) => {
        const kept = await open();
        const { io, sharing, sid } = await leaving(t, kept, (socket, tab) => {
          socket.on('disconnect', async () => {
            const waited = wait(socket.session);
            if (waited) await waited;
            socket.session[tab] = 'has left';
          });
        });
        await io.close();
        await sharing.close();
        await assertSaved(kept, sid, 'has left');
        await kept.cleanup();
      },
    );
  }

  test(`${name}: what timers have changed is saved when close() is fulfilled`, LIMIT, async (t) => {
    const kept = await open();
    const sockets = new Map();
    const { io, sharing, sid } = await leaving(t, kept, (socket, tab) => void sockets.set(tab, socket));
    for (const [tab, { session }] of sockets) session[tab] = 'by a timer';
    await io.close();
    await sharing.close();
    await assertSaved(kept, sid, 'by a timer');
    await kept.cleanup();
  });
}

test(
  'close() waits for no connection listener, and for another handler as long as for a store',
  LIMIT,
  async (t) => {
    const forEver = () => new Promise(() => {});
    const kept = await stores.memory();
    const f = await leaving(t, kept, forEver, { storeTimeout: 60_000 });
    await f.sharing.close();

    const entered = deferred();
    const stuck = await shareFixture(t, {
      options: { storeTimeout: 50 },
      app: ({ io }) =>
        io.on('connection', (socket) =>
          socket.on('wait', () => {
            entered.resolve();
            return forEver();
          }),
        ),
    });
    const { socket } = await stuck.bound();
    socket.send('wait');
    await entered.promise;
    const before = performance.now();
    await stuck.sharing.close();
    assert.ok(performance.now() - before >= 50);
  },
);

test('close() may be called several times, and each call waits', LIMIT, async (t) => {
  const go = deferred();
  const kept = await stores.memory();
  const f = await leaving(t, kept, (socket, tab) => {
    socket.on('disconnect', async () => {
      await go.promise;
      socket.session[tab] = 'has left';
    });
  });
  await f.io.close();
  let ended = 0;
  const calls = [f.sharing.close(), f.sharing.close()].map((call) => call.then(() => (ended += 1)));
  await settle();
  assert.equal(ended, 0);
  go.resolve();
  await Promise.all(calls);
  assert.equal((await kept.read(f.sid)).e, 'has left');
});
