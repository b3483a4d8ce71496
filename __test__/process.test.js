'use strict';

// What happens to the process: who ends it, who must not, and that it can end.

const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { Worker } = require('node:worker_threads');
const { startChild } = require('./support/child.js');
const { HttpClient } = require('./support/http-client.js');
const { LIMIT } = require('./support/limit.js');
const { startRedis } = require('./support/redis-server.js');
const { connectSocket, loggedIn, share } = require('./support/socket-client.js');
const { until } = require('./support/wait.js');

function script(name) {
  return path.join(__dirname, 'support', 'children', name);
}

async function childWithSocket(t, input) {
  const child = startChild(t, script('host.js'), input);
  const { url } = await child.message('ready');
  return { child, url, ...(await loggedIn(t, url)) };
}

const FAILURES = [
  ['C10', 'throws', 'throw', 'uncaughtException', 'thrown by the handler'],
  ['C11', 'rejects', 'reject', 'unhandledRejection', 'rejected by the handler'],
];

for (const [row, what, event, kind, message] of FAILURES) {
  test(
    `${row}: a handler that ${what}, without onError: Node shows it once, nothing is saved`,
    LIMIT,
    async (t) => {
      const { child, browser, socket } = await childWithSocket(t, { watch: true });
      socket.send(event, {});
      await child.message('failed');
      assert.equal((await socket.ask('read', {})).session.half, undefined);
      const seen = await socket.ask('seen', {});
      assert.deepEqual([...seen.uncaughtException, ...seen.unhandledRejection], [message]);
      assert.deepEqual(seen[kind], [message]);
      assert.equal((await browser.json('/read')).body.session.half, undefined);
    },
  );

  test(
    `${row}: a handler that ${what}, nobody watching: the process ends as any Node process does`,
    LIMIT,
    async (t) => {
      const { child, socket } = await childWithSocket(t, {});
      socket.send(event, {});
      const { code } = await child.exit;
      assert.equal(code, 1);
      assert.equal(child.stderr.split(`Error: ${message}`).length - 1, 1, child.stderr);
    },
  );
}

test('two listeners of one event that reject, without onError: Node has each, once', LIMIT, async (t) => {
  const child = startChild(t, script('rejecting.js'));
  const { unhandled } = await child.message('done');
  assert.deepEqual(unhandled.sort(), ['no mail', 'no stock']);
});

test(
  'a handler that throws when its socket leaves, without onError: all sockets of the client leave',
  LIMIT,
  async (t) => {
    const child = startChild(t, script('leaving.js'));
    const { sockets, told, uncaught } = await child.message('done');
    assert.deepEqual(uncaught, ['on purpose']);
    assert.deepEqual(told, ['disconnecting', 'disconnect', 'disconnecting', 'disconnect']);
    assert.equal(sockets, 0);
  },
);

for (const method of ['get', 'set']) {
  test(`C12: store.${method} fails without onError: a warning, and the process lives`, LIMIT, async (t) => {
    const { child, socket } = await childWithSocket(t, {});
    // The event that breaks the store has been through it already. What is warned of is not warned of again.
    for (const n of [1, 2]) {
      await socket.ask('break', method);
      socket.send('write', { n });
      // Answered without the store: what is sent from here on comes in a later turn, and shares no load with that event.
      await socket.ask('__zappa_key', {});
    }
    await child.message('warning');
    assert.equal((await socket.ask('read', {})).session.user, 'ann');
    const { warning } = await socket.ask('seen', {});
    assert.equal(warning.filter((text) => text.includes('scripted')).length, 1, JSON.stringify(warning));
    assert.equal(child.process.exitCode, null);
  });
}

test('packets that ended the original leave the process alive', LIMIT, async (t) => {
  const { child, socket } = await childWithSocket(t, {});
  const key = randomUUID();
  for (const args of [
    [],
    [null],
    [undefined],
    [{ key: { toString: 1 } }],
    [{ key }, 'text'],
    [{ key }, 7],
    [{ key }, {}],
    [[]],
    [0],
    [''],
  ]) {
    socket.send('__zappa_key', ...args);
  }
  assert.equal((await socket.ask('read', {})).session.user, 'ann');
  assert.equal(child.process.exitCode, null);
});

test('a host that is closed lets the process end', LIMIT, async (t) => {
  const { child, socket } = await childWithSocket(t, {});
  socket.close();
  child.tell({ type: 'close' });
  assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr);
});

test('a pending store call and its deadline do not hold the process', LIMIT, async (t) => {
  const child = startChild(t, script('pending.js'));
  await child.message('closed');
  assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr);
});

test('the addon works in two worker threads at once, and again after they ended', LIMIT, async () => {
  const run = async () => {
    const worker = new Worker(script('worker.js'));
    const exited = once(worker, 'exit');
    const [answer] = await once(worker, 'message');
    assert.deepEqual(answer, { same: true, user: 'ann' });
    assert.deepEqual(await exited, [0]);
  };
  await Promise.all([run(), run()]);
  await run();
});

test('a worker thread that is terminated in the middle takes nobody with it', LIMIT, async () => {
  const worker = new Worker(script('worker.js'));
  await once(worker, 'message');
  await worker.terminate();
});

test(
  'two processes that share a Redis: the key of one binds at the other, writes of both are kept',
  LIMIT,
  async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const input = { redis: [{ port: redis.port }, 'shared:'] };
    const expressSide = startChild(t, script('host.js'), input);
    const socketSide = startChild(t, script('host.js'), input);
    const [{ url }, { url: ioUrl }] = await Promise.all([
      expressSide.message('ready'),
      socketSide.message('ready'),
    ]);
    const browser = new HttpClient(url);
    await browser.request('/login');
    const socket = await connectSocket(ioUrl);
    t.after(() => socket.close());
    const { key, ack } = await share(browser, socket);
    assert.deepEqual(ack, { key });
    assert.equal((await socket.ask('read', {})).id, browser.sid);

    const writes = [];
    for (let n = 0; n < 20; n += 1) {
      writes.push(socket.ask('write', { [`socket${n}`]: n }));
      writes.push(browser.copy().request(`/write?json=${encodeURIComponent(`{"http${n}":1}`)}`));
    }
    await Promise.all(writes);
    const kept = async () =>
      Object.keys((await browser.json('/read')).body.session).filter((name) => /^(http|socket)\d/.test(name))
        .length;
    await until(async () => (await kept()) === 40, 'all forty are saved').catch(async (error) => {
      error.message += ` (${await kept()} of 40)`;
      throw error;
    });

    const old = browser.copy();
    await browser.request('/logout');
    await socket.ask('write', { late: true });
    assert.equal((await socket.ask('read', {})).bound, undefined);
    assert.equal((await old.json('/read')).body.session.user, undefined);
  },
);

test(
  'two processes that share a Redis: a logout at one drops the write of a handler at the other',
  LIMIT,
  async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const input = { redis: [{ port: redis.port }, 'shared:'] };
    const expressSide = startChild(t, script('host.js'), input);
    const socketSide = startChild(t, script('host.js'), input);
    const [{ url }, { url: ioUrl }] = await Promise.all([
      expressSide.message('ready'),
      socketSide.message('ready'),
    ]);
    const browser = new HttpClient(url);
    await browser.request('/login');
    const [socket, other] = [await connectSocket(ioUrl), await connectSocket(ioUrl)];
    t.after(() => [socket, other].map((one) => one.close()));
    await share(browser, socket);

    const slow = socket.ask('slow', {});
    await socketSide.message('entered');
    const old = browser.copy();
    await browser.request('/logout');
    other.send('go');
    await slow;
    assert.equal((await socket.ask('read', {})).bound, undefined);
    const { session } = (await old.json('/read')).body;
    assert.equal(session.user, undefined);
    assert.equal(session.slow, undefined);
  },
);

test(
  'a shutdown comes to its end while a handler is running and nothing else keeps the process',
  LIMIT,
  async (t) => {
    const child = startChild(t, script('shut-down.js'));
    await child.message('through');
    assert.deepEqual(await child.exit, { code: 0, signal: null });
  },
);
