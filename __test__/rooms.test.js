'use strict';

// Rooms are the app's: it sees those that it sees without us, and may leave them all. What is sent to a session reaches its
// sockets all the same, in every process that an adapter connects.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const path = require('node:path');
const { sessionRoom } = require('..');
const { startChild } = require('./support/child.js');
const { HttpClient } = require('./support/http-client.js');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { SECRET, shareFixture } = require('./support/share-fixture.js');
const { connectSocket, keyPath } = require('./support/socket-client.js');
const { makeIo, socketIoServer } = require('./support/versions.js');

const CHILD = path.join(__dirname, 'support', 'children', 'cluster-process.js');

const redis = suiteRedis();

// What an app sees of its sockets' rooms, with the socket's id as `id`: at `connection`, and when asked.
function watchRooms(io, seen) {
  const named = (socket) => {
    const rooms = socket.rooms instanceof Set ? [...socket.rooms] : Object.keys(socket.rooms);
    return rooms.map((room) => (room === socket.id ? 'id' : room));
  };
  io.on('connection', (socket) => {
    seen.push(named(socket));
    socket.on('rooms', (ack) => ack(named(socket)));
    socket.on('enter', async (room, ack) => {
      const others = named(socket).filter((other) => other !== 'id');
      for (const other of others) await socket.leave(other);
      if (room) await socket.join(room);
      ack();
    });
  });
}

// What the adapter tells of the rooms that are made and joined.
function watchAdapter(io) {
  const told = [];
  for (const event of ['create-room', 'join-room']) io.of('/').adapter.on(event, (room) => told.push(room));
  return told;
}

async function walk(client, seen) {
  for (const room of ['lobby', 'den', undefined]) {
    await client.ask('enter', room);
    seen.push(await client.ask('rooms'));
  }
}

// How a socket may be bound: the options of its connection, and what is done afterwards.
const WAYS = {
  'its key in auth': { connection: async (f, browser) => ({ key: await f.keyOf(browser) }) },
  'its cookie': {
    connection: async (_f, browser) => ({
      cookie: browser.cookie,
    }),
  },
  __zappa_key: {
    connection: async () => ({}),
    bind: async (f, browser, client) => client.ask('__zappa_key', { key: await f.keyOf(browser) }),
  },
};

for (const socketIoVersion of [2, 4]) {
  for (const [way, { connection, bind }] of Object.entries(WAYS)) {
    describe(`Socket.IO ${socketIoVersion}, a socket that is bound by ${way}`, () => {
      async function begin(t) {
        const seen = [];
        const f = await shareFixture(t, {
          socketIoVersion,
          options: { cookie: { secret: SECRET } },
          app: ({ io }) => watchRooms(io, seen),
        });
        const told = watchAdapter(f.io);
        // Somebody has already sent to rooms of sessions, and nobody was there.
        f.sharing.to('nobody').emit('news');
        f.io.to(sessionRoom('nobody')).emit('news');
        const browser = await f.login();
        const client = await f.connect(await connection(f, browser));
        await bind?.(f, browser, client);
        return { ...f, browser, client, seen, told };
      }

      test('has the rooms that it has without us', LIMIT, async (t) => {
        const plain = [];
        const web = http.createServer();
        const bare = makeIo(socketIoServer(socketIoVersion), web);
        watchRooms(bare, plain);
        const other = await connectSocket(await listen(web), { version: socketIoVersion });
        t.after(async () => {
          other.close();
          bare.close();
          await closeServer(web);
        });
        await walk(other, plain);

        const { client, seen } = await begin(t);
        await walk(client, seen);
        assert.deepEqual(seen, plain);
        assert.deepEqual(seen[1], ['id', 'lobby']);
      });

      test('makes no rooms that the app is told of', LIMIT, async (t) => {
        const { client, told, io } = await begin(t);
        await client.ask('enter', 'lobby');
        const { connected, sockets } = io.of('/');
        const [id] = sockets instanceof Map ? sockets.keys() : Object.keys(connected);
        // Socket.IO 2 tells nothing.
        assert.deepEqual([...new Set(told)], socketIoVersion === 2 ? [] : [id, 'lobby']);
      });

      test('is reached, and told of the logout, when it has left all rooms', LIMIT, async (t) => {
        const { browser, client, io, sharing } = await begin(t);
        await client.ask('enter', 'lobby');
        await client.ask('enter', undefined);
        const heard = [];
        for (const event of ['told', 'sent', 'session:end']) client.socket.on(event, () => heard.push(event));
        sharing.to(browser.sid).emit('told', 1);
        io.to(sessionRoom(browser.sid)).emit('sent', 1);
        const ended = client.next('session:end');
        assert.equal(sharing.socketsOf(browser.sid).length, 1);
        await browser.request('/logout');
        await ended;
        assert.deepEqual(heard, ['told', 'sent', 'session:end']);
      });

      test('is reached no more after the logout', LIMIT, async (t) => {
        const { browser, client, io, sharing } = await begin(t);
        const { sid } = browser;
        await client.ask('enter', 'lobby');
        const ended = client.next('session:end');
        await browser.request('/logout');
        await ended;
        const heard = client.collect('news');
        sharing.to(sid).emit('news', 'by the session');
        io.to(sessionRoom(sid)).emit('news', 'by its room');
        io.to('lobby').emit('news', 'by the app');
        // Behind whatever was sent before it.
        assert.deepEqual(await client.ask('rooms'), ['id', 'lobby']);
        assert.deepEqual(heard, ['by the app']);
      });

      test('gets binary data as binary data', LIMIT, async (t) => {
        const { browser, client, sharing } = await begin(t);
        const file = client.next('file');
        sharing.to(browser.sid).emit('file', Buffer.from('bytes'));
        assert.equal(Buffer.from(await file).toString(), 'bytes');
        assert.ok(Buffer.isBuffer(await file));
      });
    });
  }
}

for (const adapter of ['redis', 'cluster']) {
  describe(`processes that @socket.io/${adapter}-adapter connects`, () => {
    // A browser at one process, and its sockets at two others.
    async function begin(t) {
      const input = { redisPort: redis.port, adapter };
      let urls;
      if (adapter === 'cluster') {
        ({ urls } = await startChild(t, CHILD, { ...input, workers: 3 }).message('ready'));
      } else {
        const ready = [1, 2, 3].map(() => startChild(t, CHILD, input).message('ready'));
        urls = (await Promise.all(ready)).map(({ url }) => url);
      }
      const browser = new HttpClient(urls[0]);
      await browser.request('/login?user=ann');
      const clients = [];
      for (const url of urls.slice(1)) {
        const { key } = (await browser.json(keyPath('', { prefix: '/io-session' }).slice(0, -1))).body;
        const client = await connectSocket(url, { auth: { key } });
        t.after(() => client.close());
        assert.equal(await client.ask('whoami'), 'ann');
        clients.push(client);
      }
      return { browser, clients };
    }

    // Each client's next message of that name.
    const nextOf = (clients, event) => Promise.all(clients.map((client) => client.next(event)));
    const leaveAll = async (clients) => {
      for (const client of clients) await client.ask('enter', 'den');
    };
    const roomsOf = (client) =>
      new Promise((resolve) => {
        client.socket.emit('rooms', (rooms, events) => resolve({ rooms, events }));
      });

    test('an app sees its own rooms only, and is told of no others', LIMIT, async (t) => {
      const { clients } = await begin(t);
      await leaveAll(clients);
      for (const client of clients) {
        const { rooms, events } = await roomsOf(client);
        assert.deepEqual(rooms, [client.id, 'den']);
        assert.deepEqual([...new Set(events)], [client.id, 'den']);
      }
    });

    test('sharing.to(sid) reaches sockets that have left all rooms, with binary data', LIMIT, async (t) => {
      const { browser, clients } = await begin(t);
      await leaveAll(clients);
      const files = clients.map(
        (client) =>
          new Promise((resolve) => {
            client.socket.once('file', (...args) => resolve(args));
          }),
      );
      await browser.request('/file?text=bytes');
      for (const [file, { inside }] of await Promise.all(files)) {
        assert.ok(Buffer.isBuffer(file) && Buffer.isBuffer(inside));
        assert.deepEqual([file.toString(), inside.toString()], ['bytes', 'too']);
      }
    });

    test('io.to(sessionRoom(sid)) and fetchSockets() reach them', LIMIT, async (t) => {
      const { browser, clients } = await begin(t);
      await leaveAll(clients);
      const news = nextOf(clients, 'news');
      await browser.request(`/announce?sid=${encodeURIComponent(browser.sid)}&what=hello`);
      assert.deepEqual(await news, ['hello', 'hello']);
      const { body } = await browser.json(`/sockets?sid=${encodeURIComponent(browser.sid)}`);
      assert.deepEqual(body.sort(), clients.map(({ id }) => id).sort());
    });

    test('each message comes once', LIMIT, async (t) => {
      const { browser, clients } = await begin(t);
      const heard = clients.map((client) => client.collect('news'));
      await browser.request('/tell?what=one');
      await browser.request(`/announce?sid=${encodeURIComponent(browser.sid)}&what=two`);
      const last = nextOf(clients, 'file');
      await browser.request('/file?text=last');
      await last;
      assert.deepEqual(heard, [
        ['one', 'two'],
        ['one', 'two'],
      ]);
    });

    test('they are told of a logout in another process, and are strangers', LIMIT, async (t) => {
      const { browser, clients } = await begin(t);
      await leaveAll(clients);
      const told = nextOf(clients, 'session:end');
      await browser.request('/logout');
      assert.deepEqual(await told, [{ reason: 'destroy' }, { reason: 'destroy' }]);
      for (const client of clients) assert.equal(await client.ask('whoami'), null);
    });

    test('sharing.to(sid).disconnect() reaches them', LIMIT, async (t) => {
      const { browser, clients } = await begin(t);
      await leaveAll(clients);
      const gone = nextOf(clients, 'disconnect');
      await browser.request('/drop');
      assert.deepEqual(await gone, ['io server disconnect', 'io server disconnect']);
    });
  });
}
