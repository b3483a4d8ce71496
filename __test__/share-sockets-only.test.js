'use strict';

// shareSession in a process that has sockets and no session middleware: Express is another process, with the same store.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const { promisify } = require('node:util');
const signature = require('cookie-signature');
const { MemoryStore } = require('express-session');
const { EmbeddedStore, shareSession } = require('..');
const { HostileStore } = require('./support/hostile-store.js');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { connectSocket } = require('./support/socket-client.js');
const { makeIo, socketIoServer } = require('./support/versions.js');
const { until } = require('./support/wait.js');

const SECRET = 'not a secret';
const SID = 'made-by-express';
const MINUTE = 60_000;
const STORES = {
  MemoryStore: () => new MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
  'a store that has to be waited for': () => new HostileStore(),
};

// A socket of the session that the other process has made, and what its listeners do.
async function socketOnly(t, store, listeners, { isStranger = false } = {}) {
  // Much of its minute is over.
  const expires = new Date(Date.now() + MINUTE / 4).toISOString();
  const cookie = { originalMaxAge: MINUTE, expires, httpOnly: true, path: '/app' };
  await promisify(store.set).call(store, SID, { cookie, user: 'ann' });
  const sharing = shareSession({ store, cookie: { secret: SECRET } });
  const server = http.createServer();
  const io = makeIo(socketIoServer(4), server);
  io.use(sharing.socket());
  io.on('connection', (socket) => {
    for (const [name, listener] of Object.entries(listeners)) {
      socket.on(name, (...args) => listener(socket, ...args));
    }
  });
  const url = await listen(server);
  const sent = encodeURIComponent(`s:${signature.sign(SID, SECRET)}`);
  const socket = await connectSocket(url, {
    extraHeaders: isStranger ? {} : { cookie: `connect.sid=${sent}` },
  });
  t.after(async () => {
    socket.close();
    io.close();
    await closeServer(server);
    sharing.close();
  });
  return socket;
}

for (const [name, makeStore] of Object.entries(STORES)) {
  test(
    `regenerate() in a handler ends the session, and its next one has a cookie as before, with ${name}`,
    LIMIT,
    async (t) => {
      const store = makeStore();
      const socket = await socketOnly(t, store, {
        renew: async ({ session }, ack) => {
          assert.equal(session.user, 'ann');
          const fresh = await session.regenerate();
          const { originalMaxAge, path } = fresh.cookie;
          fresh.note = 'for the next';
          ack({ id: fresh.id, user: fresh.user, originalMaxAge, path });
        },
      });
      const told = socket.next('session:end');
      const { id, ...rest } = await socket.ask('renew');
      assert.deepEqual(rest, { originalMaxAge: MINUTE, path: '/app' });
      assert.match(id, /^[\w-]{32}$/);
      assert.deepEqual(await told, { reason: 'regenerate' });
      const get = promisify(store.get).bind(store);
      assert.equal((await get(SID)) ?? undefined, undefined);
      const stored = await until(() => get(id), 'what was put into the next one is saved');
      assert.equal(stored.note, 'for the next');
      const left = new Date(stored.cookie.expires).getTime() - Date.now();
      assert.ok(left > MINUTE / 2 && left <= MINUTE, `${left} ms`);
    },
  );
}

test(
  'regenerate() of a stranger’s own session gives one of a browser, with a cookie of its own',
  LIMIT,
  async (t) => {
    const store = new HostileStore();
    const listeners = {
      renew: async ({ session }, ack) => {
        const fresh = await session.regenerate();
        fresh.note = 'kept';
        ack(fresh.id);
      },
    };
    const socket = await socketOnly(t, store, listeners, { isStranger: true });
    const id = await socket.ask('renew');
    assert.notEqual(id, socket.id);
    await until(() => store.read(id), 'it is saved');
    assert.deepEqual(store.read(id), {
      cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' },
      note: 'kept',
    });
  },
);
