'use strict';

// The store fails while it is asked whose socket a connection is: the socket is no stranger for that. It is bound when the store
// answers again, and until then nothing of it is handled as a stranger's.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { shareSession } = require('io-session/client');
const { deferred } = require('./support/deferred.js');
const { breakOff, fetchOf } = require('./support/client-page.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { recover } = require('./support/recovery.js');
const { SECRET, shareFixture } = require('./support/share-fixture.js');
const { socketIoClient } = require('./support/versions.js');
const { settle, until } = require('./support/wait.js');

const CONNECTIONS = {
  'with a key': async (f, browser) => ({ key: await f.keyOf(browser) }),
  'with the cookie': async (_f, browser) => ({ cookie: browser.cookie }),
};
const UNAVAILABLE = 'ERR_STORE_UNAVAILABLE';
const FAILURES = { error: UNAVAILABLE, throw: UNAVAILABLE, never: 'ERR_STORE_TIMEOUT' };

async function open(t, { options, ...set } = {}) {
  const store = new HostileStore();
  const failures = [];
  const handled = [];
  const f = await shareFixture(t, {
    store,
    options: {
      cookie: { secret: SECRET },
      storeTimeout: 300,
      onError: (_error, { event }) => failures.push(event),
      ...options,
    },
    ioOptions: { connectionStateRecovery: {} },
    app: ({ io }) => {
      io.on('connection', (socket) => {
        socket.on('whoami', (ack) => ack(socket.session.user ?? null));
        socket.on('order', (item, ack) => {
          handled.push([item, socket.session.user]);
          socket.session[item] = true;
          ack?.('ordered');
        });
        socket.emit('hello');
      });
    },
    ...set,
  });
  return { ...f, store, failures, handled, read: async (browser) => (await browser.json('/read')).body };
}

for (const [way, connection] of Object.entries(CONNECTIONS)) {
  for (const [failure, code] of Object.entries(FAILURES)) {
    test(
      `a socket that connects ${way} (${failure}): its events end in the error, and then it is bound`,
      LIMIT,
      async (t) => {
        const f = await open(t);
        const browser = await f.login();
        const shown = await connection(f, browser);
        f.store.always('get', failure);
        const client = await f.connect(shown);
        const strays = client.collect('session:end');
        assert.equal((await client.ask('order', 'apple')).code, code);
        assert.deepEqual(f.handled, []);
        assert.deepEqual(f.failures, ['connection', 'order']);
        f.store.behave();
        const orders = ['pear', 'fig', 'plum'].map((item) => client.ask('order', item));
        assert.deepEqual(await Promise.all(orders), Array(3).fill('ordered'));
        assert.deepEqual(
          f.handled,
          ['pear', 'fig', 'plum'].map((item) => [item, 'ann']),
        );
        const { apple, pear, fig, plum } = await f.read(browser);
        assert.deepEqual([apple, pear, fig, plum], [undefined, true, true, true]);
        assert.deepEqual(strays, []);
        assert.equal(f.failures.length, 2);
      },
    );
  }

  test(`a socket that connects ${way} and sends nothing is bound as well`, LIMIT, async (t) => {
    const f = await open(t);
    const browser = await f.login();
    const shown = await connection(f, browser);
    f.store.always('get', 'error');
    const client = await f.connect(shown);
    const heard = client.next('news');
    assert.equal(f.sharing.socketsOf(browser.sid).length, 0);
    f.store.behave();
    await until(() => f.sharing.socketsOf(browser.sid).length === 1, 'it is bound');
    f.sharing.to(browser.sid).emit('news', 1);
    assert.equal(await heard, 1);
    assert.deepEqual(f.failures, ['connection']);
  });

  test(`a socket that connects ${way} and is logged out meanwhile is a stranger`, LIMIT, async (t) => {
    const f = await open(t);
    const browser = await f.login();
    const shown = await connection(f, browser);
    f.store.always('get', 'error');
    const client = await f.connect(shown);
    f.store.behave();
    await browser.json('/logout');
    assert.equal(await client.ask('whoami'), null);
    assert.equal(await client.ask('order', 'apple'), 'ordered');
    assert.equal(f.sharing.stats().sockets, 0);
  });

  test(
    `a recovered socket, bound ${way}: its events end in the error, and then it has its session`,
    LIMIT,
    async (t) => {
      for (const skipMiddlewares of [true, false]) {
        const f = await open(t, { ioOptions: { connectionStateRecovery: { skipMiddlewares } } });
        const browser = await f.login();
        const client = await f.connect(await connection(f, browser));
        const strays = client.collect('session:end');
        await hear(f, client);
        await recover({ client, io: f.io }, () => f.store.always('get', 'error'));
        assert.equal((await client.ask('order', 'apple')).code, UNAVAILABLE);
        f.store.behave();
        assert.equal(await client.ask('order', 'pear'), 'ordered');
        const { apple, pear } = await f.read(browser);
        assert.deepEqual([apple, pear], [undefined, true]);
        assert.deepEqual(f.handled, [['pear', 'ann']]);
        assert.deepEqual(strays, []);
      }
    },
  );

  test(`a recovered socket, bound ${way}, that was logged out is told so afterwards`, LIMIT, async (t) => {
    const f = await open(t);
    const browser = await f.login();
    const client = await f.connect(await connection(f, browser));
    const told = client.next('session:end');
    await hear(f, client);
    await recover({ client, io: f.io }, async () => {
      await browser.json('/logout');
      f.store.always('get', 'error');
    });
    f.store.behave();
    assert.deepEqual(await told, { reason: 'expire' });
    assert.equal(await client.ask('whoami'), null);
  });
}

// Socket.IO recovers who has had a packet.
async function hear({ io }, client) {
  const hello = client.next('hello');
  io.emit('hello');
  await hello;
}

test('the same on Socket.IO 2', LIMIT, async (t) => {
  const f = await open(t, { socketIoVersion: 2, ioOptions: {} });
  const browser = await f.login();
  for (const connection of Object.values(CONNECTIONS)) {
    const shown = await connection(f, browser);
    f.store.always('get', 'error');
    const client = await f.connect(shown);
    assert.equal((await client.ask('order', 'apple')).code, UNAVAILABLE);
    f.store.behave();
    assert.equal(await client.ask('whoami'), 'ann');
  }
  assert.deepEqual(f.handled, []);
});

test('a socket that presents its key meanwhile is bound by that', LIMIT, async (t) => {
  const f = await open(t);
  const browser = await f.login();
  const key = await f.keyOf(browser);
  f.store.next('get', 'error');
  const client = await f.connect({ cookie: browser.cookie });
  assert.deepEqual(await client.ask('__zappa_key', { key }), { key });
  assert.equal(await client.ask('order', 'apple'), 'ordered');
  assert.equal((await f.read(browser)).apple, true);
});

test(
  'a socket that has presented a key meanwhile is a stranger after the logout of that session',
  LIMIT,
  async (t) => {
    const f = await open(t);
    const [ann, bob] = [await f.login(), await f.login('bob')];
    f.store.next('get', 'error');
    const client = await f.connect({ cookie: ann.cookie });
    await client.ask('__zappa_key', { key: await f.keyOf(bob) });
    assert.equal(await client.ask('whoami'), 'bob');
    const ended = client.next('session:end');
    await bob.json('/logout');
    assert.deepEqual(await ended, { reason: 'destroy' });
    assert.equal(await client.ask('whoami'), null);
    assert.equal(await client.ask('order', 'apple'), 'ordered');
    assert.equal((await f.read(ann)).apple, undefined);
  },
);

test(
  'a socket that leaves before it is known runs nothing, and the app is told of each event',
  LIMIT,
  async (t) => {
    const f = await open(t);
    const browser = await f.login();
    f.store.next('get', 'error');
    const client = await f.connect({ cookie: browser.cookie });
    const { reached, release } = f.store.hold('get');
    client.send('order', 'apple');
    client.send('order', 'pear');
    await reached;
    client.close();
    await until(() => f.io.of('/').sockets.size === 0, 'it has left');
    release();
    await until(() => f.failures.length === 3, 'the app is told');
    assert.deepEqual(f.failures, ['connection', 'order', 'order']);
    assert.deepEqual(f.handled, []);
  },
);

test('a sharing that is closed meanwhile leaves a socket like any other', LIMIT, async (t) => {
  const f = await open(t);
  const browser = await f.login();
  f.store.next('get', 'error');
  const client = await f.connect({ cookie: browser.cookie });
  const { reached, release } = f.store.hold('get');
  f.io
    .of('/')
    .sockets.get(client.id)
    .on('ping', (ack) => ack('pong'));
  const asked = client.ask('ping');
  await reached;
  f.sharing.close();
  release();
  assert.equal(await asked, 'pong');
  assert.equal(await client.ask('ping'), 'pong');
});

test('so does one that is closed while a listener of `connection` is running', LIMIT, async (t) => {
  const listener = deferred();
  const f = await open(t, {
    app: ({ io }) =>
      io.on('connection', async (socket) => {
        socket.on('ping', (ack) => ack('pong'));
        await listener.promise;
      }),
  });
  const browser = await f.login();
  f.store.next('get', 'error');
  const client = await f.connect({ cookie: browser.cookie });
  f.sharing.close();
  for (let n = 0; n < 3; n += 1) assert.equal(await client.ask('ping'), 'pong');
  listener.resolve();
  await settle();
  assert.equal(await client.ask('ping'), 'pong');
});

// They wait for the module's own times.
describe("the client's module", { concurrency: true }, () => {
  test("what the page emitted while it was offline is never a stranger's", LIMIT, async (t) => {
    const f = await open(t);
    const browser = await f.login();
    const client = await f.connect({ reconnection: true });
    const ask = fetchOf(browser);
    let isAway = false;
    const fetch = async (...args) => {
      const answer = await ask(...args);
      // Right behind the answer with the key.
      if (isAway) f.store.always('get', 'error');
      return answer;
    };
    await shareSession(client.socket, { url: f.url, fetch, onError: () => {} });
    isAway = true;
    await breakOff(f, client.socket);
    const { code } = await client.ask('order', 'apple');
    assert.equal(code, UNAVAILABLE);
    isAway = false;
    f.store.behave();
    assert.equal(await client.ask('order', 'pear'), 'ordered');
    assert.deepEqual(f.handled, [['pear', 'ann']]);
  });

  test("what the page emitted while nobody could have a key is not a stranger's either", LIMIT, async (t) => {
    const f = await open(t);
    const browser = await f.login();
    const client = await f.connect({ reconnection: true });
    let failures = 0;
    const ask = fetchOf(browser);
    const fetch = async (...args) => {
      const answer = await ask(...args);
      if (answer.status === 200) return answer;
      failures += 1;
      f.store.behave();
      return answer;
    };
    await shareSession(client.socket, { url: f.url, fetch, onError: () => {} });
    // As of a database driver: Express answers 500.
    f.store.always('get', 'error string');
    await breakOff(f, client.socket);
    assert.equal(await client.ask('order', 'apple'), 'ordered');
    assert.deepEqual(f.handled, [['apple', 'ann']]);
    assert.equal(failures, 1);
  });

  test('a socket that `required` has refused for the store connects afterwards', LIMIT, async (t) => {
    const f = await open(t, { options: { required: true } });
    const browser = await f.login();
    const client = await f.connect({ cookie: browser.cookie });
    t.after(() => client.close());
    const { socket } = client;
    await shareSession(socket, { url: f.url, fetch: fetchOf(browser), onError: () => {} });
    f.store.always('get', 'error', (id) => id === browser.sid);
    const refused = client.next('connect_error');
    client.socket.disconnect().connect();
    assert.equal((await refused).data.code, UNAVAILABLE);
    f.store.behave();
    await client.next('connect');
    assert.equal(await client.ask('whoami'), 'ann');
  });

  for (const [name, error] of Object.entries({
    'answers 500': undefined,
    'rejects by a time of its own': new DOMException('The operation timed out', 'TimeoutError'),
    'reaches nobody': Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
  })) {
    test(
      `a page whose fetch ${name} for so long that \`required\` refuses it connects afterwards`,
      LIMIT,
      async (t) => {
        const f = await open(t, { options: { required: true } });
        const browser = await f.login();
        const ask = fetchOf(browser);
        let isAway = true;
        const fetch = async (...args) => {
          if (!isAway) return ask(...args);
          if (error) throw error;
          return new Response('', { status: 500 });
        };
        const socket = socketIoClient(4)(f.url, { transports: ['websocket'], forceNew: true });
        t.after(() => socket.close());
        const refused = new Promise((resolve) => socket.once('connect_error', resolve));
        const shared = shareSession(socket, { url: f.url, fetch, onError: () => {} });
        assert.equal((await refused).data.code, 'ERR_MISSING_KEY');
        isAway = false;
        await shared;
        assert.deepEqual(await new Promise((resolve) => socket.emit('whoami', resolve)), 'ann');
      },
    );
  }

  test('a page that `required` has refused for its key is not connected again', LIMIT, async (t) => {
    const f = await open(t, { options: { required: true } });
    const browser = await f.login();
    const key = await f.keyOf(browser);
    f.store.always('get', 'error', (id) => id === browser.sid);
    const page = (auth) => {
      const codes = [];
      const socket = socketIoClient(4)(f.url, { transports: ['websocket'], forceNew: true, auth });
      const controller = new AbortController();
      t.after(() => {
        controller.abort();
        socket.close();
      });
      socket.on('connect_error', ({ data }) => codes.push(data.code));
      const { signal } = controller;
      shareSession(socket, { url: f.url, fetch: fetchOf(browser), signal, onError: () => {} }).catch(
        () => {},
      );
      return codes;
    };
    const [refused, tried] = [page({ key: 'none' }), page({ key })];
    // For the store. By then the other page would have tried again as well.
    await until(() => tried.length === 3, 'it has tried twice more');
    assert.deepEqual(tried, Array(3).fill(UNAVAILABLE));
    assert.deepEqual(refused, ['ERR_MISSING_DATA']);
  });
});
