'use strict';

// shareSession: what becomes of sockets whose session ends, that come back, or that are many.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const diagnostics = require('node:diagnostics_channel');
const http = require('node:http');
const net = require('node:net');
const v8 = require('node:v8');
const vm = require('node:vm');
const { shareSession } = require('..');
const { adoptedBy } = require('../lib/stores/adopted-store.js');
const { deferred } = require('./support/deferred.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { shareApp } = require('./support/share-app.js');
const { SECRET, shareFixture } = require('./support/share-fixture.js');
const { keyPath, share } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

// How a session ends, and the reason that is given. An expiry is noticed by the next event.
const ENDS = {
  'a logout': ['destroy', (_f, { browser }) => browser.request('/logout')],
  regenerate: ['regenerate', (_f, { browser }) => browser.request('/regenerate')],
  'an expiry': [
    'expire',
    async (f, { socket, sid }) => {
      f.store.remove(sid);
      socket.send('write', {});
    },
  ],
};

async function isStranger(f, socket, sid) {
  const messages = socket.collect('news');
  f.sharing.to(sid).emit('news', 'to a session that has ended');
  assert.equal((await socket.ask('read')).id, socket.id);
  assert.deepEqual(messages, []);
  assert.deepEqual(f.sharing.socketsOf(sid), []);
}

for (const socketIoVersion of [2, 4]) {
  describe(`Socket.IO ${socketIoVersion}`, () => {
    for (const [name, [reason, end]] of Object.entries(ENDS)) {
      test(`after ${name} the socket is a stranger's, and its client knows why`, LIMIT, async (t) => {
        const f = await shareApp(t, { socketIoVersion });
        const bound = await f.bound();
        const bystander = await f.bound();
        const others = bystander.socket.collect('session:end');
        const ended = bound.socket.next('session:end');
        await end(f, bound);
        assert.deepEqual(await ended, { reason });
        await isStranger(f, bound.socket, bound.sid);
        assert.equal((await bystander.socket.ask('read')).id, bystander.sid);
        assert.deepEqual(others, []);
      });

      test(
        `onSessionEnd 'disconnect': after ${name} its client is told, and disconnected`,
        LIMIT,
        async (t) => {
          const f = await shareApp(t, { socketIoVersion, options: { onSessionEnd: 'disconnect' } });
          const bound = await f.bound();
          const order = [];
          bound.socket.socket.on('session:end', (told) => order.push(told));
          const gone = bound.socket.next('disconnect').then((why) => order.push(why));
          await end(f, bound);
          await gone;
          assert.deepEqual(order[0], { reason });
          assert.equal(order.length, 2);
          assert.equal(f.sharing.stats().sockets, 0);
        },
      );

      test(`onSessionEnd a function: after ${name} it has the socket and the reason`, LIMIT, async (t) => {
        const calls = [];
        const onSessionEnd = (call) => calls.push(call);
        const f = await shareApp(t, { socketIoVersion, options: { onSessionEnd } });
        const bound = await f.bound();
        await end(f, bound);
        await until(() => calls.length > 0, 'the function is called');
        const [{ socket, ...rest }] = calls;
        assert.equal(socket.id, bound.socket.id);
        assert.deepEqual(rest, { reason });
        await isStranger(f, bound.socket, bound.sid);
        assert.equal(calls.length, 1);
      });
    }

    test('an asynchronous onSessionEnd that rejects is told to onError', LIMIT, async (t) => {
      const told = [];
      const f = await shareApp(t, {
        socketIoVersion,
        options: {
          onSessionEnd: async ({ reason }) => {
            throw new Error(`after ${reason}`);
          },
          onError: (error, { socket }) => told.push([error.message, socket.id]),
        },
      });
      const bound = await f.bound();
      await bound.browser.request('/logout');
      await until(() => told.length > 0, 'it is told');
      assert.deepEqual(told, [['after destroy', bound.socket.id]]);
    });

    test('a client that leaves while a middleware hangs is not kept for ever', LIMIT, async (t) => {
      const held = [];
      const f = await shareApp(t, {
        socketIoVersion,
        app({ io }) {
          io.use((socket, next) => {
            if (socket.handshake.query.hangs) held.push(socket);
            else next();
          });
        },
      });
      const { key, sid, socket } = await f.bound();
      const query = { hangs: 'yes', ...(socketIoVersion === 2 && { key }) };
      const never = f.connect({ query, ...(socketIoVersion === 4 && { key }) });
      never.catch(() => {});
      const [waiting] = await until(() => held.length > 0 && held, 'the middleware has it');
      await settle();
      assert.equal(f.sharing.socketsOf(sid).length, 2);
      waiting.conn.close();
      await until(() => f.sharing.socketsOf(sid).length === 1, 'it is forgotten');
      assert.equal(f.sharing.stats().sockets, 1);
      assert.equal((await socket.ask('read')).user, 'ann');
    });

    test('every tab is told of the logout, in each of its namespaces', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion, namespaces: ['/admin'] });
      const { browser, socket, key } = await f.bound();
      const query = socketIoVersion === 2 ? `?key=${key}` : '';
      const sockets = [
        socket,
        await f.connect({ key }),
        await f.connect({ key, namespace: `/admin${query}` }),
      ];
      const told = sockets.map((one) => one.next('session:end'));
      await browser.request('/logout');
      assert.deepEqual(await Promise.all(told), Array(3).fill({ reason: 'destroy' }));
    });

    test(
      'sharing.to(sid) reaches every socket of a session in two namespaces, and nobody else',
      LIMIT,
      async (t) => {
        const f = await shareApp(t, { socketIoVersion, namespaces: ['/admin'] });
        const { browser, socket, sid } = await f.bound();
        const key = await f.keyOf(browser);
        const query = socketIoVersion === 2 ? `?key=${key}` : '';
        const second = await f.connect({ key });
        const admin = await f.connect({ key, namespace: `/admin${query}` });
        const others = [
          (await f.bound()).socket,
          await f.connect(),
          await f.connect({ namespace: '/admin' }),
        ];
        const strays = others.map((other) => other.collect('news'));

        const reached = [socket, second, admin].map((one) => one.next('news'));
        f.sharing.to(sid).emit('news', 'for you');
        assert.deepEqual(await Promise.all(reached), ['for you', 'for you', 'for you']);
        for (const other of others) await other.ask('echo', 1);
        assert.deepEqual(strays, [[], [], []]);

        const left = [socket, second, admin].map((one) => one.next('disconnect'));
        f.sharing.to(sid).disconnect();
        await Promise.all(left);
        for (const other of others) await other.ask('echo', 1);
      },
    );

    test('a logout of a session with many tabs is no leak of listeners', LIMIT, async (t) => {
      const warnings = [];
      const warn = (warning) => warnings.push(warning.message);
      process.on('warning', warn);
      t.after(() => process.off('warning', warn));
      const f = await shareApp(t, { socketIoVersion });
      const { browser, key, socket } = await f.bound();
      const tabs = [socket];
      while (tabs.length < 12) tabs.push(await f.connect({ key }));
      const told = Promise.all(tabs.map((tab) => tab.next('session:end')));
      await browser.request('/logout');
      await told;
      await settle();
      assert.deepEqual(warnings, []);
    });

    test('a reconnect is followed: the new socket is the session’s, the old one is not', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion });
      const { browser, socket, sid } = await f.bound();
      const before = socket.id;
      for (let n = 0; n < 3; n += 1) {
        await socket.reconnect();
        if (socketIoVersion === 2) await share(browser, socket);
        assert.notEqual(socket.id, before);
        await until(() => f.sharing.socketsOf(sid).length === 1, 'the old one has left');
        assert.equal(f.sharing.socketsOf(sid)[0].id, socket.id);
        const news = socket.next('news');
        f.sharing.to(sid).emit('news', n);
        assert.equal(await news, n);
      }
    });

    test('a dynamic namespace shares as any other', LIMIT, async (t) => {
      const f = await shareApp(t, { socketIoVersion, namespaces: [/^\/room-\d+$/] });
      const { browser, sid } = await f.bound();
      const key = await f.keyOf(browser);
      const query = socketIoVersion === 2 ? `?key=${key}` : '';
      const rooms = [];
      for (const n of [1, 2]) rooms.push(await f.connect({ key, namespace: `/room-${n}${query}` }));
      for (const room of rooms) assert.equal(f.seen.get(room.id).user, 'ann');
      const news = rooms.map((room) => room.next('news'));
      f.sharing.to(sid).emit('news', 'to each room');
      await Promise.all(news);
      const ended = rooms.map((room) => room.next('session:end'));
      await browser.request('/logout');
      await Promise.all(ended);
    });
  });
}

test('dynamic namespaces that Socket.IO has closed are forgotten', LIMIT, async (t) => {
  const f = await shareApp(t, {
    namespaces: [/^\/room-\d+$/],
    ioOptions: { cleanupEmptyChildNamespaces: true },
  });
  const { browser, sid } = await f.bound();
  const key = await f.keyOf(browser);
  const socket = await f.connect({ key, namespace: '/room-1' });
  const emitted = t.mock.method(f.io._nsps.get('/room-1').adapter, 'broadcast').mock;
  f.sharing.to(sid).emit('news', 1);
  assert.equal(emitted.callCount(), 1);
  socket.close();
  await until(() => !f.io._nsps.has('/room-1'), 'Socket.IO has closed the namespace');
  f.sharing.to(sid).emit('news', 2);
  assert.equal(emitted.callCount(), 1);
  // Its successor of that name is served.
  const next = await f.connect({ key, namespace: '/room-1' });
  const news = next.next('news');
  f.sharing.to(sid).emit('news', 3);
  assert.equal(await news, 3);
});

test('dynamic namespaces that pages of a wrong origin have asked for are forgotten', LIMIT, async (t) => {
  const f = await shareApp(t, {
    namespaces: [/^\/room-\d+$/],
    ioOptions: { cleanupEmptyChildNamespaces: true },
    options: { allowedOrigins: ['https://app.example'] },
  });
  const extraHeaders = { origin: 'https://evil.example' };
  for (let n = 0; n < 5; n += 1) {
    await assert.rejects(f.connect({ namespace: `/room-${n}`, extraHeaders }));
  }
  await until(() => f.io._nsps.size === 1, 'Socket.IO has closed them');
  // One for each namespace that is served.
  assert.ok(f.sharing.to('a sid').senders.length <= 1);
});

for (const socketIoVersion of [2, 4]) {
  test(
    `a client that connects twice to a namespace of Socket.IO ${socketIoVersion} leaves nothing behind`,
    LIMIT,
    async (t) => {
      const left = [];
      let arrived = 0;
      const f = await shareApp(t, {
        socketIoVersion,
        namespaces: ['/chat'],
        ioOptions: { allowEIO3: true },
        app: ({ io }) => {
          io.of('/chat').on('connection', (one) => one.on('disconnect', () => left.push(one.id)));
          io.engine.on('connection', (one) =>
            one.on('data', (data) => {
              if (String(data).startsWith('0/chat')) arrived += 1;
            }),
          );
        },
      });
      const key = await f.keyOf(await f.login());
      const hold = f.store.hold('get', (id) => id === key);
      const { socket } = await f.connect({ version: 2 });
      // As a client does that disconnects before it is connected, and connects again.
      for (let n = 0; n < 2; n += 1) socket.io.packet({ type: 0, nsp: '/chat', query: `key=${key}` });
      await hold.reached;
      // Socket.IO 4 closes the connection of a client that sends the second one after the first is answered.
      await until(() => arrived === 2, 'both have arrived');
      await settle();
      hold.release();
      await until(() => f.sharing.stats().sockets > 0, 'it is bound');
      socket.close();
      await until(() => left.length > 0, 'it has left');
      await settle();
      assert.equal(f.sharing.stats().sockets, 0);
      const [{ watch: watched }] = adoptedBy(f.store).users;
      assert.equal(watched.sessions.size, 0);
    },
  );
}

describe('the response that ends a session', () => {
  const held = () => {
    const [entered, open] = [deferred(), deferred()];
    const app = ({ app }) => {
      app.get('/slow-login', (req, res) =>
        req.session.regenerate(async () => {
          req.session.user = 'ben';
          entered.resolve();
          await open.promise;
          res.json({});
        }),
      );
      app.get('/slow/:end', (req, res) =>
        req.session.reload(() =>
          req.session[req.params.end](async () => {
            if (req.session) req.session.user = 'ben';
            entered.resolve();
            await open.promise;
            res.json({});
          }),
        ),
      );
      app.get('/stream', async (_req, res) => {
        res.write('begun');
        await open.promise;
        res.end();
      });
    };
    return { app, entered: entered.promise, go: open.resolve };
  };

  test('is out before session:end is sent: the next handshake has the new cookie', LIMIT, async (t) => {
    const { app, entered, go } = held();
    const f = await shareApp(t, { app });
    const { browser, socket, sid } = await f.bound();
    const told = socket.collect('session:end');
    const login = browser.request('/slow-login');
    await entered;
    // Unbound at once, and told later.
    assert.equal((await socket.ask('read')).id, socket.id);
    await settle();
    assert.deepEqual(told, []);
    const ended = socket.next('session:end');
    go();
    assert.deepEqual(await ended, { reason: 'regenerate' });
    await login;
    assert.notEqual(browser.sid, sid);
    const key = await f.keyOf(browser);
    assert.deepEqual(await socket.ask('__zappa_key', { key }), { key });
    assert.equal((await socket.ask('read')).user, 'ben');
  });

  for (const end of ['destroy', 'regenerate']) {
    test(`is out before, too, where its request reloads the session and calls ${end}()`, LIMIT, async (t) => {
      const { app, entered, go } = held();
      const f = await shareApp(t, { app });
      const { browser, socket } = await f.bound();
      const told = socket.collect('session:end');
      const response = browser.request(`/slow/${end}`);
      await entered;
      assert.equal((await socket.ask('read')).id, socket.id);
      await settle();
      assert.deepEqual(told, []);
      const ended = socket.next('session:end');
      go();
      assert.deepEqual(await ended, { reason: end });
      await response;
    });
  }

  test('is not waited for when it takes more than two seconds', LIMIT, async (t) => {
    const { app, go } = held();
    const f = await shareApp(t, { app });
    t.after(go);
    const { browser, socket } = await f.bound();
    const ended = socket.next('session:end');
    const began = Date.now();
    const login = browser.request('/slow-login');
    assert.deepEqual(await ended, { reason: 'regenerate' });
    const waited = Date.now() - began;
    assert.ok(waited >= 1_990 && waited < 30_000, `${waited} ms`);
    go();
    await login;
  });

  test('is the only one that is waited for: a stream of the same session goes on', LIMIT, async (t) => {
    const { app, go } = held();
    const f = await shareApp(t, { app });
    t.after(go);
    const { browser, socket } = await f.bound();
    const cookie = `connect.sid=${browser.cookies.get('connect.sid')}`;
    const stream = await fetch(`${f.url}/stream`, { headers: { cookie } });
    const order = [];
    const ended = socket.next('session:end').then(() => order.push('session:end'));
    await browser.request('/logout');
    await ended;
    go();
    await stream.text().then(() => order.push('the end of the stream'));
    assert.deepEqual(order, ['session:end', 'the end of the stream']);
  });

  test('may be nobody’s: a logout by the store, or by a socket, is told at once', LIMIT, async (t) => {
    const { app, go } = held();
    const f = await shareApp(t, {
      app(parts) {
        app(parts);
        parts.io.on('connection', (socket) => socket.on('logout', () => socket.session.destroy()));
      },
    });
    t.after(go);
    const streams = [];
    for (const logout of [({ sid }) => f.sharing.store.destroy(sid), ({ socket }) => socket.send('logout')]) {
      const bound = await f.bound();
      const cookie = `connect.sid=${bound.browser.cookies.get('connect.sid')}`;
      const stream = await fetch(`${f.url}/stream`, { headers: { cookie } });
      let isOpen = true;
      const read = stream.text().then(() => {
        isOpen = false;
      });
      const ended = bound.socket.next('session:end');
      logout(bound);
      assert.deepEqual(await ended, { reason: 'destroy' });
      assert.equal(isOpen, true);
      streams.push(read);
    }
    go();
    await Promise.all(streams);
  });

  test(
    'is all that is kept: responses that never close, as of upgraded sockets, are nobody’s',
    LIMIT,
    async (t) => {
      v8.setFlagsFromString('--expose-gc');
      const gc = vm.runInNewContext('gc');
      let collected = 0;
      const registry = new FinalizationRegistry(() => {
        collected += 1;
      });
      const seen = [];
      const f = await shareApp(t, {
        app: ({ app }) => app.get('/ws', (req) => seen.push(req.session.user)),
      });
      const { browser, socket } = await f.bound();
      const headers = { host: 'x', cookie: `connect.sid=${browser.cookies.get('connect.sid')}` };
      // As express-ws has an app handle an upgrade: by a response that nobody ends.
      for (let n = 0; n < 50; n += 1) {
        const req = Object.assign(new http.IncomingMessage(new net.Socket()), {
          method: 'GET',
          url: '/ws',
          headers,
        });
        const res = new http.ServerResponse(req);
        registry.register(res, n);
        f.app(req, res);
      }
      await until(() => seen.length === 50, 'all of them are handled');
      assert.deepEqual([...new Set(seen)], ['ann']);
      await until(() => {
        gc();
        return collected >= 49;
      }, 'they are collected');
      assert.equal((await socket.ask('read')).user, 'ann');
    },
  );

  test('of a socket that is bound again meanwhile, nobody is told', LIMIT, async (t) => {
    const { app, entered, go } = held();
    const f = await shareApp(t, { app, options: { onSessionEnd: 'disconnect' } });
    const { browser, socket } = await f.bound();
    const told = socket.collect('session:end');
    const login = browser.copy().request('/slow-login');
    await entered;
    await share(await f.login('cid'), socket);
    go();
    await login;
    assert.equal((await socket.ask('read')).user, 'cid');
    assert.deepEqual(told, []);
  });
});

describe('connection state recovery', () => {
  const recovering = { ioOptions: { connectionStateRecovery: {} } };

  // A socket that comes back by itself, and has something to come back for: Socket.IO recovers only where the client
  // knows of a message.
  async function lively(f, connection) {
    const bound = await f.bound({
      reconnection: true,
      reconnectionDelay: 1,
      reconnectionDelayMax: 1,
      ...connection,
    });
    const news = bound.socket.next('news');
    f.io.emit('news', 0);
    await news;
    return bound;
  }

  // The transport is gone; what happens before the client is back happens in `meanwhile`.
  async function lose({ socket }, meanwhile = () => {}) {
    const { socket: client } = socket;
    const gone = socket.next('disconnect');
    client.io.reconnection(false);
    client.io.engine.close();
    await gone;
    await meanwhile();
    client.io.reconnection(true);
    const back = socket.next('connect');
    client.connect();
    await back;
    assert.equal(client.recovered, true);
  }

  // It is back, and the store does not answer yet whose it is.
  async function returnUnknown({ sharing, store }, bound) {
    let hold;
    await lose(bound, async () => {
      await until(() => sharing.stats().sockets === 0, 'the server has noticed');
      hold = store.hold('get', (sid) => sid === bound.sid);
    });
    await hold.reached;
    return hold;
  }

  for (const skipMiddlewares of [true, false]) {
    const set = { ioOptions: { connectionStateRecovery: { skipMiddlewares } } };
    const way = skipMiddlewares ? 'without the middlewares' : 'through the middlewares';

    test(`brings back a socket that is still its session's, ${way}`, LIMIT, async (t) => {
      const f = await shareApp(t, set);
      const bound = await lively(f);
      const { id } = bound.socket;
      const missed = bound.socket.next('news');
      await lose(bound, async () => {
        await until(() => f.sharing.stats().sockets === 0, 'the server has noticed');
        f.seen.clear();
        f.sharing.to(bound.sid).emit('news', 'while you were away');
      });
      assert.equal(bound.socket.id, id);
      assert.equal(await missed, 'while you were away');
      assert.equal((await bound.socket.ask('read')).user, 'ann');
      assert.equal(f.seen.get(id).user, 'ann');
      assert.deepEqual(
        f.sharing.socketsOf(bound.sid).map((socket) => socket.recovered),
        [true],
      );
      const news = bound.socket.next('news');
      f.sharing.to(bound.sid).emit('news', 'again');
      assert.equal(await news, 'again');
    });

    test(`does not bring back a session that was logged out meanwhile, ${way}`, LIMIT, async (t) => {
      const f = await shareApp(t, set);
      const bound = await lively(f);
      const told = bound.socket.next('session:end');
      await lose(bound, async () => {
        await until(() => f.sharing.stats().sockets === 0, 'the server has noticed');
        f.seen.clear();
        await bound.browser.request('/logout');
      });
      assert.deepEqual(await told, { reason: 'expire' });
      await isStranger(f, bound.socket, bound.sid);
      assert.equal(f.seen.get(bound.socket.id).user, undefined);
    });

    test(
      `onSessionEnd 'disconnect' holds for a session that was logged out meanwhile, ${way}`,
      LIMIT,
      async (t) => {
        const f = await shareApp(t, { ...set, options: { onSessionEnd: 'disconnect' } });
        const bound = await lively(f);
        bound.socket.socket.io.reconnection(false);
        const gone = bound.socket.next('disconnect');
        bound.socket.socket.io.engine.close();
        await gone;
        await until(() => f.sharing.stats().sockets === 0, 'the server has noticed');
        await bound.browser.request('/logout');
        const again = bound.socket.next('disconnect');
        bound.socket.socket.connect();
        await again;
        assert.equal(f.sharing.stats().sockets, 0);
      },
    );

    test(`required: a session that was logged out meanwhile is refused, ${way}`, LIMIT, async (t) => {
      const f = await shareApp(t, { ...set, options: { required: true } });
      const bound = await lively(f);
      const { socket: client } = bound.socket;
      client.io.reconnection(false);
      const gone = bound.socket.next('disconnect');
      client.io.engine.close();
      await gone;
      await until(() => f.sharing.stats().sockets === 0, 'the server has noticed');
      await bound.browser.request('/logout');
      f.seen.clear();
      const refused = Promise.race([bound.socket.next('disconnect'), bound.socket.next('connect_error')]);
      client.connect();
      await refused;
      assert.equal(f.seen.size, 0, 'the app has seen it connect');
    });
  }

  test('packets that are sent at once wait until it is known whose socket it is', LIMIT, async (t) => {
    const f = await shareApp(t, recovering);
    const bound = await lively(f);
    const { socket: client } = bound.socket;
    const answers = [];
    let hold;
    await lose(bound, async () => {
      await until(() => f.sharing.stats().sockets === 0, 'the server has noticed');
      hold = f.store.hold('get', (sid) => sid === bound.sid);
    });
    client.emit('read', ({ user }) => answers.push(user));
    client.emit('echo', 2, (answer) => answers.push(answer));
    await hold.reached;
    await settle();
    assert.deepEqual(answers, []);
    hold.release();
    await until(() => answers.length === 2, 'both are answered');
    assert.deepEqual(answers, ['ann', 2]);
  });

  test(
    'beyond 10,000 packets that wait so, an event is refused at once, by its acknowledgement',
    LIMIT,
    async (t) => {
      const failures = [];
      const options = {
        storeTimeout: 600_000,
        onError: ({ code }, { event }) => failures.push([event, code]),
      };
      const f = await shareApp(t, { ...recovering, options });
      const bound = await lively(f);
      const hold = await returnUnknown(f, bound);
      const answers = Array.from({ length: 10_003 }, (_, n) => bound.socket.ask('echo', n));
      const refused = await Promise.all(answers.slice(10_000));
      for (const { code } of refused) assert.equal(code, 'ERR_OVERLOADED');
      assert.deepEqual(failures, new Array(3).fill(['echo', 'ERR_OVERLOADED']));
      hold.release();
      const expected = Array.from({ length: 10_000 }, (_, n) => n);
      assert.deepEqual(await Promise.all(answers.slice(0, 10_000)), expected);
      // None of them waits any more.
      assert.equal(adoptedBy(f.store).inAll.waiting, 0);
    },
  );

  test('a socket that leaves again before that is known is not announced to the app', LIMIT, async (t) => {
    const f = await shareApp(t, recovering);
    const bound = await lively(f);
    const hold = await returnUnknown(f, bound);
    f.seen.clear();
    bound.socket.send('write', { late: true });
    bound.socket.close();
    await until(() => f.io.sockets.sockets.size === 0, 'it has left');
    hold.release();
    await settle();
    assert.equal(f.seen.size, 0);
    assert.equal(f.sharing.stats().sockets, 0);
    assert.equal(f.store.read(bound.sid).late, undefined);
    // Nor is it counted among those of the session when that ends.
    const ends = [];
    const note = ({ sockets }) => ends.push(sockets);
    diagnostics.subscribe('io-session:end', note);
    t.after(() => diagnostics.unsubscribe('io-session:end', note));
    await bound.browser.request('/logout');
    assert.deepEqual(ends, [0]);
  });

  test('a socket that is lost again before that is known comes back to what it had', LIMIT, async (t) => {
    const f = await shareApp(t, {
      ...recovering,
      options: { rooms: ({ user }) => (user ? [`user:${user}`] : []) },
    });
    const bound = await lively(f);
    const hold = await returnUnknown(f, bound);
    const messages = bound.socket.collect('news');
    await lose(bound, async () => {
      await until(() => f.io.sockets.sockets.size === 0, 'the server has noticed');
      f.sharing.to(bound.sid).emit('news', 'meanwhile');
    });
    hold.release();
    assert.equal((await bound.socket.ask('read')).user, 'ann');
    assert.deepEqual(messages, ['meanwhile']);
    const ended = bound.socket.next('session:end');
    await bound.browser.request('/logout');
    await ended;
    f.io.to('user:ann').emit('news', 'for ann');
    await isStranger(f, bound.socket, bound.sid);
    assert.deepEqual(messages, ['meanwhile']);
  });

  for (const leaves of [true, false]) {
    const what = leaves ? 'that leaves after that is not announced' : 'keeps no room of its session';
    test(`closed before that is known: a socket ${what}`, LIMIT, async (t) => {
      let connected = 0;
      const f = await shareFixture(t, {
        ...recovering,
        app({ io }) {
          io.on('connection', () => {
            connected += 1;
          });
        },
      });
      const bound = await lively(f);
      const hold = await returnUnknown(f, bound);
      connected = 0;
      f.sharing.close();
      if (leaves) {
        bound.socket.close();
        await until(() => f.io.sockets.sockets.size === 0, 'it has left');
      }
      hold.release();
      await settle();
      assert.equal(connected, leaves ? 0 : 1);
      const rooms = [...f.io.of('/').adapter.rooms.keys()];
      assert.deepEqual(rooms, leaves ? [] : [bound.socket.id]);
    });
  }

  test('an event of its former connection that is under way does not unbind it', LIMIT, async (t) => {
    const f = await shareApp(t, recovering);
    const bound = await lively(f);
    const slow = f.store.hold('get', (sid) => sid === bound.sid);
    bound.socket.send('write', { slow: true });
    await slow.reached;
    await lose(bound);
    assert.equal((await bound.socket.ask('read')).user, 'ann');
    slow.release();
    await until(() => f.store.read(bound.sid).slow, 'the slow event has ended');
    await settle();
    assert.equal(f.sharing.socketsOf(bound.sid).length, 1);
    const told = bound.socket.next('session:end');
    await bound.browser.request('/logout');
    assert.deepEqual(await told, { reason: 'destroy' });
  });

  test(
    'a stranger keeps what it has written, and takes it along when it leaves for good',
    LIMIT,
    async (t) => {
      const f = await shareApp(t, recovering);
      const stranger = await lively(f, { auth: undefined });
      const others = f.store.ids();
      await stranger.socket.ask('write', { cart: 1 });
      const { id } = stranger.socket;
      await lose(stranger);
      assert.equal((await stranger.socket.ask('read')).cart, 1);
      assert.deepEqual(f.store.ids().sort(), [...others, id].sort());
      stranger.socket.close();
      await until(() => !f.store.ids().includes(id), 'nothing is left of it');
    },
  );

  test('a socket that was bound by __zappa_key is a stranger until it shares again', LIMIT, async (t) => {
    const f = await shareApp(t, recovering);
    const bound = await lively(f, { auth: undefined });
    await share(bound.browser, bound.socket);
    const told = bound.socket.collect('session:end');
    await lose(bound);
    await isStranger(f, bound.socket, bound.sid);
    await share(bound.browser, bound.socket);
    assert.equal((await bound.socket.ask('read')).id, bound.sid);
    assert.deepEqual(told, [], 'its session has not ended');
  });
});

describe('sharing.close()', () => {
  test('while a socket is connecting leaves it a socket like any other', LIMIT, async (t) => {
    const f = await shareApp(t);
    const key = await f.keyOf(await f.login());
    const hold = f.store.hold('get');
    const connecting = f.connect({ key });
    await hold.reached;
    f.sharing.close();
    hold.release();
    await connecting.then(
      (socket) => socket.close(),
      () => {},
    );
    await settle();
  });

  test('while a key is looked up answers it', LIMIT, async (t) => {
    const f = await shareApp(t);
    const key = await f.keyOf(await f.login());
    const socket = await f.connect();
    const hold = f.store.hold('get');
    const answer = socket.ask('__zappa_key', { key });
    await hold.reached;
    f.sharing.close();
    hold.release();
    assert.equal((await answer).error, 'Missing data');
  });

  test('while an event is under way leaves it its session', LIMIT, async (t) => {
    const f = await shareApp(t);
    const { socket, sid } = await f.bound();
    const hold = f.store.hold('get', (id) => id === sid);
    socket.send('write', { late: true });
    await hold.reached;
    f.sharing.close();
    hold.release();
    await until(() => f.store.read(sid).late, 'what it wrote is saved');
    assert.equal(await socket.ask('echo', 1), 1);
    assert.equal(f.sharing.stats().sockets, 0);
  });

  test('gives a socket back whose middleware has dropped a packet silently', LIMIT, async (t) => {
    const f = await shareFixture(t, {
      options: { storeTimeout: 200 },
      app: ({ io }) =>
        io.on('connection', (socket) => {
          socket.use(([name], next) => name === 'dropped' || next());
          socket.on('has', (ack) => ack('session' in socket));
        }),
    });
    const client = await f.connect();
    client.send('dropped');
    assert.equal(await client.ask('has'), true);
    await f.sharing.close();
    await until(async () => !(await client.ask('has')), 'it is a socket like any other');
  });

  test('leaves nothing in the store that was a socket’s own', LIMIT, async (t) => {
    const f = await shareApp(t);
    const socket = await f.connect();
    await socket.ask('write', { note: 'a stranger’s' });
    await until(() => f.store.read(socket.id), 'it is written');
    f.sharing.close();
    await until(() => f.store.ids().length === 0, 'it is gone');
  });

  test('leaves nothing there, where an event of it still waits for the store', LIMIT, async (t) => {
    const f = await shareApp(t);
    const socket = await f.connect();
    await socket.ask('write', { note: 'a stranger’s' });
    await until(() => f.store.read(socket.id), 'it is written');
    const hold = f.store.hold('get', (id) => id === socket.id);
    socket.send('write', { note: 'another one' });
    await hold.reached;
    f.sharing.close();
    hold.release();
    await until(() => f.store.ids().length === 0, 'it is gone');
    await settle();
    assert.deepEqual(f.store.ids(), []);
  });

  test(
    'is the end of no process, where a store is closed that has a recoverable socket’s own session',
    LIMIT,
    async (t) => {
      const f = await shareApp(t, {
        ioOptions: { connectionStateRecovery: { maxDisconnectionDuration: 50 } },
      });
      const socket = await f.connect();
      await socket.ask('write', { note: 'a stranger’s' });
      socket.socket.io.engine.close();
      await until(() => f.io.sockets.sockets.size === 0, 'the server has noticed');
      f.sharing.close();
      f.store.taken();
      // An unhandled rejection would fail the test.
      f.store.always('destroy', 'error');
      await until(() => f.store.count('destroy') > 0, 'it is not recovered in time');
      await settle();
    },
  );

  test('leaves its namespace to the next shareSession', LIMIT, async (t) => {
    const f = await shareFixture(t, {
      app: ({ io }) =>
        io.on('connection', (socket) => socket.on('id', (ack) => ack(socket.session?.id ?? null))),
    });
    f.sharing.close();
    const next = shareSession({ store: f.sharing.store });
    f.io.use(next.socket());
    const socket = await f.connect();
    assert.equal(await socket.ask('id'), socket.id);
    next.close();
    assert.equal(await (await f.connect()).ask('id'), null);
  });

  test('of one of two that share a store leaves the other what the store fails with', LIMIT, async (t) => {
    const told = { first: [], second: [] };
    const f = await shareApp(t, { options: { onError: (error) => told.first.push(error.message) } });
    const second = shareSession({
      store: f.sharing.store,
      onError: (error) => told.second.push(error.message),
    });
    second.close();
    const stranger = await f.connect();
    await stranger.ask('write', { note: 'a record that its disconnect takes away' });
    await until(() => f.store.read(stranger.id), 'it is written');
    f.store.next('destroy', 'error');
    stranger.close();
    await until(() => told.first.length > 0, 'the first is told');
    assert.deepEqual(told, { first: ['scripted'], second: [] });
  });

  test("behind io.close() leaves the listeners of 'disconnect' their session", LIMIT, async (t) => {
    const left = deferred();
    const f = await shareApp(t, {
      app({ io }) {
        io.on('connection', (socket) => socket.on('disconnect', () => left.resolve(socket.session.user)));
      },
    });
    await f.bound();
    f.io.close();
    f.sharing.close();
    assert.equal(await left.promise, 'ann');
  });

  test(
    'while a key is being made: the next shareSession does not take that for its own',
    LIMIT,
    async (t) => {
      const old = await shareApp(t);
      const browser = await old.login();
      const keys = [];
      const hold = old.store.hold('set', (id) => id !== browser.sid && keys.push(id));
      const asked = browser.json(keyPath('', { prefix: '/io-session' }).slice(0, -1));
      await hold.reached;
      old.sharing.close();
      // It has another store, and the session in it, but no record of the key.
      const next = await shareApp(t);
      next.store.plant(browser.sid, old.store.read(browser.sid));
      hold.release();
      await asked;
      const socket = await next.connect({ key: keys[0] });
      assert.equal((await socket.ask('read')).id, socket.id);
    },
  );
});

describe('a session is not back', () => {
  // A socket's write that is under way at the store, where the session is there when it begins.
  async function writing(f, sid, socket) {
    const hold = f.store.hold('set', (id) => id === sid);
    const answer = socket.ask('write', { late: true });
    await hold.reached;
    return { answer, release: hold.release };
  }

  test('where a write comes between its destroy and the answer to that', LIMIT, async (t) => {
    const f = await shareApp(t, { options: { cookie: { secret: SECRET } } });
    const browser = await f.login();
    const [asked, effect] = [deferred(), deferred()];
    const answered = deferred();
    f.store.next('destroy', (run, answer) => {
      asked.resolve();
      effect.promise.then(() => run((...given) => answered.promise.then(() => answer(...given))));
    });
    const logout = browser.request('/logout');
    await asked.promise;
    const socket = await f.connect({ cookie: browser.cookie });
    const { answer, release } = await writing(f, browser.sid, socket);
    effect.resolve();
    await until(() => f.store.read(browser.sid) === undefined, 'it is destroyed');
    release();
    await answer;
    answered.resolve();
    await logout;
    await until(() => f.store.read(browser.sid) === undefined, 'it is destroyed again');
    await settle();
    assert.equal(f.store.read(browser.sid), undefined);
  });

  test('where a socket is bound to it while the store is being cleared', LIMIT, async (t) => {
    const f = await shareApp(t, { options: { cookie: { secret: SECRET } } });
    const browser = await f.login();
    const hold = f.store.hold('clear');
    const cleared = new Promise((resolve) => f.sharing.store.clear(resolve));
    await hold.reached;
    const socket = await f.connect({ cookie: browser.cookie });
    assert.equal((await socket.ask('read')).user, 'ann');
    const { answer, release } = await writing(f, browser.sid, socket);
    const ended = socket.next('session:end');
    hold.release();
    await cleared;
    assert.deepEqual(await ended, { reason: 'destroy' });
    release();
    await answer;
    await settle();
    assert.deepEqual(f.store.ids(), []);
    assert.equal(f.sharing.stats().sockets, 0);
  });

  for (const order of ['before', 'after']) {
    test(
      `where a handler's sharing was closed, and its store is shared again ${order} the logout`,
      LIMIT,
      async (t) => {
        const [begun, go] = [deferred(), deferred()];
        const f = await shareApp(t, {
          app({ io }) {
            io.on('connection', (socket) =>
              socket.on('slow', async (ack) => {
                socket.session.slow = true;
                begun.resolve();
                await go.promise;
                ack('ok');
              }),
            );
          },
        });
        const { browser, sid, socket } = await f.bound();
        const answer = socket.ask('slow');
        await begun.promise;
        f.sharing.close();
        if (order === 'after') await browser.request('/logout');
        const next = shareSession({ store: f.store });
        t.after(() => next.close());
        if (order === 'before') await browser.request('/logout');
        go.resolve();
        await answer;
        await settle();
        assert.equal(f.store.read(sid), undefined);
      },
    );
  }

  test('nor are old values, where a store is shared again', LIMIT, async (t) => {
    const [begun, go] = [deferred(), deferred()];
    const f = await shareApp(t, {
      app({ app }) {
        app.get('/slow', async (req, res) => {
          begun.resolve();
          await go.promise;
          req.session.slow = true;
          res.json({});
        });
      },
    });
    const browser = await f.login();
    const answer = browser.request('/slow');
    await begun.promise;
    f.sharing.close();
    const next = shareSession({ store: f.store });
    t.after(() => next.close());
    await browser.request('/login?user=bea');
    go.resolve();
    await answer;
    const { slow, user } = f.store.read(browser.sid);
    assert.deepEqual({ slow, user }, { slow: true, user: 'bea' });
  });
});

describe('sharing.close() while handlers of two tabs are under way', () => {
  const redis = suiteRedis();
  const STORES = {
    MemoryStore: () => stores.memory(),
    EmbeddedStore: () => stores.embedded(),
    'connect-redis': () => stores.redis(redis),
  };

  // Both go on when they are told to. `slow` has changed the session by then, `late` has not looked at it.
  async function underWay(t, open, event) {
    const kept = await open();
    const begun = [];
    const go = deferred();
    const f = await shareApp(t, {
      kept,
      app({ app, io }) {
        app.get('/set', (req, res) => {
          req.session[req.query.field] = 'by HTTP';
          res.json({});
        });
        io.on('connection', (socket) => {
          socket.on('slow', async (field, ack) => {
            const { session } = socket;
            session[field] = 'begun';
            begun.push(field);
            await go.promise;
            session[field] = 'done';
            ack('ok');
          });
          socket.on('late', async (field, ack) => {
            begun.push(field);
            await go.promise;
            socket.session[field] = 'done';
            ack('ok');
          });
        });
      },
    });
    const { browser, key, sid, socket } = await f.bound();
    const second = await f.connect({ key });
    const answers = Promise.all([socket.ask(event, 'first'), second.ask(event, 'second')]);
    await until(() => begun.length === 2, 'both are under way');
    return { answers, browser, go: go.resolve, kept, sharing: f.sharing, sid };
  }

  for (const [name, event] of Object.keys(STORES).flatMap((name) => [
    [name, 'slow'],
    [name, 'late'],
  ])) {
    const open = STORES[name];
    test(
      `saves what they acknowledge, beside what HTTP has written meanwhile, on ${name}, event ${event}`,
      LIMIT,
      async (t) => {
        const { answers, browser, go, kept, sharing, sid } = await underWay(t, open, event);
        await browser.request('/set?field=before');
        sharing.close();
        await browser.request('/set?field=after');
        go();
        assert.deepEqual(await answers, ['ok', 'ok']);
        const { before, after, first, second, user } = await kept.read(sid);
        assert.deepEqual([before, after, user], ['by HTTP', 'by HTTP', 'ann']);
        assert.deepEqual([first, second], ['done', 'done']);
      },
    );

    for (const order of ['before it', 'behind it']) {
      test(
        `does not bring back a session that was logged out ${order}, on ${name}, event ${event}`,
        LIMIT,
        async (t) => {
          const { answers, browser, go, kept, sharing, sid } = await underWay(t, open, event);
          if (order === 'before it') await browser.request('/logout');
          sharing.close();
          if (order === 'behind it') await browser.request('/logout');
          go();
          await answers;
          await settle();
          assert.equal(await kept.read(sid), undefined);
        },
      );
    }
  }
});

test('thousands of events that were going to write to a session which ends, end', LIMIT, async (t) => {
  const faults = [];
  const f = await shareApp(t, { options: { onError: (error) => faults.push(error) } });
  const bound = await f.bound();
  // The first keeps the others waiting, until there is nothing left to write to.
  const hold = f.store.hold('set', (sid) => sid === bound.sid);
  const writes = Array.from({ length: 5000 }, (_, n) => bound.socket.ask('write', { n }));
  await hold.reached;
  await until(() => f.sharing.stats().loads >= 5000, 'all have their session');
  await bound.browser.request('/logout');
  hold.release();
  await Promise.all(writes);
  assert.deepEqual(faults.map(String), []);
  assert.equal(f.store.read(bound.sid), undefined);
});
