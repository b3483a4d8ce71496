'use strict';

// Beside other libraries, and with callbacks of the app that fail.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const path = require('node:path');
const session = require('express-session');
const { EmbeddedStore } = require('..');
const { startChild } = require('./support/child.js');
const { deferred } = require('./support/deferred.js');
const { HttpClient } = require('./support/http-client.js');
const { HostileStore } = require('./support/hostile-store.js');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { plainIo } = require('./support/plain-io.js');
const { suiteRedis } = require('./support/redis-server.js');
const { SECRET, shareFixture } = require('./support/share-fixture.js');
const { express } = require('./support/versions.js');
const { until } = require('./support/wait.js');

const redis = suiteRedis();

const STORES = {
  MemoryStore: () => new session.MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
  'a store that has to be waited for': () => new HostileStore(),
};

describe('socketio-wildcard on Socket.IO 2', () => {
  const wildcard = require('socketio-wildcard')();

  for (const order of ['before ours', 'behind ours']) {
    for (const [name, make] of Object.entries(STORES)) {
      test(
        `${order}, on ${name}: both listeners have the session, once, and it is saved`,
        LIMIT,
        async (t) => {
          const seen = [];
          const f = await shareFixture(t, {
            socketIoVersion: 2,
            store: make(),
            // Ours is there already when the app's function runs.
            app({ io }) {
              if (order === 'before ours') io.of('/').fns.unshift(wildcard);
              else io.use(wildcard);
              io.on('connection', (socket) => {
                socket.on('*', ({ data: [event] }) => {
                  seen.push(`* ${event} ${socket.session.user}`);
                  socket.session.wild = (socket.session.wild ?? 0) + 1;
                });
                socket.on('put', (field, ack) => {
                  seen.push(`put ${socket.session.user}`);
                  socket.session[field] = 1;
                  ack();
                });
              });
            },
          });
          const { browser, socket } = await f.bound();
          for (const field of ['one', 'two']) {
            await socket.ask('put', field);
            assert.equal((await browser.json('/read')).body[field], 1);
          }
          assert.deepEqual(seen, ['* put ann', 'put ann', '* put ann', 'put ann']);
          assert.equal((await browser.json('/read')).body.wild, 2);
          socket.send('nobody listens to this');
          await until(async () => (await browser.json('/read')).body.wild === 3, '* alone is saved');
        },
      );
    }
  }
});

for (const version of [2, 4]) {
  test(
    `socketio-wildcard before ours: close() leaves its onevent, Socket.IO ${version}`,
    LIMIT,
    async (t) => {
      const wildcard = require('socketio-wildcard')();
      const seen = [];
      let own;
      let server;
      const { client, sharing } = await plainIo(t, {
        version,
        shares: true,
        before(io) {
          io.use(wildcard);
          io.use((socket, next) => {
            own = socket.onevent;
            next();
          });
        },
        connected(socket) {
          server = socket;
          socket.on('*', ({ data: [event] }) => seen.push(`* ${event}`));
          socket.on('event', (ack) => {
            seen.push('event');
            ack();
          });
        },
      });
      await client.ask('event');
      assert.deepEqual(seen, ['* event', 'event']);
      sharing.close();
      assert.equal(server.onevent, own);
      await client.ask('event');
      assert.deepEqual(seen, ['* event', 'event', '* event', 'event']);
    },
  );
}

describe('a method of its socket that an app has wrapped before ours', () => {
  for (const [version, method, when] of [
    [2, 'emit', 'while the socket is there'],
    [4, 'ack', 'while the socket is there'],
    [4, '_cleanup', 'as the socket leaves'],
  ]) {
    test(`${method} of Socket.IO ${version} is called ${when}, as by Socket.IO alone`, LIMIT, async (t) => {
      const logs = { alone: [], shared: [] };
      for (const [how, log] of Object.entries(logs)) {
        const left = deferred();
        const { client } = await plainIo(t, {
          version,
          shares: how === 'shared',
          before(io) {
            io.use((socket, next) => {
              const own = socket[method];
              socket[method] = function (...args) {
                log.push([method, ...args.filter((arg) => typeof arg === 'string')].join(' '));
                return own.apply(this, args);
              };
              next();
            });
          },
          connected(socket) {
            socket.on('event', (ack) => {
              socket.emit('hello');
              ack();
            });
            socket.on('disconnecting', () => log.push('disconnecting'));
            socket.on('disconnect', () => {
              log.push('disconnect');
              setImmediate(left.resolve);
            });
          },
        });
        const hello = client.next('hello');
        await client.ask('event');
        await hello;
        if (when === 'as the socket leaves') {
          log.length = 0;
          client.close();
          await left.promise;
        }
      }
      assert.deepEqual(logs.shared, logs.alone);
      assert.ok(logs.alone.some((line) => line.startsWith(method)));
    });
  }
});

describe('a session field that is called like something else is data, as with express-session alone', () => {
  const NAMES = [
    'update',
    'cookies',
    'expires',
    'maxAge',
    'originalMaxAge',
    'sessionID',
    'sessionStore',
    'then',
    'toJSON',
    '_',
    'user.name',
  ];
  // What express-session alone does not keep: what a Session inherits is in its place when it is loaded.
  const METHODS = [
    'save',
    'reload',
    'destroy',
    'regenerate',
    'touch',
    'resetMaxAge',
    'constructor',
    'hasOwnProperty',
  ];

  function routes(app) {
    app.get('/put', (req, res) => {
      req.session[req.query.name] = req.query.value;
      res.json(1);
    });
    app.get('/look', (req, res) => res.json(look(req.session, req.query.name)));
  }

  // What an app sees of one field.
  function look(data, name) {
    const value = data[name];
    return {
      value: typeof value === 'function' ? 'a function' : (value ?? null),
      own: Object.hasOwn(data, name),
      listed: Object.keys(data).includes(name),
      json: JSON.parse(JSON.stringify(data))[name] ?? null,
    };
  }

  async function alone(t) {
    const app = express(5)();
    app.set('env', 'test');
    app.use(
      session({
        store: new session.MemoryStore(),
        secret: SECRET,
        resave: false,
        saveUninitialized: false,
      }),
    );
    routes(app);
    const web = http.createServer(app);
    const browser = new HttpClient(await listen(web));
    t.after(() => closeServer(web));
    return browser;
  }

  const withSockets = (t, store) =>
    shareFixture(t, {
      store,
      app({ app, io }) {
        routes(app);
        io.on('connection', (socket) => {
          socket.on('put', (name, value, ack) => {
            socket.session[name] = value;
            ack();
          });
          socket.on('look', (name, ack) => ack(look(socket.session, name)));
          socket.on('other', (ack) => {
            socket.session.other = 1;
            ack();
          });
        });
      },
    });

  for (const [store, make] of Object.entries(STORES)) {
    for (const name of NAMES) {
      test(`${name}, on ${store}`, LIMIT, async (t) => {
        const query = `name=${encodeURIComponent(name)}`;
        const plain = await alone(t);
        const f = await withSockets(t, make());
        const { browser, socket } = await f.bound();
        for (const [value, put] of [
          ['by HTTP', () => browser.request(`/put?${query}&value=by HTTP`)],
          ['by a socket', () => socket.ask('put', name, 'by a socket')],
        ]) {
          await plain.request(`/put?${query}&value=${value}`);
          const { body: expected } = await plain.json(`/look?${query}`);
          await put();
          assert.deepEqual((await browser.json(`/look?${query}`)).body, expected, `${value}, seen by HTTP`);
          assert.deepEqual(await socket.ask('look', name), expected, `${value}, seen by a socket`);
          await socket.ask('other');
          assert.deepEqual((await browser.json(`/look?${query}`)).body, expected, 'after another change');
        }
      });
    }

    for (const name of METHODS) {
      test(
        `${name} as a field, on ${store}: the event is answered, and the rest of the session is well`,
        LIMIT,
        async (t) => {
          const f = await withSockets(t, make());
          const { browser, socket } = await f.bound();
          await socket.ask('put', name, 'data');
          await socket.ask('other');
          const { other, user } = (await browser.json('/read')).body;
          assert.deepEqual({ other, user }, { other: 1, user: 'ann' });
          // HTTP has its methods: it can log out.
          assert.equal((await browser.request('/logout')).status, 200);
        },
      );
    }
  }
});

describe('a callback of the app that fails', () => {
  const CHILD = path.join(__dirname, 'support', 'children', 'failing-callbacks.js');
  const MESSAGE = 'the callback fails';
  const REJECTED = `rejected: ${MESSAGE}`;

  // `does`: the event that leads to the callback. `answer`: what its client is told. `told`: who else.
  const ROWS = [
    { callback: 'onSessionEnd', does: 'logout', hows: ['throws', 'rejects'], answer: 200, told: 'errors' },
    { callback: 'onError', does: 'fail', hows: ['throws', 'rejects'], answer: 'alive', told: 'warnings' },
    { callback: 'genid', does: 'regenerate', hows: ['throws'], answer: REJECTED },
    { callback: 'cookie', does: 'regenerate', hows: ['throws'], answer: REJECTED },
    { callback: 'serializer.stringify', does: 'save', hows: ['throws'], redis: true, refused: true },
    { callback: 'serializer.stringify', does: 'update', hows: ['throws'], redis: true, answer: REJECTED },
    { callback: 'serializer.stringify', does: 'change', hows: ['throws'], redis: true, refused: true },
    {
      callback: 'serializer.parse',
      does: 'change',
      hows: ['throws'],
      redis: true,
      refused: true,
      told: 'errors',
    },
  ];

  for (const { callback, does, hows, answer, told, refused, redis: onRedis } of ROWS) {
    for (const how of hows) {
      test(`${callback} ${how} at ${does}: the process goes on`, LIMIT, async (t) => {
        const child = startChild(t, CHILD, { callback, how, redisPort: onRedis && redis.port });
        await child.message('ready');
        child.tell({ type: 'do', event: does });
        const did = await child.message('did');
        assert.ok(did.calls > 0, 'the callback was called');
        // The client of an event whose session cannot be loaded or saved is told so in the place of its answer.
        if (refused) assert.equal(typeof did.answer.error, 'string', JSON.stringify(did.answer));
        else assert.equal(did.answer, answer);
        if (told)
          assert.ok(
            did[told].some((message) => message.includes(MESSAGE)),
            JSON.stringify(did),
          );
        child.tell({ type: 'end' });
        assert.equal((await child.message('ended')).answer, 'alive');
        assert.deepEqual(await child.exit, { code: 0, signal: null });
        assert.doesNotMatch(child.stderr, /Uncaught|Unhandled/i);
      });
    }
  }
});

describe("genid gets a request from a socket's regenerate()", () => {
  for (const [name, make] of Object.entries(STORES)) {
    test(`that looks like Express's, on ${name}`, LIMIT, async (t) => {
      const requests = [];
      const f = await shareFixture(t, {
        store: make(),
        sessionOptions: {
          genid(req) {
            requests.push({
              address: req.socket.remoteAddress,
              ip: req.ip,
              agent: req.get('user-agent'),
              header: req.get('X-Team'),
              headers: req.headers['x-team'],
              none: req.get('x-none') ?? null,
            });
            return `${req.socket.remoteAddress}-${requests.length}`;
          },
        },
        app({ io }) {
          io.on('connection', (socket) => {
            socket.on('regenerate', async (ack) => {
              try {
                ack({ id: (await socket.session.regenerate()).id });
              } catch (error) {
                ack({ error: error.message });
              }
            });
          });
        },
      });
      const headers = { 'user-agent': 'a test', 'x-team': 'red' };
      const { socket } = await f.bound({ extraHeaders: headers });
      const { length } = requests;
      const { id, error } = await socket.ask('regenerate');
      assert.equal(error, undefined);
      assert.equal(requests.length, length + 1);
      assert.deepEqual(requests.at(-1), {
        address: '127.0.0.1',
        ip: '127.0.0.1',
        agent: 'a test',
        header: 'red',
        headers: 'red',
        none: null,
      });
      assert.equal(id, `127.0.0.1-${length + 1}`);
    });
  }
});
