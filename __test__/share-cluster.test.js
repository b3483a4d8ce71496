'use strict';

// What one process does to a session, the sockets of the others see: several processes, one Redis, and Socket.IO's own
// adapters between them.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const net = require('node:net');
const { once } = require('node:events');
const path = require('node:path');
const { createClient } = require('redis');
const { sessionRoom, shareSession } = require('..');
const { startChild } = require('./support/child.js');
const { HttpClient } = require('./support/http-client.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const { connectSocket } = require('./support/socket-client.js');
const { socketIoClient, socketIoServer } = require('./support/versions.js');
const { until } = require('./support/wait.js');

const SCRIPT = path.join(__dirname, 'support', 'children', 'cluster-process.js');
const CHANNEL = '/io-session/socket/__local';

const redis = suiteRedis();

async function connectRedis(t) {
  const client = createClient({ socket: { port: redis.port, host: '127.0.0.1' } });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.destroy());
  return client;
}

async function start(t, input) {
  const child = startChild(t, SCRIPT, { redisPort: redis.port, ...input });
  return { child, ...(await child.message('ready')) };
}

// A process of sockets whose reads can be held; see `holding` in cluster-process.js.
async function startHolding(t, input) {
  const sockets = await start(t, { serves: 'sockets', holds: true, storeTimeout: 120_000, ...input });
  return {
    ...sockets,
    async hold(after) {
      sockets.child.tell({ type: 'hold', after });
      await sockets.child.message('holding');
    },
    release: () => sockets.child.tell({ type: 'release' }),
  };
}

// Three processes that an adapter connects, or that none does. Where each listens.
async function startThree(t, adapter, input = {}) {
  if (adapter === 'cluster') return (await start(t, { adapter, workers: 3, ...input })).urls;
  const all = await Promise.all([1, 2, 3].map(() => start(t, { adapter, ...input })));
  return all.map(({ url }) => url);
}

// The reads of what is stored under an id that have reached Redis.
async function readsOf(t, id) {
  const monitor = await connectRedis(t);
  const reads = [];
  await monitor.monitor((line) => {
    if (line.includes('"GET"') && line.includes(`sess:${id}`)) reads.push(line);
  });
  return reads;
}

async function login(url, user = 'ann') {
  const browser = new HttpClient(url);
  await browser.json(`/login?user=${user}`);
  return browser;
}

// The same cookie, at another process.
function at(browser, url) {
  const copy = browser.copy();
  copy.url = url;
  return copy;
}

async function bound(t, browser, url) {
  const { key } = (await browser.json(CHANNEL)).body;
  const client = await connectSocket(url, { auth: { key } });
  t.after(() => client.close());
  assert.equal(await client.ask('whoami'), 'ann');
  return client;
}

for (const adapter of ['redis', 'cluster']) {
  describe(`processes that @socket.io/${adapter}-adapter connects`, () => {
    test('a logout in one is told to the sockets in the others, and they are strangers', LIMIT, async (t) => {
      const [a, b, c] = await startThree(t, adapter, { namespaces: ['/', '/chat'] });
      const browser = await login(a);
      const stranger = await login(a);
      const clients = [
        await bound(t, browser, b),
        await bound(t, browser, c),
        await bound(t, browser, `${c}/chat`),
      ];
      const other = await bound(t, stranger, c);
      const strays = other.collect('session:end');
      const told = Promise.all(clients.map((client) => client.next('session:end')));
      // No socket has ever connected to this process.
      await browser.json('/logout');
      assert.deepEqual(
        await told,
        clients.map(() => ({ reason: 'destroy' })),
      );
      for (const client of clients) assert.equal(await client.ask('whoami'), null);
      assert.equal(await other.ask('whoami'), 'ann');
      assert.deepEqual(strays, []);
    });

    test('a session that one regenerates, the sockets of the others lose', LIMIT, async (t) => {
      const [a, b, c] = await startThree(t, adapter);
      const browser = await login(a);
      const clients = [await bound(t, browser, b), await bound(t, browser, c)];
      const told = Promise.all(clients.map((client) => client.next('session:end')));
      await at(browser, b).json('/renew');
      assert.deepEqual(await told, [{ reason: 'regenerate' }, { reason: 'regenerate' }]);
      for (const client of clients) assert.equal(await client.ask('whoami'), null);
    });

    test('a handler that destroys its session ends it in all of them', LIMIT, async (t) => {
      const [a, b, c] = await startThree(t, adapter);
      const browser = await login(a);
      const [one, two] = [await bound(t, browser, b), await bound(t, browser, c)];
      const told = two.next('session:end');
      assert.deepEqual(await one.ask('logout'), { ok: true });
      assert.deepEqual(await told, { reason: 'destroy' });
      assert.equal(await two.ask('whoami'), null);
      assert.equal((await browser.json('/read')).body.user, undefined);
    });

    test("onSessionEnd: 'disconnect' disconnects them, wherever they are", LIMIT, async (t) => {
      const [a, b, c] = await startThree(t, adapter, { onSessionEnd: 'disconnect' });
      const browser = await login(a);
      const clients = [await bound(t, browser, b), await bound(t, browser, c)];
      const gone = Promise.all(clients.map((client) => client.next('disconnect')));
      await browser.json('/logout');
      assert.deepEqual(await gone, ['io server disconnect', 'io server disconnect']);
    });

    test('sharing.to(sid) reaches each socket of a session once, from any of them', LIMIT, async (t) => {
      const urls = await startThree(t, adapter, { namespaces: ['/', '/chat'] });
      const [a, b, c] = urls;
      const browser = await login(a);
      const clients = [
        await bound(t, browser, b),
        await bound(t, browser, c),
        await bound(t, browser, `${b}/chat`),
      ];
      const stranger = await bound(t, await login(a), c);
      const strays = stranger.collect('news');
      const heard = clients.map((client) => client.collect('news'));
      const expected = [];
      for (const [index, url] of urls.entries()) {
        await at(browser, url).json(`/tell?what=${index}`);
        expected.push(String(index));
        await until(() => heard.every(({ length }) => length > index), `all hear of ${index}`);
      }
      assert.deepEqual(
        heard,
        clients.map(() => expected),
      );
      assert.deepEqual(strays, []);

      const gone = Promise.all(clients.map((client) => client.next('disconnect')));
      await browser.json('/drop');
      await gone;
      assert.equal(await stranger.ask('whoami'), 'ann');
    });
  });
}

describe('processes that no adapter connects', () => {
  test('the next event of a socket notices that another process has ended its session', LIMIT, async (t) => {
    const [a, b] = await startThree(t);
    const browser = await login(a);
    const client = await bound(t, browser, b);
    const ends = client.collect('session:end');
    await browser.json('/logout');
    assert.equal(await client.ask('whoami'), null);
    assert.deepEqual(ends, [{ reason: 'expire' }]);
    assert.deepEqual(await client.ask('set', 'user', 'eve'), { ok: true });
    assert.equal((await browser.json('/read')).body.user, undefined, 'the session does not come back');
  });
});

describe('what several processes do not keep from happening, as docs/security.md says', () => {
  test(
    'without an adapter, the room of a session that was ended elsewhere is left at the next event',
    LIMIT,
    async (t) => {
      const [a, b] = await startThree(t);
      const browser = await login(a);
      const { sid } = browser;
      const announce = (what) => at(browser, b).json(`/announce?sid=${sid}&what=${what}`);
      // From the first name that is asked for, sockets take their rooms.
      await announce('nobody is there');
      const client = await bound(t, browser, b);
      const heard = client.collect('news');
      await browser.json('/logout');
      await announce('before');
      await until(() => heard.length > 0, 'it is reached');
      assert.equal(await client.ask('whoami'), null);
      await announce('after');
      assert.equal(await client.ask('whoami'), null);
      assert.deepEqual(heard, ['before']);
    },
  );

  test(
    'a one-time key shown to two processes at once binds a socket at each, and none later',
    LIMIT,
    async (t) => {
      const input = { oneTimeKeys: true, required: true };
      const [express, one, two] = await Promise.all([
        start(t, { serves: 'express', oneTimeKeys: true }),
        startHolding(t, input),
        startHolding(t, input),
      ]);
      const browser = await login(express.url);
      const { key } = (await browser.json(CHANNEL)).body;
      const connect = async ({ url }) => {
        const client = await connectSocket(url, { auth: { key } });
        t.after(() => client.close());
        return client;
      };
      const reads = await readsOf(t, key);
      await Promise.all([one.hold(), two.hold()]);
      const connecting = Promise.all([connect(one), connect(two)]);
      await until(() => reads.length === 2, 'both have found it');
      for (const sockets of [one, two]) sockets.release();
      const clients = await connecting;
      assert.deepEqual(await Promise.all(clients.map((client) => client.ask('whoami'))), ['ann', 'ann']);
      const spy = await connectRedis(t);
      await until(async () => (await spy.exists(`sess:${key}`)) === 0, 'it is used up');
      for (const process of [one, two]) {
        await assert.rejects(connect(process), {
          data: { code: 'ERR_MISSING_DATA', message: 'Missing data' },
        });
      }
    },
  );

  test(
    'a logout between the read and the write of another process’s commit is undone, where a store reads first',
    LIMIT,
    async (t) => {
      // A store with a `get` of the app's is none that compares and sets.
      const [express, sockets] = await Promise.all([start(t, { serves: 'express' }), startHolding(t)]);
      const browser = await login(express.url);
      const { sid } = browser;
      const client = await bound(t, browser, sockets.url);
      const reads = await readsOf(t, sid);
      await sockets.hold(1);
      const written = client.ask('set', 'late', true);
      await until(() => reads.length === 2, 'the session was read for the event, and for its commit');
      await browser.json('/logout');
      const spy = await connectRedis(t);
      assert.equal(await spy.exists(`sess:${sid}`), 0);
      sockets.release();
      assert.deepEqual(await written, { ok: true });
      assert.equal(await spy.exists(`sess:${sid}`), 1);
    },
  );
});

describe('an Express process without Socket.IO, with an Emitter', () => {
  const web = (t, input) => start(t, { serves: 'express', emitters: ['/'], ...input });
  const live = (t, input) => start(t, { adapter: 'redis', serves: 'sockets', ...input });

  for (const [path, reason] of [
    ['/logout', 'destroy'],
    ['/renew', 'regenerate'],
  ]) {
    test(`ends a session (${reason}) for the sockets of all namespaces`, LIMIT, async (t) => {
      const [express, one, two] = await Promise.all([
        web(t),
        live(t, { namespaces: ['/chat'] }),
        live(t, { namespaces: ['/', '/chat'] }),
      ]);
      const browser = await login(express.url);
      const clients = await Promise.all(
        [`${one.url}/chat`, two.url, `${two.url}/chat`].map((url) => bound(t, browser, url)),
      );
      const told = Promise.all(clients.map((client) => client.next('session:end')));
      await browser.json(path);
      assert.deepEqual(await told, [{ reason }, { reason }, { reason }]);
      for (const client of clients) assert.equal(await client.ask('whoami'), null);
    });
  }

  test(
    'emits to the sockets of a session and disconnects them, in the namespaces of its emitters',
    LIMIT,
    async (t) => {
      const [express, sockets] = await Promise.all([
        web(t, { emitters: ['/', '/chat'] }),
        live(t, { namespaces: ['/', '/chat', '/other'] }),
      ]);
      const browser = await login(express.url);
      const main = await bound(t, browser, sockets.url);
      const chat = await bound(t, browser, `${sockets.url}/chat`);
      const other = await bound(t, browser, `${sockets.url}/other`);
      const strays = other.collect('news');
      const told = Promise.all([main.next('news'), chat.next('news')]);
      await browser.json('/tell?what=hello');
      assert.deepEqual(await told, ['hello', 'hello']);
      const gone = Promise.all([main.next('disconnect'), chat.next('disconnect')]);
      await browser.json('/drop');
      await gone;
      assert.equal(await other.ask('whoami'), 'ann');
      assert.deepEqual(strays, []);
    },
  );

  test('an emitter that fails is told of, and the logout has succeeded', LIMIT, async (t) => {
    const failing = {
      of: () => failing,
      serverSideEmit() {
        throw new Error('no connection');
      },
    };
    const failures = [];
    const f = await shareFixture(t, {
      options: { emitter: failing, onError: (error) => failures.push(error.message) },
    });
    const browser = await f.login();
    const { sid } = browser;
    assert.equal((await browser.json('/logout')).body, 'bye');
    await until(() => failures.length > 0, 'it is told of');
    assert.deepEqual(failures, ['no connection']);
    assert.equal(f.store.read(sid), undefined);
  });

  test('a process that has an adapter as well does not say everything twice', LIMIT, async (t) => {
    const both = await start(t, { adapter: 'redis', emitters: ['/'] });
    const browser = await login(both.url);
    const client = await bound(t, browser, both.url);
    const heard = client.collect('news');
    await browser.json('/tell?what=1');
    await browser.json('/tell?what=2');
    await until(() => heard.includes('2'), 'the news are heard');
    assert.deepEqual(heard, ['1', '2']);
  });

  test('nothing that goes between the processes gives a session id away', LIMIT, async (t) => {
    const [express, sockets] = await Promise.all([web(t), live(t)]);
    const spy = await connectRedis(t);
    const seen = [];
    await spy.pSubscribe('*', (message, channel) => seen.push(`${channel} ${message}`));
    const browser = await login(express.url);
    const { sid } = browser;
    const client = await bound(t, browser, sockets.url);
    const news = client.next('news');
    await browser.json('/tell?what=hello');
    await news;
    const told = client.next('session:end');
    await browser.json('/logout');
    await told;
    await until(() => seen.some((text) => text.includes('io-session:end')), 'the end goes by');
    assert.ok(seen.some((text) => text.includes('hello')));
    assert.deepEqual(
      seen.filter((text) => text.includes(sid)),
      [],
    );
  });

  test('the sockets hear of a logout when the store has done it, not before', LIMIT, async (t) => {
    const [express, sockets] = await Promise.all([web(t, { slow: 600 }), live(t)]);
    const spy = await connectRedis(t);
    const browser = await login(express.url);
    const client = await bound(t, browser, sockets.url);
    const told = client.next('session:end').then(() => spy.exists(`sess:${browser.sid}`));
    await browser.json('/logout');
    assert.equal(await told, 0, 'it is gone');
  });
});

test(
  'a logout elsewhere while a socket is being bound: it is not bound to what is gone',
  LIMIT,
  async (t) => {
    const [express, sockets] = await Promise.all([
      start(t, { serves: 'express', emitters: ['/'] }),
      startHolding(t, { adapter: 'redis', required: true }),
    ]);
    const browser = await login(express.url);
    const { key } = (await browser.json(CHANNEL)).body;
    const other = await bound(t, browser, sockets.url);
    const told = other.next('session:end');
    const reads = await readsOf(t, browser.sid);
    await sockets.hold(1);
    const refused = assert.rejects(connectSocket(sockets.url, { auth: { key } }), {
      data: { code: 'ERR_MISSING_DATA', message: 'Missing data' },
    });
    await until(() => reads.length > 0, 'the session was read for the socket');
    await browser.json('/logout');
    assert.deepEqual(await told, { reason: 'destroy' }, 'its process has heard of it');
    sockets.release();
    await refused;
  },
);

// As an adapter hands over what another process has sent.
function hear(io, ...args) {
  io.of('/')._onServerSideEmit(['io-session:end', ...args]);
}

test(
  'a session that came back is bound again, once a socket cannot be waiting for the one of before',
  LIMIT,
  async (t) => {
    const f = await shareFixture(t, { options: { storeTimeout: 4000, required: true } });
    const browser = await f.login();
    const key = await f.keyOf(browser);
    // From the first socket that comes, the server hears of the others.
    await assert.rejects(f.connect(), { message: 'Missing key.' });
    hear(f.io, sessionRoom(browser.sid), 'destroy');
    await assert.rejects(f.connect({ key }), { message: 'Missing data' });
    await until(() => f.connect({ key }).catch(() => undefined), 'it is bound');
  },
);

test('what is no message of ours from another process ends no session', LIMIT, async (t) => {
  const f = await shareFixture(t, {
    app: ({ io }) =>
      io.on('connection', (socket) => socket.on('whoami', (ack) => ack(socket.session.user ?? null))),
  });
  const { socket, sid } = await f.bound();
  const told = socket.collect('session:end');
  const room = sessionRoom(sid);
  for (const reason of ['expire', 'logout', 'toString', '', undefined, null, {}, 1]) hear(f.io, room, reason);
  for (const other of [undefined, null, 7, [room], { room }, `${room}x`]) hear(f.io, other, 'destroy');
  assert.equal(await socket.ask('whoami'), 'ann');
  assert.deepEqual(told, []);
  const ended = socket.next('session:end');
  hear(f.io, room, 'regenerate');
  assert.deepEqual(await ended, { reason: 'regenerate' });
  assert.equal(await socket.ask('whoami'), null);
});

test('the sockets of other processes hear of it when the browser has its new cookie', LIMIT, async (t) => {
  const [express, sockets] = await Promise.all([
    start(t, { serves: 'express', emitters: ['/'] }),
    start(t, { adapter: 'redis', serves: 'sockets' }),
  ]);
  const browser = await login(express.url);
  const client = await bound(t, browser, sockets.url);
  const begun = performance.now();
  const told = client.next('session:end').then((end) => ({ end, after: performance.now() - begun }));
  const renewed = browser.json('/renew-slowly?ms=800');
  const { end, after } = await told;
  await renewed;
  assert.deepEqual(end, { reason: 'regenerate' });
  assert.ok(after >= 790, `told after ${after} ms, the response took 800`);
});

describe('a Socket.IO process that is killed', () => {
  const SESSIONS = 4;
  const TABS = 4;

  // What stands before the processes: passes each connection on to the one that is alive.
  async function balancer(t, targets) {
    const open = new Set();
    const server = net.createServer((client) => {
      const upstream = net.connect(Number(new URL(targets[0]).port), '127.0.0.1');
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ]) {
        open.add(one);
        one.on('error', () => {});
        one.on('close', () => {
          open.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.close();
      for (const socket of open) socket.destroy();
    });
    return `http://127.0.0.1:${server.address().port}`;
  }

  // A tab that writes a field after another, and remembers which were acknowledged.
  function tab(t, url, browser, name) {
    const acknowledged = {};
    const socket = socketIoClient(4)(url, {
      forceNew: true,
      transports: ['websocket'],
      reconnectionDelay: 1,
      reconnectionDelayMax: 50,
      auth: (done) => browser.json(CHANNEL).then(({ body }) => done({ key: body.key })),
    });
    t.after(() => socket.disconnect());
    const one = { acknowledged, connections: 0, socket, stopped: false };
    const write = async (number) => {
      if (one.stopped) return;
      const field = `${name}-${number}`;
      // Not acknowledged when the connection ends first: it may be saved or not, and is written no more.
      const answer = await socket.emitWithAck('set', field, number).catch(() => undefined);
      if (answer?.ok) acknowledged[field] = number;
      if (answer) write(number + 1);
    };
    let next = 0;
    socket.on('connect', () => {
      one.connections += 1;
      next += 100_000;
      write(next);
    });
    return one;
  }

  test(
    'its clients are bound elsewhere with the session as it was saved, and nothing acknowledged is lost',
    LIMIT,
    async (t) => {
      const [express, one, two] = await Promise.all([
        start(t, { serves: 'express' }),
        start(t, { adapter: 'redis', serves: 'sockets' }),
        start(t, { adapter: 'redis', serves: 'sockets' }),
      ]);
      const targets = [one.url, two.url];
      const url = await balancer(t, targets);
      const browsers = await Promise.all(
        Array.from({ length: SESSIONS }, (_, index) => login(express.url, `user-${index}`)),
      );
      const tabs = browsers.flatMap((browser, index) =>
        Array.from({ length: TABS }, (_, number) => ({
          browser,
          user: `user-${index}`,
          ...{ tab: tab(t, url, browser, `tab-${number}`) },
        })),
      );
      const count = (each) => Object.keys(each.tab.acknowledged).length;
      await until(() => tabs.every((each) => count(each) > 20), 'every tab has written');

      targets.shift();
      one.child.process.kill('SIGKILL');
      await one.child.exit;
      const before = tabs.map(count);
      await until(
        () => tabs.every((each, index) => each.tab.connections === 2 && count(each) > before[index] + 20),
        'every tab has come back and written',
      );
      for (const each of tabs) {
        assert.equal(await each.tab.socket.emitWithAck('whoami'), each.user);
        each.tab.stopped = true;
      }
      for (const [index, browser] of browsers.entries()) {
        const stored = (await browser.json('/read')).body;
        assert.equal(stored.user, `user-${index}`);
        for (const each of tabs.filter((one) => one.browser === browser)) {
          for (const [field, value] of Object.entries(each.tab.acknowledged)) {
            assert.equal(stored[field], value, `${field} was acknowledged`);
          }
        }
      }
    },
  );
});

describe('the calls that a cluster needs', () => {
  const refused = (options, words) => assert.throws(() => shareSession(options), words);

  test('an emitter that is none is refused, one of several too', () => {
    const words = /'emitter' must be an Emitter of @socket\.io\/redis-emitter, or an array of them/;
    refused({ emitter: 'redis' }, words);
    refused({ emitter: [{}] }, words);
    refused({ emitter: null }, words);
  });

  test('sharing.socket(io) takes a server, a namespace and a parent of namespaces, and refuses the rest', () => {
    const { Server } = socketIoServer(4);
    const sharing = shareSession();
    const io = new Server();
    for (const server of [io, io.of('/chat'), io.of(/^\/dynamic-/)]) sharing.socket(server);
    for (const other of [null, 7, 'io', {}, () => {}]) {
      assert.throws(() => sharing.socket(other), /sharing\.socket\(io\): io must be a Socket\.IO server/);
    }
    const second = shareSession();
    assert.throws(() => second.socket(io), /namespace '\/' shares sessions by another shareSession/);
    sharing.close();
    second.socket(io);
    second.close();
  });
});
