'use strict';

// C12: a session store that fails in every way a store can, under an event.

const { once } = require('node:events');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { deferred } = require('./support/deferred.js');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { settle, until } = require('./support/wait.js');

// An app that counts how often its handler ran, and collects what onError is told.
async function counting(t, options) {
  const ran = [];
  const errors = [];
  const f = await fixture(t, {
    options: {
      storeTimeout: 1_000,
      onError: (error, { socket, event }) => errors.push({ error, id: socket?.id, event }),
      ...options,
    },
    app: (context) =>
      context.on('count', function (n, ack) {
        ran.push({ n, id: this.session?.id });
        this.session.count = n;
        ack?.(n);
      }),
  });
  const bound = await f.bound();
  await settle();
  const mine = (sid) => sid === bound.sid;
  return { ...f, ...bound, ran, errors, mine };
}

for (const [row, behaviour, text] of [
  ['C12a', 'error', /^Error: scripted$/],
  ['C12a', 'error string', /scripted string/],
  ['C12c', 'never', /./],
  ['C12c', 'throw', /^Error: scripted throw$/],
]) {
  test(
    `${row}: store.get: ${behaviour}: the handler does not run, onError is told once, the next event works`,
    LIMIT,
    async (t) => {
      const { socket, sid, store, ran, errors, mine } = await counting(t);
      store.next('get', behaviour, mine);
      socket.send('count', 1);
      await until(() => errors.length > 0, 'onError is called');
      assert.equal(await socket.ask('count', 2), 2);
      await until(() => store.read(sid).count === 2, 'the next event is saved');
      await settle();
      assert.deepEqual(ran, [{ n: 2, id: sid }]);
      assert.equal(errors.length, 1);
      assert.match(String(errors[0].error), text);
      assert.equal(errors[0].id, socket.id);
      assert.equal(errors[0].event, 'count');
    },
  );
}

test(
  'C12a: store.get fails and there is no onError: a process warning, and the process lives',
  LIMIT,
  async (t) => {
    const { socket, sid, store, ran, mine } = await counting(t, { onError: undefined });
    const warned = once(process, 'warning');
    store.next('get', 'error', mine);
    socket.send('count', 1);
    assert.match((await warned)[0].message, /scripted/);
    assert.equal(await socket.ask('count', 2), 2);
    assert.deepEqual(ran, [{ n: 2, id: sid }]);
  },
);

for (const [how, onError] of [
  [
    'throws',
    () => {
      throw new Error('the hook failed');
    },
  ],
  [
    'rejects',
    async () => {
      throw new Error('the hook failed');
    },
  ],
]) {
  test(`C12a: an onError that ${how} itself does not end the process`, LIMIT, async (t) => {
    const warned = once(process, 'warning');
    const { socket, store, mine } = await counting(t, { onError });
    store.next('get', 'error', mine);
    socket.send('count', 1);
    const [{ message }] = await warned;
    assert.equal(message, "io-session: the app's onError failed: the hook failed");
    assert.equal(await socket.ask('count', 2), 2);
  });
}

test(
  'C12b: store.get answers ENOENT: as no data, the handler runs with an anonymous session',
  LIMIT,
  async (t) => {
    const { socket, store, ran, errors, mine } = await counting(t);
    store.next('get', 'enoent', mine);
    assert.equal(await socket.ask('count', 1), 1);
    assert.deepEqual(ran, [{ n: 1, id: socket.id }]);
    assert.deepEqual(errors, []);
  },
);

for (const behaviour of ['twice', 'twice at once']) {
  test(`C12c: store.get answers ${behaviour}: the handler runs once`, LIMIT, async (t) => {
    const { socket, sid, store, ran, errors, mine } = await counting(t);
    store.next('get', behaviour, mine);
    assert.equal(await socket.ask('count', 1), 1);
    await settle();
    assert.deepEqual(ran, [{ n: 1, id: sid }]);
    assert.deepEqual(errors, []);
  });
}

test('C12c: an answer that comes after the deadline runs no handler', LIMIT, async (t) => {
  const { socket, store, ran, errors, mine } = await counting(t);
  const hold = store.hold('get', mine);
  socket.send('count', 1);
  await until(() => errors.length > 0, 'the deadline passes');
  hold.release();
  await settle();
  assert.deepEqual(ran, []);
  assert.equal(errors.length, 1);
});

test(
  'C12c: an event whose store never answers holds the events after it only until the deadline',
  LIMIT,
  async (t) => {
    const { socket, store, ran, mine } = await counting(t);
    const asked = deferred();
    store.next('get', asked.resolve, mine);
    socket.send('count', 1);
    // Those that come together with it would share its load.
    await asked.promise;
    await Promise.all([socket.ask('count', 2), socket.ask('count', 3)]);
    assert.deepEqual(
      ran.map(({ n }) => n),
      [2, 3],
    );
  },
);

for (const [behaviour, text] of [
  ['error', /^Error: scripted$/],
  ['error string', /scripted string/],
  ['never', /./],
  ['throw', /^Error: scripted throw$/],
]) {
  test(
    `C12d: store.set: ${behaviour}: onError is told once, the process lives and the next write is kept`,
    LIMIT,
    async (t) => {
      const { socket, sid, store, errors, mine } = await counting(t);
      store.next('set', behaviour, mine);
      assert.equal(await socket.ask('count', 1), 1);
      await until(() => errors.length > 0, 'onError is called');
      assert.equal(await socket.ask('count', 2), 2);
      await until(() => store.read(sid).count === 2, 'the next write is saved');
      await settle();
      assert.equal(errors.length, 1);
      assert.match(String(errors[0].error), text);
    },
  );
}

test(
  'C12d: store.set fails and there is no onError: a process warning, and the process lives',
  LIMIT,
  async (t) => {
    const { socket, store, mine } = await counting(t, { onError: undefined });
    const warned = once(process, 'warning');
    store.next('set', 'error', mine);
    await socket.ask('count', 1);
    assert.match((await warned)[0].message, /scripted/);
    assert.equal(await socket.ask('count', 2), 2);
  },
);

for (const behaviour of ['twice', 'twice at once']) {
  test(`C12d: store.set answers ${behaviour}: nothing happens twice`, LIMIT, async (t) => {
    const { socket, sid, store, ran, errors, mine } = await counting(t);
    store.next('set', behaviour, mine);
    assert.equal(await socket.ask('count', 1), 1);
    await until(() => store.read(sid).count === 1);
    assert.equal(await socket.ask('count', 2), 2);
    await settle();
    assert.equal(ran.length, 2);
    assert.deepEqual(errors, []);
  });
}

test(
  'C12b: a database that is away is no session that is missing, though the code is the same',
  LIMIT,
  async (t) => {
    const { socket, sid, store, ran, errors, mine } = await counting(t);
    const away = Object.assign(new Error('no socket'), { code: 'ENOENT', syscall: 'connect' });
    store.next('get', (_run, answer) => answer(away), mine);
    socket.send('count', 1);
    await until(() => errors.length > 0, 'onError is called');
    assert.equal(errors[0].error, away);
    assert.equal(await socket.ask('count', 2), 2);
    assert.deepEqual(ran, [{ n: 2, id: sid }]);
  },
);

test('C12: a handler that throws is not run inside a callback of the store', LIMIT, async (t) => {
  const errors = [];
  const f = await fixture(t, {
    options: { onError: (error) => errors.push(error) },
    app: (context) =>
      context.on('fail', () => {
        throw new Error('from the handler');
      }),
  });
  const { socket, sid, store } = { ...f, ...(await f.bound()) };
  await settle();
  const caught = [];
  // connect-redis and others: what is thrown in their callback makes them call back again.
  store.always(
    'get',
    (run, answer) =>
      run((...args) => {
        try {
          answer(...args);
        } catch (error) {
          caught.push(error);
          answer(error);
        }
      }),
    (id) => id === sid,
  );
  socket.send('fail', {});
  await until(() => errors.length > 0);
  await settle();
  assert.deepEqual(caught, []);
  assert.equal(errors.length, 1);
});
