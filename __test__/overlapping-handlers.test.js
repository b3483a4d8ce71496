'use strict';

// Handlers of one socket that are under way at the same time, that never end, or that outlive their session or their socket:
// none of them loses a change of another, and no acknowledgement says what is not so.

const v8 = require('node:v8');
const vm = require('node:vm');
const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { MemoryStore } = require('express-session');
const { EmbeddedStore } = require('..');
const { deferred } = require('./support/deferred.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { putApp } = require('./support/put-app.js');
const { shareApp } = require('./support/share-app.js');
const { share } = require('./support/socket-client.js');
const { settle, until } = require('./support/wait.js');

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

// An app with these listeners, beside those of shareApp. `errors`: the messages that `onError` was told.
async function listening(t, listeners, { app: define = () => {}, options, ...set } = {}) {
  const errors = [];
  const f = await shareApp(t, {
    ...set,
    options: { onError: ({ message }) => errors.push(message), ...options },
    app(parts) {
      parts.io.on('connection', (socket) => {
        for (const [event, listener] of Object.entries(listeners)) {
          socket.on(event, (...args) => listener(socket, ...args));
        }
      });
      define(parts);
    },
  });
  return { ...f, errors };
}

// A listener that changes the session and is held by the test between the change and the acknowledgement.
function heldOrder() {
  const changed = deferred();
  const go = deferred();
  return {
    changed: changed.promise,
    go: go.resolve,
    async order(socket, ack) {
      socket.session.order = 'apples';
      changed.resolve();
      await go.promise;
      ack('ok');
    },
  };
}

// The same by callbacks, as of a database, that the test calls when the listener has returned.
function orderInCallback() {
  const [begun, select, changed, insert] = [deferred(), deferred(), deferred(), deferred()];
  return {
    begun,
    select,
    changed,
    insert,
    order(socket, ack) {
      begun.resolve();
      select.promise.then(() => {
        socket.session.order = 'apples';
        changed.resolve();
        insert.promise.then(() => ack('ok'));
      });
    },
  };
}

const readBy = async (browser) => (await browser.json('/read')).body;

describe('an acknowledgement is true', () => {
  test('where another event has failed to save the change', LIMIT, async (t) => {
    const { changed, go, order } = heldOrder();
    const { bound, errors, store } = await listening(t, { order, typing() {} });
    const { browser, sid, socket } = await bound();
    const ordered = socket.ask('order');
    await changed;
    store.next('set', 'error', (id) => id === sid);
    socket.send('typing');
    await until(() => errors.length > 0, 'the save has failed');
    go();
    assert.equal((await ordered).code, 'ERR_STORE_UNAVAILABLE');
    assert.equal((await readBy(browser)).order, undefined);
    // The next change is saved.
    await socket.ask('write', { pears: 2 });
    const { order: stored, pears } = await readBy(browser);
    assert.deepEqual([stored, pears], [undefined, 2]);
  });

  test('where another event has put a value into the session that cannot be saved', LIMIT, async (t) => {
    const { changed, go, order } = heldOrder();
    const { bound } = await listening(t, {
      order,
      balance(socket, ack) {
        socket.session.balance = 10n;
        ack('ok');
      },
    });
    const { browser, socket } = await bound();
    const ordered = socket.ask('order');
    await changed;
    const balance = await socket.ask('balance');
    go();
    const answer = await ordered;
    for (const { code } of [balance, answer]) assert.equal(code, 'ERR_UNSAVABLE_SESSION');
    assert.equal((await readBy(browser)).order, undefined);
  });

  for (const socketIoVersion of [2, 4]) {
    test(
      `where a handler has put in a field whose getter throws, on Socket.IO ${socketIoVersion}: each event is answered`,
      LIMIT,
      async (t) => {
        const [begun, go] = [deferred(), deferred()];
        const { bound } = await listening(
          t,
          {
            async slow(socket, ack) {
              Object.defineProperty(socket.session, 'balance', {
                configurable: true,
                enumerable: true,
                get() {
                  throw new Error('no balance');
                },
              });
              begun.resolve();
              await go.promise;
              ack('ok');
            },
          },
          { socketIoVersion },
        );
        const { browser, socket } = await bound();
        const slow = socket.ask('slow');
        await begun.promise;
        // An uncaught exception would fail the test.
        const next = await socket.ask('echo', 'pong');
        assert.ok(next === 'pong' || next.code === 'ERR_UNSAVABLE_SESSION', JSON.stringify(next));
        go.resolve();
        assert.equal((await slow).code, 'ERR_UNSAVABLE_SESSION');
        assert.equal((await readBy(browser)).user, 'ann');
        assert.equal(await socket.ask('echo', 'pong'), 'pong');
      },
    );
  }

  test('where another handler has thrown, and the change was made in a callback', LIMIT, async (t) => {
    const { begun, select, changed, insert, order } = orderInCallback();
    const { bound, errors } = await listening(t, {
      order,
      typing(_socket, { text }) {
        text.trim();
      },
    });
    const { browser, socket } = await bound();
    const ordered = socket.ask('order');
    await begun.promise;
    select.resolve();
    await changed.promise;
    socket.send('typing', {});
    await until(() => errors.length > 0, 'the handler has thrown');
    insert.resolve();
    assert.equal(await ordered, 'ok');
    assert.equal((await readBy(browser)).order, 'apples');
  });

  test(
    'where another event could not be saved after the change was made in a callback: it tells of that',
    LIMIT,
    async (t) => {
      const { begun, select, changed, insert, order } = orderInCallback();
      const { bound } = await listening(t, {
        order,
        spoil(socket, ack) {
          socket.session.big = 1n;
          ack('ok');
        },
        echo: (_socket, text, ack) => ack(text),
      });
      const { browser, socket } = await bound();
      const ordered = socket.ask('order');
      await begun.promise;
      select.resolve();
      await changed.promise;
      assert.equal((await socket.ask('spoil')).code, 'ERR_UNSAVABLE_SESSION');
      assert.equal(await socket.ask('echo', 'pong'), 'pong');
      insert.resolve();
      assert.equal((await ordered).code, 'ERR_UNSAVABLE_SESSION');
      assert.equal((await readBy(browser)).order, undefined);
      assert.equal(await socket.ask('echo', 'pong'), 'pong');
    },
  );

  test('where another listener of the same event throws', LIMIT, async (t) => {
    const { changed, go, order } = heldOrder();
    const { bound, errors } = await listening(
      t,
      { order },
      {
        app: ({ io }) => {
          io.on('connection', (socket) => {
            socket.on('order', () => {
              throw new Error('no statistics');
            });
          });
        },
      },
    );
    const { browser, socket } = await bound();
    const ordered = socket.ask('order');
    await changed;
    await settle();
    go();
    assert.equal(await ordered, 'ok');
    assert.equal((await readBy(browser)).order, 'apples');
    await until(() => errors.length > 0, 'the error is reported');
    assert.deepEqual(errors, ['no statistics']);
  });
});

describe('a handler that is under way', () => {
  test(
    'finds what it has put into the session, though another event has loaded it anew',
    LIMIT,
    async (t) => {
      const [changed, go] = [deferred(), deferred()];
      const { bound } = await listening(
        t,
        {
          async add(socket, item, ack) {
            socket.session.cart ??= {};
            socket.session.cart[item] = { pieces: 1 };
            changed.resolve();
            await go.promise;
            try {
              socket.session.cart[item].price = 3;
              ack('ok');
            } catch ({ message }) {
              ack(message);
            }
          },
          typing: (_socket, ack) => ack(),
        },
        // With it each request moves the end of the session, so that the store holds another text.
        { sessionOptions: { cookie: { maxAge: 3_600_000 } } },
      );
      const { browser, socket } = await bound();
      const added = socket.ask('add', 'apple');
      await changed.promise;
      await browser.json('/read');
      await socket.ask('typing');
      go.resolve();
      assert.equal(await added, 'ok');
      assert.deepEqual((await readBy(browser)).cart, { apple: { pieces: 1, price: 3 } });
    },
  );

  test('does not get the session of the next user', LIMIT, async (t) => {
    const [begun, go] = [deferred(), deferred()];
    const { bound } = await listening(t, {
      async report(socket, ack) {
        const before = socket.session.user;
        begun.resolve();
        await go.promise;
        socket.session.report = `secrets of ${before}`;
        ack({ before, after: socket.session.user });
      },
    });
    const { browser, sid, socket } = await bound();
    const reported = socket.ask('report');
    await begun.promise;
    const ended = socket.next('session:end');
    await browser.request('/logout');
    await ended;
    await browser.request('/login?user=bob');
    assert.notEqual(browser.sid, sid);
    const { ack, key } = await share(browser, socket);
    assert.deepEqual(ack, { key });
    go.resolve();
    const { before, after } = await reported;
    // It goes on with the session that it began with.
    assert.deepEqual([before, after], ['ann', 'ann']);
    const { user, report } = await socket.ask('read');
    assert.deepEqual([user, report], ['bob', undefined]);
    assert.equal((await readBy(browser)).report, undefined);
  });

  test('keeps the session that it took, whatever comes after a logout', LIMIT, async (t) => {
    const [begun, go] = [deferred(), deferred()];
    const { bound } = await listening(t, {
      async checkout(socket, ack) {
        const { session } = socket;
        begun.resolve();
        await go.promise;
        session.paid = true;
        ack({ taken: session.user, now: socket.session.user });
      },
    });
    const { browser, sid, socket } = await bound();
    const paid = socket.ask('checkout');
    await begun.promise;
    const ended = socket.next('session:end');
    await browser.request('/logout');
    await ended;
    // Another event begins with an empty session of the socket's own.
    const own = await socket.ask('read');
    assert.notEqual(own.id, sid);
    assert.equal(own.user, undefined);
    go.resolve();
    assert.deepEqual(await paid, { taken: 'ann' });
    assert.equal((await socket.ask('read')).paid, undefined);
    assert.equal((await readBy(browser)).paid, undefined);
  });

  test('leaves to the next events what the store holds after its change was merged', LIMIT, async (t) => {
    const call = (store, method, ...args) =>
      new Promise((resolve, reject) => {
        store[method](...args, (error, value) => (error ? reject(error) : resolve(value)));
      });
    const revocations = {
      'by HTTP': ({ browser }) => browser.json('/revoke'),
      'by the store': async ({ sid }, store) => {
        await call(store, 'set', sid, { ...(await call(store, 'get', sid)), role: 'guest' });
      },
    };
    let held = heldOrder();
    const f = await listening(
      t,
      { order: (...args) => held.order(...args) },
      {
        app: ({ app }) => {
          app.get('/revoke', (req, res) => {
            req.session.role = 'guest';
            res.json(1);
          });
        },
      },
    );
    for (const [way, revoke] of Object.entries(revocations)) {
      held = heldOrder();
      const tab = await f.bound();
      await tab.socket.ask('write', { role: 'admin' });
      const ordered = tab.socket.ask('order');
      await held.changed;
      await revoke(tab, f.sharing.store);
      held.go();
      assert.equal(await ordered, 'ok');
      for (let n = 0; n < 2; n += 1) assert.equal((await tab.socket.ask('read')).role, 'guest', way);
      await tab.socket.ask('write', { more: 1 });
      const { more, order, role } = await readBy(tab.browser);
      assert.deepEqual({ more, order, role }, { more: 1, order: 'apples', role: 'guest' }, way);
    }
  });
});

test(
  'an event finds what the store holds, also of what an event of the same socket has put in',
  LIMIT,
  async (t) => {
    const { bound, connect } = await listening(t, {
      fill(socket, ack) {
        const cart = ['apple'];
        Object.assign(socket.session, { since: new Date(0), seen: new Map([['a', 1]]), cart, order: cart });
        ack();
      },
      types: ({ session }, ack) => ack([typeof session.since, typeof session.seen.get]),
      add({ session }, ack) {
        session.cart.push('pear');
        ack(session.order.length);
      },
    });
    const { key, socket } = await bound();
    const other = await connect({ key });
    await socket.ask('fill');
    const types = await socket.ask('types');
    assert.deepEqual(types, ['string', 'undefined']);
    assert.deepEqual(await other.ask('types'), types);
    assert.equal(await socket.ask('add'), 1);
  },
);

for (const [name, make] of Object.entries({
  MemoryStore: () => new MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
  'a store that has to be waited for': () => new HostileStore(),
})) {
  test(`a listener that a handler adds hears the events behind it, on ${name}`, LIMIT, async (t) => {
    const said = [];
    let packets = 0;
    const store = make();
    const { bound } = await listening(
      t,
      {
        join(socket, room) {
          socket.join(room);
          socket.on('say', (text) => said.push(text));
        },
      },
      {
        store,
        app: ({ io }) => {
          io.on('connection', ({ conn }) => {
            conn.on('packet', ({ type }) => {
              packets += type === 'message';
            });
          });
        },
      },
    );
    const { sid, socket } = await bound();
    const hold = store.hold?.('get', (id) => id === sid);
    const before = packets;
    socket.send('join', 'den');
    socket.send('say', 'one');
    await until(() => packets === before + 2, 'both have arrived');
    // Another packet, while the store is asked for `join`.
    await hold?.reached;
    socket.send('say', 'two');
    const echoed = socket.ask('echo', 'three');
    await until(() => packets === before + 4, 'all have arrived');
    hold?.release();
    await echoed;
    assert.deepEqual(said, ['one', 'two']);
  });
}

test('the events that a client has sent before it left are handled before its leaving', LIMIT, async (t) => {
  const log = [];
  const players = new Map();
  const { bound, errors, store } = await listening(
    t,
    {
      move(socket) {
        // Without its player it would throw.
        players.get(socket.id).x += 1;
        socket.session.x = players.get(socket.id).x;
        log.push('move');
      },
      disconnect(socket) {
        players.delete(socket.id);
        log.push('disconnect');
      },
    },
    {
      app: ({ io }) => io.on('connection', (socket) => players.set(socket.id, { x: 0 })),
    },
  );
  const { browser, sid, socket } = await bound();
  const hold = store.hold('get', (id) => id === sid);
  socket.send('move');
  socket.send('move');
  await hold.reached;
  // The tab is closed.
  socket.socket.io.engine.close();
  await until(() => log.includes('disconnect'), 'it has left');
  assert.deepEqual(log, ['move', 'move', 'disconnect']);
  hold.release();
  await until(async () => (await readBy(browser)).x === 2, 'the moves are saved');
  assert.deepEqual(errors, []);
});

describe('a listener that never ends', () => {
  test('keeps no session object of the events that came since', LIMIT, async (t) => {
    const refs = [];
    const { bound, connect } = await listening(
      t,
      {
        look({ session }, ack) {
          refs.push(new WeakRef(session));
          ack(session.n);
        },
      },
      { app: ({ io }) => io.on('connection', () => new Promise(() => {})) },
    );
    const { key, socket } = await bound();
    const other = await connect({ key });
    const ROUNDS = 200;
    for (let n = 0; n < ROUNDS; n += 1) {
      await other.ask('write', { n });
      assert.equal(await socket.ask('look'), n);
    }
    assert.equal(refs.length, ROUNDS);
    const left = () => {
      collect();
      return refs.filter((ref) => ref.deref()).length;
    };
    await until(() => left() < ROUNDS / 4, 'those of long ago are collected', 10_000);
  });

  test(
    'keeps none beside several others of its kind, and finds its own where it has gone on',
    LIMIT,
    async (t) => {
      const refs = [];
      const ends = [];
      const { bound, connect } = await listening(t, {
        async hang({ session }, ack) {
          const end = deferred();
          ends.push(end.resolve);
          ack(session.n);
          session[`ended${await end.promise}`] = true;
        },
        look({ session }, ack) {
          refs.push(new WeakRef(session));
          ack(session.n);
        },
      });
      const { browser: page, key, socket } = await bound();
      const other = await connect({ key });
      const ROUNDS = 200;
      // Each of them began with another session object.
      const BEGINS = [0, 1, 2, 100];
      for (let n = 0; n < ROUNDS; n += 1) {
        await other.ask('write', { n });
        if (BEGINS.includes(n)) assert.equal(await socket.ask('hang'), n);
        assert.equal(await socket.ask('look'), n);
      }
      const left = () => {
        collect();
        return refs.filter((ref) => ref.deref()).length;
      };
      // 16, one for each that runs, and what the garbage collector has not come to.
      await until(() => left() < ROUNDS / 4, 'those of long ago are collected', 10_000);
      for (const [index, end] of ends.entries()) end(index);
      await until(async () => {
        const saved = await readBy(page);
        return BEGINS.every((_n, index) => saved[`ended${index}`]);
      }, 'what each of them changed in the end is saved');
    },
  );

  test(
    'many that began with another session each are saved at little more than a few would cost',
    LIMIT,
    async (t) => {
      const HANDLERS = 100;
      const { stringify } = JSON;
      t.after(() => Object.assign(JSON, { stringify }));
      let spelt = 0;
      const end = deferred();
      const { bound, connect } = await listening(t, {
        fill({ session }, ack) {
          session.list = Array.from({ length: 100 }, (_, n) => ({ n }));
          session.done = {};
          ack();
        },
        async hang({ session }, n, ack) {
          const { length } = session.list;
          await end.promise;
          session.done[n] = length;
          ack(length);
        },
      });
      const { browser: page, key, socket } = await bound();
      await socket.ask('fill');
      const other = await connect({ key });
      const answers = [];
      for (let n = 0; n < HANDLERS; n += 1) {
        answers.push(socket.ask('hang', n));
        await other.ask('write', { n });
      }
      JSON.stringify = (...args) => {
        if (args[0]?.length === 100 || args[0]?.list?.length === 100) spelt += 1;
        return stringify(...args);
      };
      end.resolve();
      assert.deepEqual(await Promise.all(answers), Array(HANDLERS).fill(100));
      JSON.stringify = stringify;
      assert.equal(Object.keys((await readBy(page)).done).length, HANDLERS);
      // Before, each of them had each of theirs spelt: 20,300 times.
      assert.ok(spelt < HANDLERS * 50, `${spelt} times`);
    },
  );

  test('keeps no socket that has left', LIMIT, async (t) => {
    let collected = 0;
    const registry = new FinalizationRegistry(() => {
      collected += 1;
    });
    const SOCKETS = 50;
    const { io, keyOf, login, connect, sharing } = await listening(
      t,
      {},
      {
        app: (parts) => {
          parts.io.on('connection', async (socket) => {
            registry.register(socket, 0);
            // The client leaves without an answer.
            await socket.emitWithAck('where are you?');
          });
        },
      },
    );
    const browser = await login();
    const key = await keyOf(browser);
    for (let n = 0; n < SOCKETS; n += 1) {
      const socket = await connect({ key });
      socket.close();
    }
    await until(() => io.sockets.sockets.size === 0, 'all have left');
    assert.equal(sharing.stats().sockets, 0);
    assert.deepEqual([...sharing.socketsOf(browser.sid)], []);
    const most = () => {
      collect();
      return collected > SOCKETS * 0.9;
    };
    await until(most, 'they are collected', 10_000);
  });
});

for (const [store, makeStore] of [
  ['MemoryStore', () => new MemoryStore()],
  ['a store that has to be waited for', () => new HostileStore()],
]) {
  for (const kind of ['acknowledged', 'not acknowledged', 'refused']) {
    test(
      `what a middleware changes in a session after a wait is saved: ${kind}, ${store}`,
      LIMIT,
      async (t) => {
        const waits = { first: [deferred(), deferred()], second: [deferred(), deferred()] };
        const { bound } = await listening(
          t,
          { visit: (_socket, _name, ack) => ack?.('ok') },
          {
            store: makeStore(),
            app: (parts) => {
              putApp(parts);
              parts.io.on('connection', (socket) => {
                socket.on('error', () => {});
                socket.use(async ([event, name], next) => {
                  if (event !== 'visit') return next();
                  const { session } = socket;
                  const [begun, go] = waits[name];
                  begun.resolve();
                  await go.promise;
                  session[name] = 'seen';
                  next(kind === 'refused' ? new Error('not now') : undefined);
                });
              });
            },
          },
        );
        const { browser, socket } = await bound();
        const visit = (name) => {
          if (kind === 'acknowledged') return socket.ask('visit', name);
          return socket.send('visit', name);
        };
        const isSaved = async (name) => (await browser.json('/read')).body[name] === 'seen';
        const saved = async (name) => {
          if (kind === 'acknowledged') assert.ok(await isSaved(name), `${name} is saved`);
          else await until(() => isSaved(name), `${name} is saved`);
        };
        const first = visit('first');
        await waits.first[0].promise;
        await browser.request('/put?field=one');
        const second = visit('second');
        await waits.second[0].promise;
        waits.second[1].resolve();
        await second;
        await saved('second');
        await browser.request('/put?field=two');
        waits.first[1].resolve();
        await first;
        await saved('first');
        const { body } = await browser.json('/read');
        assert.deepEqual([body.one, body.two, body.second], [1, 1, 'seen']);
      },
    );
  }
}

test(
  'a packet that a middleware of its socket drops is not kept, as by Socket.IO alone',
  LIMIT,
  async (t) => {
    const refs = [];
    const { bound } = await listening(
      t,
      { flood() {} },
      {
        app: ({ io }) => {
          io.on('connection', (socket) => {
            socket.use(([event, data], next) => {
              if (event === 'flood') refs.push(new WeakRef(data));
              else next();
            });
          });
        },
      },
    );
    const { socket } = await bound();
    const PACKETS = 200;
    for (let n = 0; n < PACKETS; n += 1) socket.send('flood', { n });
    assert.equal((await socket.ask('read')).user, 'ann');
    assert.equal(refs.length, PACKETS);
    const left = () => {
      collect();
      return refs.filter((ref) => ref.deref()).length;
    };
    await until(() => left() < PACKETS / 4, 'they are collected', 10_000);
  },
);

test('a dozen namespaces that connect at once on one connection are no leak to Node.js', LIMIT, async (t) => {
  const warnings = [];
  const warned = ({ name, message }) => warnings.push(`${name}: ${message}`);
  process.on('warning', warned);
  t.after(() => process.removeListener('warning', warned));
  const ROOMS = 12;
  let connecting = 0;
  const { bound, store } = await listening(
    t,
    {},
    {
      app: ({ io, sharing }) => {
        io.of(/^\/room-\d+$/)
          .use((_socket, next) => {
            connecting += 1;
            next();
          })
          .use(sharing.socket());
      },
    },
  );
  const { key, sid, socket } = await bound();
  const held = [];
  store.always(
    'get',
    (run, answer) => held.push(() => run(answer)),
    (id) => id === sid,
  );
  const connected = Array.from({ length: ROOMS }, (_, n) => {
    const room = socket.socket.io.socket(`/room-${n}`, { auth: { key } });
    return new Promise((resolve) => room.once('connect', resolve));
  });
  await until(() => connecting === ROOMS && held.length > 0, 'all wait for the store');
  await settle();
  store.behave();
  for (const answer of held) answer();
  await Promise.all(connected);
  assert.deepEqual(warnings, []);
});

describe('a handler with a change that is not saved, when HTTP has written and another event has begun', () => {
  const STORES = {
    MemoryStore: () => new MemoryStore(),
    EmbeddedStore: () => new EmbeddedStore(),
    'a store that has to be waited for': () => new HostileStore(),
  };
  // What it changes before and after that, and what is stored then.
  const HANDLERS = {
    'takes back what it has changed': {
      first: (socket) => Object.assign(socket.session, { busy: true }),
      last: (socket) => {
        delete socket.session.busy;
      },
      stored: { user: 'bea' },
    },
    'changes the object that it holds once more': {
      first: (socket) => Object.assign(socket.session, { step: 1 }),
      last: (_socket, session) => {
        session.step = 2;
      },
      stored: { user: 'bea', step: 2 },
    },
    'changes the current object once more, and saves it': {
      first: (socket) => Object.assign(socket.session, { step: 1 }),
      last: async (socket) => {
        socket.session.step = 2;
        await socket.session.save();
      },
      stored: { user: 'bea', step: 2 },
    },
    'changes nothing more': {
      first: (socket) => Object.assign(socket.session, { step: 1 }),
      last: () => {},
      stored: { user: 'bea', step: 1 },
    },
    'updates another field': {
      first: (socket) => Object.assign(socket.session, { step: 1 }),
      last: async (socket) => {
        await socket.session.update((session) => {
          session.count = 1;
        });
        assert.deepEqual([socket.session.step, socket.session.count], [1, 1]);
      },
      stored: { user: 'bea', step: 1, count: 1 },
    },
    'fails, while the other event shares its object': {
      first: (socket) => Object.assign(socket.session, { busy: true }),
      last: () => {
        throw new Error('on purpose');
      },
      stored: { user: 'bea', busy: true },
    },
  };

  for (const [name, open] of Object.entries(STORES)) {
    for (const [what, { first, last, stored }] of Object.entries(HANDLERS)) {
      for (const looks of [true, false]) {
        const does = looks ? 'writes, too' : 'does not look at the session';
        test(`${what}: that is stored, where the other event ${does}, on ${name}`, LIMIT, async (t) => {
          const [changed, go, begun, end] = [deferred(), deferred(), deferred(), deferred()];
          const { bound, errors } = await listening(
            t,
            {
              async change(socket, ack) {
                const { session } = socket;
                first(socket);
                changed.resolve();
                await go.promise;
                await last(socket, session);
                ack('ok');
              },
              async other(socket, ack) {
                if (looks) socket.session.seen = true;
                begun.resolve();
                await end.promise;
                ack('ok');
              },
            },
            { store: open() },
          );
          const { browser, socket } = await bound();
          const answer = socket.ask('change');
          await changed.promise;
          await browser.request('/login?user=bea');
          const other = socket.ask('other');
          await begun.promise;
          go.resolve();
          if (what.startsWith('fails')) await until(() => errors.length > 0, 'it is told');
          else assert.equal(await answer, 'ok');
          end.resolve();
          assert.equal(await other, 'ok');
          const { cookie: _cookie, __socket: _keys, ...data } = await readBy(browser);
          assert.deepEqual(data, looks ? { ...stored, seen: true } : stored);
          assert.deepEqual(errors, what.startsWith('fails') ? ['on purpose'] : []);
        });
      }
    }
  }
});

describe('what a handler holds of its session stays its own, when HTTP has written and another event has begun', () => {
  // Of a session with `{ list: [{ qty: 1 }] }`. `hold` takes something, `change` changes it after HTTP has put 9 into the list.
  const HELD = {
    'an array': {
      hold: ({ list }) => list,
      change: (list) => list.push('a'),
      list: [{ qty: 1 }, 9, 'a'],
    },
    'an item of an array': {
      hold: ({ list }) => list[0],
      change: (item) => {
        item.qty = 5;
      },
      list: [{ qty: 5 }, 9],
    },
    'the cookie': {
      hold: ({ cookie }) => cookie,
      change: (cookie) => {
        cookie.maxAge = 5_000_000;
      },
      list: [{ qty: 1 }, 9],
      maxAge: 5_000_000,
    },
    'a function, which no save has': {
      hold: (session) => Object.assign(session, { greet: () => 'hello' }),
      change: (session) => {
        session.said = session.greet();
      },
      list: [{ qty: 1 }, 9],
      said: 'hello',
    },
  };

  for (const [what, { hold, change, list, maxAge = 600_000, said }] of Object.entries(HELD)) {
    for (const open of [() => new MemoryStore(), () => new HostileStore()]) {
      test(`${what}, on ${open().constructor.name}`, LIMIT, async (t) => {
        const [begun, go] = [deferred(), deferred()];
        const { bound, store } = await listening(
          t,
          {
            async change(socket, ack) {
              const { session } = socket;
              session.busy = true;
              const held = hold(session);
              begun.resolve();
              await go.promise;
              change(held);
              ack('ok');
            },
            other: (_socket, ack) => ack('ok'),
          },
          {
            store: open(),
            sessionOptions: { cookie: { maxAge: 600_000 } },
            app: ({ app }) => {
              app.get('/list', (req, res) => {
                req.session.list = [{ qty: 1 }, ...(req.query.also ? [9] : [])];
                res.json({});
              });
            },
          },
        );
        const { browser, sid, socket } = await bound();
        await browser.request('/list');
        const answer = socket.ask('change');
        await begun.promise;
        await browser.request('/list?also=1');
        assert.equal(await socket.ask('other'), 'ok');
        go.resolve();
        assert.equal(await answer, 'ok');
        const stored = JSON.parse((store.inner ?? store).sessions[sid]);
        assert.deepEqual(stored.list, list);
        // express-session counts it anew at each request: 1 ms less where the clock has gone on in between.
        assert.equal(Math.round(stored.cookie.originalMaxAge / 1000) * 1000, maxAge);
        assert.equal(stored.said, said);
      });
    }
  }
});

test('a load that began before a save brings nothing back that the save has changed', LIMIT, async (t) => {
  const [saved, go] = [deferred(), deferred()];
  const { bound, store } = await listening(t, {
    async count(socket, ack) {
      const { session } = socket;
      // A field that no save shows.
      session.nothing = undefined;
      session.count = 1;
      await session.save();
      session.other = true;
      saved.resolve();
      await go.promise;
      session.count += 1;
      ack('ok');
    },
    look: (_socket, ack) => ack('ok'),
  });
  const { sid, socket } = await bound();
  const set = store.hold('set', (id) => id === sid);
  const answer = socket.ask('count');
  await set.reached;
  const load = store.holdAnswer('get', (id) => id === sid);
  const looked = socket.ask('look');
  await load.reached;
  set.release();
  await saved.promise;
  load.release();
  assert.equal(await looked, 'ok');
  go.resolve();
  assert.equal(await answer, 'ok');
  assert.equal(store.read(sid).count, 2);
});

test("a stranger's first save is not undone by an event whose load overlaps it", LIMIT, async (t) => {
  const { connect, store } = await listening(t, {
    put(socket, field, ack) {
      socket.session[field] = 1;
      ack('ok');
    },
  });
  const socket = await connect();
  const set = store.hold('set', (id) => id === socket.id);
  const first = socket.ask('put', 'x');
  await set.reached;
  const load = store.holdAnswer('get', (id) => id === socket.id);
  const second = socket.ask('put', 'y');
  await load.reached;
  set.release();
  assert.equal(await first, 'ok');
  load.release();
  assert.equal(await second, 'ok');
  const { x, y } = store.read(socket.id);
  assert.deepEqual({ x, y }, { x: 1, y: 1 });
});

test(
  'what events change and save() saves, in turn, while the store is busy, is written by one write',
  LIMIT,
  async (t) => {
    const count = (session) => {
      session.count = (session.count ?? 0) + 1;
    };
    const { bound, store } = await listening(t, {
      put(socket, ack) {
        count(socket.session);
        ack('ok');
      },
      async save(socket, ack) {
        count(socket.session);
        await socket.session.save();
        ack('ok');
      },
    });
    const { sid, socket } = await bound();
    const first = store.hold('set', (id) => id === sid);
    const answers = [socket.ask('put')];
    await first.reached;
    for (let i = 0; i < 20; i += 1) answers.push(socket.ask('save'), socket.ask('put'));
    await settle();
    const before = store.calls.filter(({ method }) => method === 'set').length;
    first.release();
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(['ok']));
    assert.equal(store.read(sid).count, 41);
    assert.equal(store.count('set'), before + 1);
  },
);

test(
  'a field that is called like a method, written as it was stored, is saved once and no change after that',
  LIMIT,
  async (t) => {
    const store = new MemoryStore();
    const { bound } = await listening(
      t,
      {
        put(socket, ack) {
          socket.session.constructor = 0;
          ack('ok');
        },
        look: (socket, ack) => ack(socket.session.user),
      },
      { store },
    );
    const { browser, sid, socket } = await bound();
    const { constructor: _none, ...data } = JSON.parse(store.sessions[sid]);
    store.sessions[sid] = JSON.stringify({ ...data, constructor: 0 });
    assert.equal(await socket.ask('put'), 'ok');
    // Another program writes the session.
    store.sessions[sid] = JSON.stringify({ ...data, user: 'bea' });
    assert.equal(await socket.ask('look'), 'bea');
    await settle();
    assert.deepEqual(JSON.parse(store.sessions[sid]), { ...data, user: 'bea' });
    assert.equal((await readBy(browser)).user, 'bea');
  },
);

test('a field that is taken back while its save is under way is gone in the end', LIMIT, async (t) => {
  const { bound, store } = await listening(t, {
    async flash(socket, ack) {
      const { session } = socket;
      session.busy = true;
      const saved = session.save();
      delete session.busy;
      ack('ok');
      await saved;
    },
  });
  const { sid, socket } = await bound();
  assert.equal(await socket.ask('flash'), 'ok');
  await settle();
  assert.equal(store.read(sid).busy, undefined);
});

test(
  'a change that a client was told could not be saved is not saved, though others have written meanwhile',
  LIMIT,
  async (t) => {
    const go = deferred();
    const { bound, errors, store } = await listening(t, {
      async change(socket, ack) {
        socket.session.lost = true;
        ack('ok');
        await go.promise;
      },
      other: () => {},
    });
    const { browser, sid, socket } = await bound();
    const failed = deferred();
    const reached = deferred();
    store.next('set', (_run, answer) => {
      reached.resolve();
      failed.promise.then(() => answer(new Error('down')));
    });
    const answer = socket.ask('change');
    await reached.promise;
    store.plant(sid, { ...store.read(sid), user: 'bea' });
    const loaded = store.holdAnswer('get', (id) => id === sid);
    socket.send('other');
    await loaded.reached;
    loaded.release();
    await settle();
    failed.resolve();
    assert.equal((await answer).code, 'ERR_STORE_UNAVAILABLE');
    go.resolve();
    await until(() => errors.length > 0, 'it is told');
    await settle();
    const { lost, user } = (await browser.json('/read')).body;
    assert.deepEqual({ lost, user }, { lost: undefined, user: 'bea' });
  },
);
