'use strict';

// The rooms that a socket is in because of its session.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const session = require('express-session');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { shareFixture } = require('./support/share-fixture.js');
const { share } = require('./support/socket-client.js');
const { settle, until } = require('./support/wait.js');

// `rooms` of a user with roles; what each `connection` listener has found.
async function start(t, { socketIoVersion = 4, options, ioOptions, rooms, app: define = () => {} } = {}) {
  const found = [];
  const f = await shareFixture(t, {
    store: new session.MemoryStore(),
    socketIoVersion,
    ioOptions,
    options: { rooms: rooms ?? (({ roles = [] }) => roles.map((role) => `role:${role}`)), ...options },
    app(parts) {
      const { app, io } = parts;
      app.get('/roles', (req, res) => {
        req.session.roles = req.query.roles ? req.query.roles.split(',') : [];
        res.json(1);
      });
      io.on('connection', (socket) => {
        found.push(roomsOf(socket));
        socket.on('roles', (roles, ack) => {
          socket.session.roles = roles;
          ack();
        });
        socket.on('join', (room, ack) => {
          socket.join(room);
          ack();
        });
        socket.on('leave all', (ack) => {
          for (const room of roomsOf(socket)) socket.leave(room);
          ack();
        });
      });
      define(parts);
    },
  });
  const serverSocket = (id) => {
    const { sockets } = f.io.of('/');
    return sockets instanceof Map ? sockets.get(id) : sockets[id];
  };
  return { ...f, found, roomsOf: (id) => roomsOf(serverSocket(id)) };
}

function roomsOf({ id, nsp }) {
  const rooms =
    nsp.adapter.sids instanceof Map ? [...nsp.adapter.sids.get(id)] : Object.keys(nsp.adapter.sids[id]);
  return rooms.filter((room) => room !== id).sort();
}

for (const socketIoVersion of [2, 4]) {
  describe(`Socket.IO ${socketIoVersion}`, () => {
    test('are joined before `connection` is told, and corrected at each change', LIMIT, async (t) => {
      const f = await start(t, { socketIoVersion });
      const browser = await f.login();
      await browser.json('/roles?roles=admin,staff');
      const socket = await f.connect({ key: await f.keyOf(browser) });
      assert.deepEqual(f.found, [['role:admin', 'role:staff']]);
      await browser.json('/roles?roles=staff,guest');
      assert.deepEqual(f.roomsOf(socket.id), ['role:guest', 'role:staff']);
      await socket.ask('roles', ['owner']);
      assert.deepEqual(f.roomsOf(socket.id), ['role:owner']);
    });

    test('are left before `session:end` is sent, and those that the app joined are not', LIMIT, async (t) => {
      const f = await start(t, { socketIoVersion });
      const browser = await f.login();
      await browser.json('/roles?roles=admin,staff');
      const socket = await f.connect({ key: await f.keyOf(browser) });
      await socket.ask('join', 'mine');
      await socket.ask('join', 'role:staff');
      const ended = socket.next('session:end');
      await browser.request('/logout');
      await ended;
      assert.deepEqual(f.roomsOf(socket.id), ['mine', 'role:staff']);
    });

    test('that the app has had the socket leave are joined again at the next change', LIMIT, async (t) => {
      const f = await start(t, { socketIoVersion });
      const browser = await f.login();
      await browser.json('/roles?roles=admin,staff');
      const socket = await f.connect({ key: await f.keyOf(browser) });
      await socket.ask('leave all');
      assert.deepEqual(f.roomsOf(socket.id), []);
      await browser.json('/roles?roles=staff,guest');
      assert.deepEqual(f.roomsOf(socket.id), ['role:guest', 'role:staff']);
    });
  });
}

for (const [what, rooms, message] of [
  ['no array', () => 'admin', /an array/],
  ['an empty name', () => [''], /not empty/],
  ['a name that is too long', () => ['a'.repeat(401)], /400/],
  ['a room of io-session', () => ['io-session:x'], /begin with/],
  [
    'an error',
    () => {
      throw new Error('of the app');
    },
    /of the app/,
  ],
]) {
  test(`with ${what} the socket joins none, and onError is told`, LIMIT, async (t) => {
    const errors = [];
    const onError = (error, { event }) => errors.push([error.message, event]);
    const f = await start(t, { rooms, options: { onError } });
    await f.bound();
    assert.deepEqual(f.found, [[]]);
    assert.equal(errors.length, 1);
    assert.match(errors[0][0], message);
    assert.equal(errors[0][1], 'rooms');
  });
}

test(
  'with an asynchronous function that rejects it joins none either, and onError is told',
  LIMIT,
  async (t) => {
    const errors = [];
    const f = await start(t, {
      options: { onError: (_error, { event }) => errors.push(event) },
      rooms: async () => {
        throw new Error('the database is away');
      },
    });
    const { socket } = await f.bound();
    await socket.ask('roles', ['admin']);
    // An unhandled rejection would fail the test.
    await settle();
    assert.deepEqual(f.roomsOf(socket.id), []);
    assert.deepEqual(new Set(errors), new Set(['rooms']));
  },
);

test('no socket gets into the room of another one by its id', LIMIT, async (t) => {
  const errors = [];
  const f = await start(t, {
    options: { onError: (error) => errors.push(error.message) },
    rooms: ({ user }) => [user],
  });
  const victim = await f.connect();
  const browser = await f.login(victim.id);
  await f.connect({ key: await f.keyOf(browser) });
  assert.deepEqual(f.found.at(-1), []);
  assert.match(errors[0], /id of a socket/);
});

test('a recovered socket is in the rooms of what its session says by then', LIMIT, async (t) => {
  const f = await start(t, { ioOptions: { connectionStateRecovery: {} } });
  const browser = await f.login();
  await browser.json('/roles?roles=admin,staff');
  const socket = await f.connect({ key: await f.keyOf(browser), reconnection: true, reconnectionDelay: 50 });
  await socket.ask('join', 'mine');
  // A client is recovered from the last packet that it has had.
  const packet = socket.next('anything');
  f.io.of('/').emit('anything');
  await packet;
  const { id } = socket;
  const left = socket.next('disconnect');
  socket.socket.io.engine.close();
  await left;
  await browser.json('/roles?roles=staff');
  const back = socket.socket.connected ? Promise.resolve() : socket.next('connect');
  await back;
  assert.equal(socket.id, id);
  await until(() => f.found.length === 2, 'the app is told of it');
  assert.deepEqual(f.found[1], ['mine', 'role:staff']);
  await browser.json('/roles');
  assert.deepEqual(f.roomsOf(id), ['mine']);
});

test('a socket of a Zappa app is in them from its `__zappa_key` on', LIMIT, async (t) => {
  const host = await fixture(t, { options: { rooms: ({ user }) => [`user:${user}`] } });
  const browser = await host.login();
  const socket = await host.connect();
  await share(browser, socket);
  assert.deepEqual([...host.host.io.of('/').sockets.get(socket.id).rooms], [socket.id, 'user:ann']);
});
