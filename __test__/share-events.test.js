'use strict';

// `socket.session` in each kind of listener of an app that calls shareSession.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const diagnostics = require('node:diagnostics_channel');
const { MemoryStore } = require('express-session');
const { EmbeddedStore } = require('..');
const { debugLines } = require('./support/debug-lines.js');
const { deferred } = require('./support/deferred.js');
const session = require('express-session');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { plainIo } = require('./support/plain-io.js');
const { suiteRedis } = require('./support/redis-server.js');
const { SECRET, shareFixture } = require('./support/share-fixture.js');
const { share } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

const STORES = {
  MemoryStore: () => new MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
  'a store that has to be waited for': () => new HostileStore(),
};

// An app whose sockets have these listeners.
function listening(listeners) {
  return ({ io }) => {
    io.on('connection', (socket) => {
      for (const [event, listener] of Object.entries(listeners)) {
        socket.on(event, (...args) => listener(socket, ...args));
      }
    });
  };
}

for (const socketIoVersion of [2, 4]) {
  for (const [name, makeStore] of Object.entries(STORES)) {
    describe(`with Socket.IO ${socketIoVersion} and ${name}`, () => {
      const begin = (t, options) => shareFixture(t, { socketIoVersion, store: makeStore(), ...options });

      test('a listener reads what HTTP wrote, and HTTP what it wrote', LIMIT, async (t) => {
        const { bound } = await begin(t, {
          app: listening({
            rename: (socket, to, ack) => {
              const from = socket.session.user;
              socket.session.user = to;
              ack({ from, id: socket.session.id });
            },
          }),
        });
        const { browser, socket, sid } = await bound();
        assert.deepEqual(await socket.ask('rename', 'bea'), { from: 'ann', id: sid });
        assert.equal((await browser.json('/read')).body.user, 'bea');
      });

      test('the connection listener has the session, and what it does to it is saved', LIMIT, async (t) => {
        const seen = [];
        const { bound } = await begin(t, {
          app: ({ io }) => {
            io.use((socket, next) => {
              seen.push(socket.session.user);
              socket.session.checked = true;
              next();
            });
            io.on('connection', async (socket) => {
              seen.push(socket.session.user);
              socket.session.first = 1;
              await settle();
              socket.session.second = 2;
            });
          },
        });
        const { browser } = await bound();
        assert.deepEqual(seen, ['ann', 'ann']);
        await until(async () => (await browser.json('/read')).body.second === 2, 'the connection is saved');
        const { body } = await browser.json('/read');
        assert.deepEqual([body.checked, body.first], [true, 1]);
      });

      test(
        'what an asynchronous listener changes is saved when its promise has resolved',
        LIMIT,
        async (t) => {
          const go = deferred();
          const { bound } = await begin(t, {
            app: listening({
              slow: async (socket) => {
                socket.session.before = 1;
                await go.promise;
                socket.session.after = 2;
              },
              nudge: (_socket, ack) => ack(),
            }),
          });
          const { browser, socket } = await bound();
          socket.send('slow');
          await socket.ask('nudge');
          // What one listener has changed is saved with the next acknowledgement of its socket.
          assert.equal((await browser.json('/read')).body.before, 1);
          go.resolve();
          await until(async () => (await browser.json('/read')).body.after === 2, 'the promise is awaited');
        },
      );

      test(
        'two asynchronous listeners in flight on one socket share its current session',
        LIMIT,
        async (t) => {
          const both = deferred();
          const sessions = new Map();
          const { bound } = await begin(t, {
            app: listening({
              change: async (socket, field, ack) => {
                const own = socket.session;
                own[field] = true;
                sessions.set(field, own);
                if (sessions.size === 2) both.resolve();
                await both.promise;
                await settle(3);
                ack(socket.session === own && Object.keys(socket.session).includes(field));
              },
            }),
          });
          const { browser, socket } = await bound();
          assert.deepEqual(await Promise.all([socket.ask('change', 'a'), socket.ask('change', 'b')]), [
            true,
            true,
          ]);
          assert.equal(sessions.get('a'), sessions.get('b'));
          const { body } = await browser.json('/read');
          assert.deepEqual([body.a, body.b], [true, true]);
        },
      );

      test('an acknowledgement in a plain callback saves what was changed before it', LIMIT, async (t) => {
        const { bound } = await begin(t, {
          app: listening({
            later: (socket, ack) => {
              setTimeout(() => {
                socket.session.later = 'yes';
                ack('done');
              }, 5);
            },
            other: (socket, ack) => ack(socket.session.user),
          }),
        });
        const { browser, socket } = await bound();
        const done = socket.ask('later');
        await socket.ask('other');
        assert.equal(await done, 'done');
        assert.equal((await browser.json('/read')).body.later, 'yes');
      });

      test(
        'what is changed behind an acknowledgement, inside of what was looked at before it, is saved',
        LIMIT,
        async (t) => {
          const { bound } = await begin(t, {
            app: listening({
              fill: (socket, ack) => {
                socket.session.cart = { items: ['a'] };
                ack('done');
              },
              add: (socket, ack) => {
                const { cart } = socket.session;
                ack(cart.items.length);
                cart.items.push('b');
              },
            }),
          });
          const { browser, socket } = await bound();
          await socket.ask('fill');
          assert.equal(await socket.ask('add'), 1);
          await until(
            async () => (await browser.json('/read')).body.cart.items.length === 2,
            'both items are stored',
          );
        },
      );

      test('once, off and listeners do what they do without us', LIMIT, async (t) => {
        let server;
        const calls = [];
        const removed = () => calls.push('removed');
        const { bound } = await begin(t, {
          app: ({ io }) => {
            io.on('connection', (socket) => {
              server = socket;
              socket.once('event', (ack) => {
                calls.push(socket.session.user);
                ack();
              });
              socket.on('event', removed);
              socket.off?.('event', removed) ?? socket.removeListener('event', removed);
              socket.on('end', (ack) => ack());
            });
          },
        });
        const { socket } = await bound();
        assert.equal(server.listeners('event').length, 1);
        await socket.ask('event');
        assert.equal(server.listeners('event').length, 0);
        socket.send('event', () => {});
        await socket.ask('end');
        assert.deepEqual(calls, ['ann']);
      });

      test('disconnecting and disconnect have the session, and save it', LIMIT, async (t) => {
        const seen = [];
        const { bound } = await begin(t, {
          app: ({ io }) => {
            io.on('connection', (socket) => {
              socket.on('disconnecting', () => {
                seen.push([
                  'disconnecting',
                  socket.session.user,
                  Object.keys(socket.rooms).length > 0 || socket.rooms.size > 0,
                ]);
                socket.session.leaving = true;
              });
              socket.on('disconnect', () => {
                seen.push(['disconnect', socket.session.user]);
                socket.session.left = true;
              });
            });
          },
        });
        const { browser, socket } = await bound();
        socket.close();
        await until(async () => (await browser.json('/read')).body.left, 'the disconnect is saved');
        assert.deepEqual(seen, [
          ['disconnecting', 'ann', true],
          ['disconnect', 'ann'],
        ]);
        assert.equal((await browser.json('/read')).body.leaving, true);
      });

      test('what a socket sent before its app disconnected it is not handled any more', LIMIT, async (t) => {
        const handled = [];
        const left = deferred();
        const { bound } = await begin(t, {
          app: listening({
            bad: (socket) => {
              handled.push('bad');
              socket.disconnect();
            },
            more: () => handled.push('more'),
            disconnect: (socket) => {
              handled.push(`disconnect of ${socket.session.user}`);
              left.resolve();
            },
          }),
        });
        const { socket } = await bound();
        socket.send('bad');
        socket.send('more');
        await left.promise;
        await settle();
        assert.deepEqual(handled, ['bad', 'disconnect of ann']);
      });

      test('what was written in a session that is logged out meanwhile is dropped', LIMIT, async (t) => {
        const reached = deferred();
        const go = deferred();
        const { bound, sharing, store } = await begin(t, {
          app: listening({
            slow: async (socket) => {
              socket.session.late = true;
              reached.resolve();
              await go.promise;
            },
            who: (socket, ack) => ack(socket.session.user ?? null),
          }),
        });
        const { browser, socket, sid } = await bound();
        socket.send('slow');
        await reached.promise;
        const told = socket.next('session:end');
        await browser.request('/logout');
        assert.deepEqual(await told, { reason: 'destroy' });
        go.resolve();
        assert.equal(await socket.ask('who'), null);
        await until(() => sharing.stats().drops === 1, 'the write is dropped');
        const left = await new Promise((resolve) => store.get(sid, (_error, data) => resolve(data)));
        assert.equal(left ?? undefined, undefined);
      });

      test('the methods of a session answer by promise as well', LIMIT, async (t) => {
        const { bound, login } = await begin(t, {
          app: listening({
            all: async (socket, ack) => {
              const first = socket.session;
              first.saved = 1;
              const saved = (await first.save()) === first;
              const reloaded = await first.reload();
              const isNew = reloaded !== first && socket.session === reloaded && reloaded.saved === 1;
              const old = socket.session.id;
              const fresh = await socket.session.regenerate();
              const renewed = fresh.id !== old && socket.session === fresh && fresh.saved === undefined;
              await fresh.destroy();
              ack({ saved, isNew, renewed, gone: socket.session === undefined });
            },
          }),
        });
        await login();
        const { socket } = await bound();
        assert.deepEqual(await socket.ask('all'), { saved: true, isNew: true, renewed: true, gone: true });
      });

      test('a session that follows on a destroyed one is saved with nothing of that', LIMIT, async (t) => {
        const { bound, store } = await begin(t, {
          app: listening({
            renew: async (socket, ack) => {
              const first = socket.session;
              first.before = true;
              await first.destroy();
              const fresh = await first.regenerate();
              fresh.count = 1;
              await fresh.save();
              fresh.count += 1;
              ack(fresh.id);
            },
          }),
        });
        const { sid, socket } = await bound();
        const fresh = await socket.ask('renew');
        assert.notEqual(fresh, sid);
        const read = (id) =>
          new Promise((resolve) => store.get(id, (_error, data) => resolve(data ?? undefined)));
        assert.equal(await read(sid), undefined);
        const { cookie, ...stored } = await read(fresh);
        assert.equal(typeof cookie, 'object');
        assert.deepEqual(stored, { count: 2 });
      });

      test(
        'reload() gives a socket whose own session is not stored an empty one: a stranger, and who is logged out',
        LIMIT,
        async (t) => {
          const failures = [];
          const { bound, connect } = await begin(t, {
            options: { onError: (error) => failures.push(error.message) },
            app: listening({
              reload: (socket, ack) => {
                socket.session.unsaved = true;
                socket.session.reload().then(
                  (fresh) => ack([fresh.user ?? null, fresh.unsaved ?? null, fresh === socket.session]),
                  ({ message }) => ack(message),
                );
              },
            }),
          });
          const stranger = await connect();
          const { browser, socket } = await bound();
          const told = socket.next('session:end');
          await browser.request('/logout');
          await told;
          for (const one of [stranger, socket]) assert.deepEqual(await one.ask('reload'), [null, null, true]);
          assert.deepEqual(failures, []);
        },
      );

      test('reload() beside the destroy() of a stranger’s own session gives a session', LIMIT, async (t) => {
        const { connect } = await begin(t, {
          app: listening({
            reload: (socket, ack) => {
              socket.session.reload().then(({ id }) => ack(id === socket.id), ack);
              socket.session.destroy();
            },
          }),
        });
        assert.equal(await (await connect()).ask('reload'), true);
      });

      test('code written for io.engine.use(session()) goes on working', LIMIT, async (t) => {
        const { bound } = await begin(t, {
          app: listening({
            official: (socket, ack) => {
              const { request } = socket;
              request.session.reload((error) => {
                if (error) return ack(String(error));
                request.session.official = true;
                request.session.save((failed) => {
                  if (failed) return ack(String(failed));
                  ack([request.session.user, request.sessionID, typeof request.sessionStore.get]);
                });
              });
            },
          }),
        });
        const { browser, sid, socket } = await bound();
        assert.deepEqual(await socket.ask('official'), ['ann', sid, 'function']);
        assert.equal((await browser.json('/read')).body.official, true);
      });

      for (const [what, from] of [
        ['socket.session', (socket) => socket],
        ['socket.request.session', (socket) => socket.request],
      ]) {
        test(
          `delete ${what} drops what is not saved, and the next event has the session`,
          LIMIT,
          async (t) => {
            const { bound } = await begin(t, {
              app: listening({
                unset: (socket, ack) => {
                  from(socket).session.user = 'eve';
                  delete from(socket).session;
                  ack();
                },
                between: (socket, ack) => {
                  ack();
                  setImmediate(() => delete from(socket).session);
                },
                rename: (socket, to, ack) => {
                  const was = [socket.session.user, socket.request.session.user];
                  from(socket).session.user = to;
                  ack(was);
                },
              }),
            });
            const { browser, socket } = await bound();
            await socket.ask('unset');
            assert.equal((await browser.json('/read')).body.user, 'ann');
            await socket.ask('between');
            assert.deepEqual(await socket.ask('rename', 'bea'), ['ann', 'ann']);
            assert.equal((await browser.json('/read')).body.user, 'bea');
          },
        );
      }

      test('it does so where a session middleware has put a session there before', LIMIT, async (t) => {
        const store = makeStore();
        const before = session({ store, secret: SECRET, resave: false, saveUninitialized: false });
        const { login, connect, io, keyOf, sharing } = await begin(t, {
          store,
          // As `io.engine.use(session())` does, which Socket.IO 2 has not.
          ioOptions: { allowRequest: (req, done) => before(req, {}, () => done(null, true)) },
          app: listening({
            write: ({ session: shared, request }, ack) => {
              request.session.changed = true;
              ack([request.session === shared, request.session.user, request.sessionID === shared.id]);
            },
          }),
        });
        const browser = await login();
        const socket = await connect({
          key: await keyOf(browser),
          transports: ['websocket'],
          extraHeaders: { cookie: browser.cookie },
        });
        assert.deepEqual(await socket.ask('write'), [true, 'ann', true]);
        // The middleware knows nothing of a key.
        const keyed = await connect({ key: await keyOf(browser), transports: ['websocket'] });
        assert.deepEqual(await keyed.ask('write'), [true, 'ann', true]);
        assert.equal((await browser.json('/read')).body.changed, true);
        const requestOf = ({ id }) => (io.sockets.sockets.get?.(id) ?? io.sockets.sockets[id]).request;
        const [request, other] = [requestOf(socket), requestOf(keyed)];
        sharing.close();
        const { sessionID, sessionStore } = request;
        assert.deepEqual([request.session.user, request.session.changed], ['ann', undefined]);
        assert.deepEqual([sessionID, sessionStore], [request.session.id, store]);
        assert.notEqual(other.sessionID, sessionID);
      });

      test('each namespace of one connection has its own session on its request', LIMIT, async (t) => {
        const { login, keyOf, connect, sharing } = await begin(t, {
          app: ({ io, sharing }) => {
            for (const namespace of [io.of('/'), io.of('/chat')]) {
              if (namespace.name !== '/') namespace.use(sharing.socket());
              namespace.on('connection', (socket) => {
                socket.on('write', (field, ack) => {
                  socket.request.session[field] = namespace.name;
                  ack(socket.request.session === socket.session && socket.request.headers.host !== undefined);
                });
                socket.on('plain', (ack) =>
                  ack([socket.request === socket.client.request, 'session' in socket.request]),
                );
              });
            }
          },
        });
        const browser = await login();
        const key = await keyOf(browser);
        // One connection, as browsers have it.
        const main = await connect({ key, forceNew: false });
        const chat = await connect({ key, namespace: '/chat', forceNew: false });
        assert.equal(main.socket.io, chat.socket.io);
        const sockets = { main, chat };
        for (const [field, socket] of Object.entries(sockets))
          assert.equal(await socket.ask('write', field), true);
        const { body } = await browser.json('/read');
        assert.deepEqual([body.main, body.chat], ['/', '/chat']);
        sharing.close();
        for (const socket of Object.values(sockets))
          assert.deepEqual(await socket.ask('plain'), [true, false]);
      });

      test('a middleware of the socket has the session, and may refuse the event', LIMIT, async (t) => {
        const errors = [];
        const { bound } = await begin(t, {
          app: ({ io }) => {
            io.on('connection', (socket) => {
              socket.use(([event], next) => {
                if (event === 'forbidden') next(new Error(`not for ${socket.session.user}`));
                else next();
              });
              socket.on('error', (error) => errors.push(error.message));
              socket.on('forbidden', () => errors.push('it ran'));
              socket.on('allowed', (ack) => ack(socket.session.user));
            });
          },
        });
        const { socket } = await bound();
        const told = socketIoVersion === 2 ? socket.next('error') : undefined;
        socket.send('forbidden');
        assert.equal(await socket.ask('allowed'), 'ann');
        if (told) assert.equal(await told, 'not for ann');
        else assert.deepEqual(errors, ['not for ann']);
      });

      // A middleware that holds `later` back until the test lets it go on.
      async function heldBack(t) {
        const begun = deferred();
        const go = deferred();
        const errors = [];
        const f = await begin(t, {
          app: ({ io }) => {
            io.on('connection', (socket) => {
              socket.use(([event], next) => {
                if (event !== 'later') return next();
                begun.resolve();
                go.promise.then(next);
              });
              socket.on('error', ({ message }) => errors.push(message));
              socket.on('later', (ack) => {
                socket.session.late = true;
                ack(socket.session.user);
              });
              socket.on('read', (ack) => ack(socket.session.late ?? null));
            });
          },
        });
        return { ...f, begun: begun.promise, errors, go: go.resolve };
      }

      test(
        'behind a middleware that goes on later the listeners have the session as it is by then, and save it',
        LIMIT,
        async (t) => {
          const { begun, bound, go } = await heldBack(t);
          const { browser, socket } = await bound();
          const answer = socket.ask('later');
          await begun;
          await browser.request('/login?user=bea');
          go();
          assert.equal(await answer, 'bea');
          const { late, user } = (await browser.json('/read')).body;
          assert.deepEqual({ late, user }, { late: true, user: 'bea' });
        },
      );

      test('an event that a middleware refuses later is told of, and not handled', LIMIT, async (t) => {
        const { begun, bound, errors, go } = await heldBack(t);
        const { socket } = await bound();
        const told = socketIoVersion === 2 ? socket.next('error') : undefined;
        socket.send('later', () => {});
        await begun;
        go(new Error('too many'));
        assert.equal(await socket.ask('read'), null);
        if (told) assert.equal(await told, 'too many');
        else assert.deepEqual(errors, ['too many']);
      });

      test('a socket without a session has one of its own, which goes with it', LIMIT, async (t) => {
        const { connect, store } = await begin(t, {
          app: listening({
            count: (socket, ack) => {
              socket.session.count = (socket.session.count ?? 0) + 1;
              ack(socket.session.count);
            },
            look: (socket, ack) => ack([socket.session.id, socket.session.count ?? null]),
          }),
        });
        const stored = (id) =>
          new Promise((resolve) => store.get(id, (_error, data) => resolve(data ?? null)));
        const socket = await connect();
        const { id } = socket;
        assert.deepEqual(await socket.ask('look'), [id, null]);
        assert.equal(await stored(id), null);
        await socket.ask('count');
        assert.equal(await socket.ask('count'), 2);
        assert.equal((await stored(id)).count, 2);
        socket.close();
        await until(async () => (await stored(id)) === null, 'its record is gone');
      });

      test('close() leaves its session to a listener that is under way, and saves it', LIMIT, async (t) => {
        const [begun, go, seen] = [deferred(), deferred(), deferred()];
        let server;
        const { bound, sharing } = await begin(t, {
          options: { onError() {} },
          app: listening({
            slow: async (socket, ack) => {
              server = socket;
              socket.session.before = 1;
              begun.resolve();
              await go.promise;
              seen.resolve(socket.session?.user);
              socket.session.after = 2;
              ack('saved');
            },
          }),
        });
        const { browser, socket } = await bound();
        const answer = socket.ask('slow');
        await begun.promise;
        sharing.close();
        go.resolve();
        assert.equal(await seen.promise, 'ann');
        assert.equal(await answer, 'saved');
        const { before, after } = (await browser.json('/read')).body;
        assert.deepEqual({ before, after }, { before: 1, after: 2 });
        await until(() => server.session === undefined, 'the socket is given back');
      });
    });
  }
}

describe('a change by HTTP while a middleware behind ours takes its time', () => {
  // An app whose middleware is held, and a browser that has changed its session meanwhile.
  async function changedMeanwhile(t, { visit = () => {}, connected, ...set }) {
    const [entered, go] = [deferred(), deferred()];
    const f = await shareFixture(t, {
      ...set,
      app: ({ io }) => {
        io.use(async (socket, next) => {
          visit(socket.session, socket);
          entered.resolve();
          await go.promise;
          next();
        });
        io.on('connection', connected);
      },
    });
    const browser = await f.login();
    const connecting = f.connect({ key: await f.keyOf(browser) });
    await entered.promise;
    await browser.request('/login?user=bea');
    return { ...f, browser, connecting, go: go.resolve };
  }

  const VISITS = {
    'has not looked at the session': () => {},
    'has looked at it': (session) => session.user,
    'has changed it': (session) => {
      session.checked = true;
    },
  };

  for (const socketIoVersion of [2, 4]) {
    for (const [name, makeStore] of Object.entries(STORES)) {
      for (const [what, visit] of Object.entries(VISITS)) {
        test(
          `is seen by the connection listener, where that ${what}, Socket.IO ${socketIoVersion}, ${name}`,
          LIMIT,
          async (t) => {
            const seen = [];
            const { browser, connecting, go } = await changedMeanwhile(t, {
              socketIoVersion,
              store: makeStore(),
              visit,
              connected(socket) {
                seen.push(socket.session.user);
                socket.session.connected = true;
              },
            });
            go();
            await connecting;
            await until(() => seen.length > 0, 'the listener is called');
            assert.deepEqual(seen, ['bea']);
            await until(async () => (await browser.json('/read')).body.connected, 'it is saved');
            const { checked, user } = (await browser.json('/read')).body;
            assert.deepEqual([checked, user], [what === 'has changed it' || undefined, 'bea']);
          },
        );
      }
    }

    test(
      `is seen there before the client's first events are handled, Socket.IO ${socketIoVersion}`,
      LIMIT,
      async (t) => {
        const order = [];
        const arrived = deferred();
        const { browser, connecting, go, store } = await changedMeanwhile(t, {
          socketIoVersion,
          visit: (_session, { conn }) =>
            conn.on('data', (data) => String(data).includes('hello') && arrived.resolve()),
          connected(socket) {
            order.push(`connection of ${socket.session.user}`);
            socket.on('hello', (n) => order.push(`hello ${n}`));
          },
        });
        // The store answers when the client has sent something.
        store.always(
          'get',
          (run, answer) => arrived.promise.then(() => run(answer)),
          (sid) => sid === browser.sid,
        );
        go();
        const socket = await connecting;
        for (const n of [1, 2]) socket.send('hello', n);
        await until(() => order.length === 3, 'all are handled');
        assert.deepEqual(order, ['connection of bea', 'hello 1', 'hello 2']);
      },
    );
  }
});

test('a middleware of the socket may disconnect it: the event is not handled', LIMIT, async (t) => {
  const seen = [];
  const { bound } = await shareFixture(t, {
    app: ({ io }) => {
      io.on('connection', (socket) => {
        socket.use((_packet, next) => {
          socket.disconnect();
          next();
        });
        socket.on('event', () => seen.push('event'));
        socket.on('disconnect', () => seen.push('disconnect'));
      });
    },
  });
  const { socket } = await bound();
  socket.send('event');
  await until(() => seen.includes('disconnect'), 'it has left');
  await settle();
  assert.deepEqual(seen, ['disconnect']);
});

test('onAny listeners of Socket.IO 4 have the session, and save it', LIMIT, async (t) => {
  const { bound } = await shareFixture(t, {
    app: ({ io }) => {
      io.on('connection', (socket) => {
        socket.onAny(async (event) => {
          await settle();
          socket.session.lastEvent = `${event} of ${socket.session.user}`;
        });
        socket.on('known', (ack) => ack());
      });
    },
  });
  const { browser, socket } = await bound();
  await socket.ask('known');
  await until(async () => (await browser.json('/read')).body.lastEvent === 'known of ann', 'it is saved');
  socket.send('unknown');
  await until(async () => (await browser.json('/read')).body.lastEvent === 'unknown of ann', 'it is saved');
});

for (const [what, listen] of Object.entries({
  'takes itself away skips no other one'(socket, seen) {
    socket.onAny(function first() {
      seen.push('first');
      socket.offAny(first);
    });
    socket.onAny(() => seen.push('second'));
  },
  'adds another one adds it for the next event'(socket, seen) {
    socket.onAny(function first() {
      seen.push('first');
      if (seen.length === 1) socket.onAny(() => seen.push('added'));
    });
  },
  'puts another one in front of itself is called once for an event'(socket, seen) {
    socket.onAny(function first() {
      seen.push('first');
      if (seen.length === 1) socket.prependAny(() => seen.push('added'));
    });
  },
})) {
  test(`an onAny listener that ${what}, as in Socket.IO`, LIMIT, async (t) => {
    const seen = { alone: [], shared: [] };
    for (const [how, log] of Object.entries(seen)) {
      const { client } = await plainIo(t, {
        shares: how === 'shared',
        connected(socket) {
          listen(socket, log);
          socket.on('event', (ack) => ack());
        },
      });
      for (let n = 0; n < 2; n += 1) {
        await client.ask('event');
        log.push('and');
      }
    }
    assert.deepEqual(seen.shared, seen.alone);
  });
}

test('who has the acknowledgement finds the change in the store', LIMIT, async (t) => {
  const { bound, store } = await shareFixture(t, {
    app: listening({
      change: (socket, ack) => {
        socket.session.changed = true;
        ack('done');
      },
    }),
  });
  const { socket, sid } = await bound();
  const hold = store.hold('set', (id) => id === sid);
  let answered = false;
  const done = socket.ask('change').then(() => {
    answered = true;
  });
  await hold.reached;
  await settle();
  assert.equal(answered, false);
  hold.release();
  await done;
  assert.equal(store.read(sid).changed, true);
});

test(
  'an event whose session cannot be saved is acknowledged with an error, and onError is told',
  LIMIT,
  async (t) => {
    const failures = [];
    const { bound, store } = await shareFixture(t, {
      options: { onError: (error, { event }) => failures.push([event, error.message]) },
      app: listening({
        change: (socket, ack) => {
          socket.session.changed = true;
          ack('done');
        },
      }),
    });
    const { socket } = await bound();
    store.next('set', 'error');
    assert.deepEqual(await socket.ask('change'), {
      error: 'The session store failed.',
      code: 'ERR_STORE_UNAVAILABLE',
    });
    assert.deepEqual(failures, [['change', 'scripted']]);
    assert.equal(await socket.ask('change'), 'done');
  },
);

test(
  'a cookie that is spoiled while its session is being saved fails the next save alone',
  LIMIT,
  async (t) => {
    const failures = [];
    const { bound } = await shareFixture(t, {
      options: { onError: ({ code }) => failures.push(code) },
      app: listening({
        spoil: (socket, ack) => {
          socket.session.changed = 1;
          ack('saved');
          socket.session.cookie.domain = 1n;
        },
        read: (socket, ack) => ack(socket.session.changed),
      }),
    });
    const { socket } = await bound();
    assert.equal(await socket.ask('spoil'), 'saved');
    await until(() => failures.length > 0, 'onError is told');
    assert.deepEqual(failures, ['ERR_UNSAVABLE_SESSION']);
    assert.equal(await socket.ask('read'), 1);
  },
);

test('an acknowledgement that cannot be sent is told to onError, and ends no process', LIMIT, async (t) => {
  const failures = [];
  const { bound } = await shareFixture(t, {
    options: { onError: (error, { event }) => failures.push([event, error.constructor]) },
    app: listening({
      spoil: (socket, ack) => {
        socket.session.changed = 1;
        ack(1n);
      },
      read: (socket, ack) => ack(socket.session.changed),
    }),
  });
  const { socket } = await bound();
  // It never comes.
  socket.ask('spoil');
  await until(() => failures.length > 0, 'onError is told');
  assert.deepEqual(failures, [['spoil', TypeError]]);
  assert.equal(await socket.ask('read'), 1);
});

test(
  'a handler that puts a BigInt into its session is told so, and not that the store has failed',
  LIMIT,
  async (t) => {
    const failures = [];
    const { bound } = await shareFixture(t, {
      options: { onError: ({ code, cause }) => failures.push([code, cause.constructor]) },
      app: listening({
        spoil: (socket, ack) => {
          socket.session.spoilt = 1n;
          ack('done');
        },
        read: (socket, ack) => ack(socket.session.user),
      }),
    });
    const { socket } = await bound();
    assert.deepEqual(await socket.ask('spoil'), {
      error: 'The session has a value that cannot be saved as JSON.',
      code: 'ERR_UNSAVABLE_SESSION',
    });
    assert.deepEqual(failures, [['ERR_UNSAVABLE_SESSION', TypeError]]);
    assert.equal(await socket.ask('read'), 'ann');
  },
);

test(
  'what its client was told could not be saved is not saved after all, and onError hears of it once',
  LIMIT,
  async (t) => {
    for (const makeStore of [() => new HostileStore(), () => new EmbeddedStore({ maxSessionBytes: 1000 })]) {
      const failures = [];
      const ends = deferred();
      const { bound, sharing } = await shareFixture(t, {
        store: makeStore(),
        options: { onError: (error) => failures.push(error.code ?? error.message) },
        app: listening({
          change: async (socket, ack) => {
            const { session } = socket;
            session.changed = 'x'.repeat(1000);
            ack('done');
            await ends.promise;
          },
          look: (socket, ack) => ack(socket.session.changed ?? null),
        }),
      });
      const { store } = sharing;
      const { socket } = await bound();
      store.next?.('set', 'error');
      const told = await socket.ask('change');
      assert.match(told.code, /ERR_STORE_UNAVAILABLE|ERR_SESSION_TOO_LARGE/);
      ends.resolve();
      await settle();
      assert.equal(await socket.ask('look'), null);
      assert.equal(failures.length, 1, failures.join());
    }
  },
);

for (const [what, drop, stored] of [
  ['is saved with it when it ends', async () => {}, { first: true, later: true }],
  ['is saved alone, if it has reloaded', (session) => session.reload(), { first: undefined, later: true }],
]) {
  test(`what a handler changes after a save that failed ${what}`, LIMIT, async (t) => {
    const failures = [];
    const ends = deferred();
    const { bound, store } = await shareFixture(t, {
      options: { onError: (error) => failures.push(error.message) },
      app: listening({
        change: async (socket, ack) => {
          socket.session.first = true;
          ack('done');
          await ends.promise;
          await drop(socket.session);
          socket.session.later = true;
        },
      }),
    });
    const { socket, sid } = await bound();
    store.next('set', 'error');
    assert.equal((await socket.ask('change')).code, 'ERR_STORE_UNAVAILABLE');
    assert.equal(store.read(sid).first, undefined);
    ends.resolve();
    await until(() => store.read(sid).later, 'it is saved');
    const { first, later } = store.read(sid);
    assert.deepEqual({ first, later }, stored);
    assert.deepEqual(failures, ['scripted']);
  });
}

describe('a reload() that fails', () => {
  // How often `onError` is told, and what the handler does with the promise.
  const HANDLERS = {
    'awaits, and goes on with its rejection': [1, async ({ session }) => void (await session.reload())],
    returns: [1, ({ session }) => session.reload()],
    'awaits, and catches what it rejects with': [
      0,
      async ({ session }) => {
        try {
          await session.reload();
        } catch {}
      },
    ],
    'gives a callback for it': [0, ({ session }) => void session.reload().catch(() => {})],
    'does not await': [1, ({ session }) => void session.reload()],
  };

  for (const [what, [count, handle]] of Object.entries(HANDLERS)) {
    test(`is told to onError ${count} times, where its handler ${what}`, LIMIT, async (t) => {
      const told = [];
      const failed = deferred();
      const store = new HostileStore();
      const { bound } = await shareFixture(t, {
        store,
        options: { onError: ({ message }) => told.push(message) },
        app: listening({
          again(socket) {
            store.next('get', (_run, answer) => {
              setImmediate(() => {
                answer(new Error('of the store'));
                failed.resolve();
              });
            });
            return handle(socket);
          },
        }),
      });
      const { socket } = await bound();
      socket.send('again');
      await failed.promise;
      await settle();
      assert.deepEqual(told, Array(count).fill('of the store'));
    });
  }
});

test(
  'an event whose session cannot be loaded does not run, and is acknowledged with an error',
  LIMIT,
  async (t) => {
    let ran = 0;
    const failures = [];
    const { bound, store } = await shareFixture(t, {
      options: { storeTimeout: 1_000, onError: (error) => failures.push(error.code ?? error.message) },
      app: listening({
        run: (_socket, ack) => {
          ran += 1;
          ack('done');
        },
      }),
    });
    const { socket } = await bound();
    store.next('get', 'error');
    assert.equal((await socket.ask('run')).code, 'ERR_STORE_UNAVAILABLE');
    store.next('get', 'never');
    assert.equal((await socket.ask('run')).code, 'ERR_STORE_TIMEOUT');
    assert.equal(ran, 0);
    assert.deepEqual(failures, ['scripted', 'ERR_STORE_TIMEOUT']);
    assert.equal(await socket.ask('run'), 'done');
  },
);

for (const [name, storeMethod] of [
  ['reload', 'get'],
  ['destroy', 'destroy'],
  ['regenerate', 'destroy'],
]) {
  for (const how of ['a promise', 'a callback']) {
    test(
      `${name}() with ${how} waits for a store that does not answer no longer than storeTimeout`,
      LIMIT,
      async (t) => {
        const { bound, store } = await shareFixture(t, {
          options: { storeTimeout: 100, onError() {} },
          app: listening({
            async run({ session }, ack) {
              store.always(storeMethod, 'never');
              const asked =
                how === 'a promise'
                  ? session[name]()
                  : new Promise((resolve, reject) => {
                      session[name]((error) => (error ? reject(error) : resolve()));
                    });
              ack(await asked.catch(({ code }) => code));
            },
          }),
        });
        const { socket } = await bound();
        assert.equal(await socket.ask('run'), 'ERR_STORE_TIMEOUT');
        store.behave();
      },
    );
  }
}

// What a store, or an app's onError, may fail with.
const thrower = (what) => () => {
  throw new Error(what);
};
const bare = () => Object.assign(Object.create(null), { reason: 'away' });
const without = (field) => Object.defineProperty(new Error('away'), field, { get: thrower(field) });
const ODD = {
  'an object without a prototype': bare,
  'an Error whose code is one': () => Object.assign(new Error('away'), { code: bare() }),
  'an object whose toString throws': () => ({ toString: thrower('toString') }),
  'a Proxy whose traps throw': () =>
    new Proxy({}, { get: thrower('get'), getPrototypeOf: thrower('getPrototypeOf'), has: thrower('has') }),
  'an Error whose code throws': () => without('code'),
  'an Error whose message throws': () => without('message'),
  'an Error whose stack throws': () => without('stack'),
};

for (const [what, make] of Object.entries(ODD)) {
  for (const [how, onError] of [
    ['and there is no onError', undefined],
    ['and onError takes it', () => {}],
    [
      'and onError throws such a thing',
      () => {
        throw make();
      },
    ],
    ['and onError rejects with such a thing', async () => Promise.reject(make())],
  ]) {
    // An uncaught exception would fail the test.
    test(`a store fails with ${what}, ${how}: each event is answered`, LIMIT, async (t) => {
      const { bound, store } = await shareFixture(t, {
        options: { onError },
        app: listening({
          change: (socket, ack) => {
            socket.session.changed = true;
            ack('done');
          },
          bad: (_socket, ack) => {
            ack('done');
            if (onError) throw make();
          },
        }),
      });
      const { socket, sid } = await bound();
      for (const method of ['get', 'set']) {
        store.next(
          method,
          (_run, answer) => setImmediate(answer, make()),
          (id) => id === sid,
        );
        assert.equal((await socket.ask('change')).code, 'ERR_STORE_UNAVAILABLE', method);
      }
      assert.equal(await socket.ask('bad'), 'done');
      assert.equal(await socket.ask('change'), 'done');
      await settle();
    });
  }
}

test(
  'a database’s error is logged without the values of its command, which name the session',
  LIMIT,
  async (t) => {
    const lines = debugLines(t);
    const { bound, store } = await shareFixture(t, {
      options: { onError: () => {} },
      app: ({ io }) => io.on('connection', (socket) => socket.on('read', (ack) => ack(socket.session.user))),
    });
    const { socket, sid } = await bound();
    const sql = `SELECT data FROM sessions WHERE sid = '${sid}'`;
    store.next('get', (_run, answer) => answer(Object.assign(new Error('no such table'), { sql })));
    assert.equal((await socket.ask('read')).code, 'ERR_STORE_UNAVAILABLE');
    assert.match(lines.join('\n'), /'read': Error: no such table/);
    assert.ok(!lines.join('\n').includes(sid), lines.join('\n'));
  },
);

test('an event whose name is made for a log does not make lines of its own there', LIMIT, async (t) => {
  const warned = [];
  const warn = ({ message }) => warned.push(message);
  process.on('warning', warn);
  t.after(() => process.off('warning', warn));
  const { bound, store } = await shareFixture(t, {
    app: ({ io }) => io.on('connection', (socket) => socket.onAny(() => {})),
  });
  const { socket } = await bound();
  store.next('get', 'error');
  const name = `\u001b[2J\nadmin logged in\n${'x'.repeat(10_000)}`;
  assert.equal((await socket.ask(name)).code, 'ERR_STORE_UNAVAILABLE');
  await until(() => warned.length > 0, 'the warning');
  assert.equal(warned.length, 1);
  assert.match(
    warned[0],
    /^io-session: the session of event '\\x1B\[2J\\nadmin logged in\\nx+'\.\.\. \d+ more characters failed: scripted$/,
  );
  assert.ok(warned[0].length < 300);
});

test(
  'what a listener throws or rejects with goes to onError, and what it changed is not saved',
  LIMIT,
  async (t) => {
    const failures = [];
    const { bound, store } = await shareFixture(t, {
      options: { onError: (error, { event, socket }) => failures.push([event, error.message, socket.id]) },
      app: listening({
        throws: (socket) => {
          socket.session.broken = true;
          throw new Error('thrown');
        },
        rejects: async (socket) => {
          socket.session.broken = true;
          throw new Error('rejected');
        },
      }),
    });
    const { socket, sid } = await bound();
    socket.send('throws');
    socket.send('rejects');
    await until(() => failures.length === 2, 'both are told');
    assert.deepEqual(failures, [
      ['throws', 'thrown', socket.id],
      ['rejects', 'rejected', socket.id],
    ]);
    await settle();
    assert.equal(store.read(sid).broken, undefined);
  },
);

for (const socketIoVersion of [2, 4]) {
  test(
    `of several listeners that reject each is told to onError, with Socket.IO ${socketIoVersion}`,
    LIMIT,
    async (t) => {
      const failures = [];
      const [begun, go] = [deferred(), deferred()];
      const rejecting = (message) => async () => {
        await go.promise;
        throw new Error(message);
      };
      const { connect } = await shareFixture(t, {
        socketIoVersion,
        options: { onError: (error, { event }) => failures.push([event, error.message]) },
        app: ({ io }) => {
          io.on('connection', rejecting('no greeting'));
          io.on('connection', rejecting('no statistics'));
          io.on('connection', (socket) => {
            socket.on('order', rejecting('no stock'));
            socket.on('order', rejecting('no mail'));
            socket.on('order', () => {
              begun.resolve();
              throw new Error('no money');
            });
          });
        },
      });
      const socket = await connect();
      socket.send('order');
      await begun.promise;
      // An unhandled rejection would fail the test.
      go.resolve();
      await settle();
      assert.deepEqual(failures.sort(), [
        ['connection', 'no greeting'],
        ['connection', 'no statistics'],
        ['order', 'no mail'],
        ['order', 'no money'],
        ['order', 'no stock'],
      ]);
    },
  );
}

test(
  'what is no session in the place of socket.session saves nothing, and ends no process',
  LIMIT,
  async (t) => {
    const codes = [];
    const failures = [];
    const done = deferred();
    const { bound } = await shareFixture(t, {
      options: { onError: (error) => failures.push(error.code) },
      app: listening({
        put: (socket, ack) => {
          setImmediate(async () => {
            socket.session = { user: 'eve' };
            socket.session.save();
            for (const method of ['save', 'reload', 'regenerate', 'destroy', 'update'])
              await socket.session[method](method === 'update' ? () => {} : undefined).catch(({ code }) =>
                codes.push(code),
              );
            done.resolve();
          });
          ack();
        },
        look: (socket, ack) => ack(socket.session.user),
      }),
    });
    const { socket } = await bound();
    await socket.ask('put');
    await done.promise;
    assert.deepEqual(codes, Array(5).fill('ERR_UNSAVABLE_SESSION'));
    assert.equal((await socket.ask('look')).code, 'ERR_UNSAVABLE_SESSION');
    assert.equal(await socket.ask('look'), 'ann');
  },
);

test('an onAny listener and the event’s own that both reject are both told to onError', LIMIT, async (t) => {
  const failures = [];
  const [begun, go] = [deferred(), deferred()];
  const { connect } = await shareFixture(t, {
    options: { onError: (error, { event }) => failures.push([event, error.message]) },
    app: ({ io }) => {
      io.on('connection', (socket) => {
        socket.onAny(async () => {
          await go.promise;
          throw new Error('no audit');
        });
        socket.on('order', async () => {
          begun.resolve();
          await go.promise;
          throw new Error('no stock');
        });
      });
    },
  });
  const socket = await connect();
  socket.send('order');
  await begun.promise;
  go.resolve();
  await settle();
  assert.deepEqual(failures.sort(), [
    ['order', 'no audit'],
    ['order', 'no stock'],
  ]);
});

test(
  'a thenable whose then() throws is told to onError, and who throws later saves nothing all the same',
  LIMIT,
  async (t) => {
    const failures = [];
    const { bound, store } = await shareFixture(t, {
      options: { onError: (error, { event }) => failures.push([event, error.message]) },
      app: listening({
        query: () => ({
          // biome-ignore lint/suspicious/noThenProperty: as a query builder has one.
          then() {
            throw new Error('no such table');
          },
        }),
        bad: (socket) => {
          socket.session.broken = true;
          throw new Error('thrown');
        },
        ping: (_socket, ack) => ack('pong'),
      }),
    });
    const { socket, sid } = await bound();
    socket.send('query');
    assert.equal(await socket.ask('ping'), 'pong');
    assert.deepEqual(failures, [['query', 'no such table']]);
    socket.send('bad');
    await until(() => failures.length === 2, 'it is told');
    assert.equal(await socket.ask('ping'), 'pong');
    await settle();
    assert.equal(store.read(sid).broken, undefined);
  },
);

test('events of one socket start in order though the store answers out of order', LIMIT, async (t) => {
  const order = [];
  const { bound, store } = await shareFixture(t, {
    app: listening({
      step: (_socket, number, ack) => {
        order.push(number);
        ack();
      },
    }),
  });
  const { socket, sid } = await bound();
  const hold = store.hold('get', (id) => id === sid);
  const all = [1, 2, 3].map((number) => socket.ask('step', number));
  await hold.reached;
  await settle();
  assert.deepEqual(order, []);
  hold.release();
  await Promise.all(all);
  assert.deepEqual(order, [1, 2, 3]);
});

test(
  'a listener that only reads writes nothing, and an event nobody listens to asks nothing',
  LIMIT,
  async (t) => {
    const { bound, store } = await shareFixture(t, {
      app: listening({ read: (socket, ack) => ack(socket.session.user) }),
    });
    const { socket } = await bound();
    await settle();
    store.taken();
    socket.send('nobody listens');
    assert.equal(await socket.ask('read'), 'ann');
    await settle();
    assert.deepEqual(
      store.taken().map(({ method }) => method),
      ['get'],
    );
  },
);

test(
  'with touchInterval the events of a socket extend the session in the store, at most so often',
  LIMIT,
  async (t) => {
    const { bound, store } = await shareFixture(t, {
      // Longer than a busy machine takes from one event to the next.
      options: { touchInterval: 3000 },
      sessionOptions: { rolling: true, cookie: { maxAge: 60_000 } },
      app: listening({ nudge: (_socket, ack) => ack() }),
    });
    const { socket, sid } = await bound();
    await settle();
    store.taken();
    await socket.ask('nudge');
    assert.equal(store.count('touch'), 0);
    const before = store.read(sid).cookie.expires;
    await until(async () => {
      await socket.ask('nudge');
      return store.count('touch') > 0;
    }, 'it is due');
    await socket.ask('nudge');
    assert.equal(store.count('touch'), 1);
    assert.ok(store.read(sid).cookie.expires > before);
    assert.equal(store.count('set'), 0);
  },
);

test(
  'with touchInterval a session put in the place of the socket’s own extends nothing',
  LIMIT,
  async (t) => {
    const { bound, store } = await shareFixture(t, {
      options: { touchInterval: 1000 },
      sessionOptions: { rolling: true, cookie: { maxAge: 60_000 } },
      app: listening({
        nudge: (_socket, ack) => ack(),
        swap: (socket, sid, ack) => {
          const cookie = { originalMaxAge: null, expires: null };
          socket.session = sid && store.createSession({ sessionID: sid, sessionStore: store }, { cookie });
          ack();
        },
      }),
    });
    const [one, other] = [await bound(), await bound()];
    const touches = ({ sid }) =>
      store.calls.filter((call) => call.method === 'touch' && call.sid === sid).length;
    store.taken();
    await until(async () => {
      await other.socket.ask('nudge');
      return touches(other) > 0;
    }, 'a second has passed');
    for (const sid of ['another', null]) {
      await one.socket.ask('swap', sid);
      await settle();
      assert.equal(touches(one), 0);
    }
    await one.socket.ask('nudge');
    await until(() => touches(one) === 1, 'it was due');
  },
);

test(
  'with touchInterval a packet that spoils its session, where a handler takes what it is given, ends nothing',
  LIMIT,
  async (t) => {
    const failures = [];
    const { bound, store } = await shareFixture(t, {
      options: { touchInterval: 1000, onError: (error, { event }) => failures.push([error.name, event]) },
      sessionOptions: { cookie: { maxAge: 60_000 } },
      app: listening({
        nudge: (_socket, ack) => ack(),
        take: (socket, data) => {
          Object.assign(socket.session, data);
        },
      }),
    });
    const others = await Promise.all(Array.from({ length: 3 }, () => bound()));
    // The last to come: when it is its turn, it is that of all.
    const witness = await bound();
    await until(async () => {
      await witness.socket.ask('nudge');
      return store.count('touch') > 0;
    }, 'a second has passed');
    // As a client sends it.
    const spoilt = [{ cookie: null }, { touch: 'x' }, JSON.parse('{"__proto__":null}')];
    for (const [index, { socket }] of others.entries()) socket.send('take', spoilt[index]);
    for (const { socket } of others) await socket.ask('nudge');
    await until(() => failures.length === others.length, 'the app is told');
    // The first cannot be saved, the others cannot be touched.
    assert.deepEqual(failures.sort(), [
      ['Error', 'take'],
      ['TypeError', 'take'],
      ['TypeError', 'take'],
    ]);
  },
);

for (const Store of [session.MemoryStore, HostileStore]) {
  describe(`on ${Store.name} a handler copies what a client has sent into the session`, () => {
    const opened = (t) =>
      shareFixture(t, {
        store: new Store(),
        options: { onError: () => {} },
        app: listening({
          take: (socket, data, ack) => {
            Object.assign(socket.session, data);
            ack('taken');
          },
          look: (socket, ack) => {
            const { session } = socket;
            ack([session.user, session.admin ?? null, typeof session.save, typeof session.touch]);
          },
        }),
      });

    for (const text of ['{"__proto__":{"admin":true}}', '{"__proto__":null}']) {
      test(`${text}: the next event sees what is stored`, LIMIT, async (t) => {
        const { socket } = await (await opened(t)).bound();
        assert.equal(await socket.ask('take', JSON.parse(text)), 'taken');
        assert.deepEqual(await socket.ask('look'), ['ann', null, 'function', 'function']);
      });
    }

    for (const text of [
      '{"maxAge":"x"}',
      '{"originalMaxAge":"x"}',
      '{"sameSite":"x"}',
      '{"path":"a\\nb"}',
      '{"domain":"a b"}',
    ]) {
      test(`the cookie ${text}: it is refused, and HTTP goes on`, LIMIT, async (t) => {
        const { browser, socket } = await (await opened(t)).bound();
        const { code, error } = await socket.ask('take', { cookie: JSON.parse(text) });
        assert.equal(code, 'ERR_UNSAVABLE_SESSION');
        assert.match(error, /^The session's cookie is none: .+\.$/);
        assert.equal((await browser.json('/read')).body.user, 'ann');
        assert.deepEqual(await socket.ask('look'), ['ann', null, 'function', 'function']);
      });
    }
  });
}

test(
  'an object in the place of the session is refused, and nothing is stored under no id',
  LIMIT,
  async (t) => {
    const failures = [];
    const { bound, store } = await shareFixture(t, {
      options: { onError: (error) => failures.push(error.message) },
      app: listening({
        replace: (socket, data, ack) => {
          socket.session = data;
          ack('done');
        },
        read: (socket, ack) => ack(socket.session.user),
      }),
    });
    const { socket, sid } = await bound();
    const before = store.ids().sort();
    for (const data of [{ user: 'eve', cookie: {} }, { user: 'eve' }, 7]) {
      assert.equal((await socket.ask('replace', data)).code, 'ERR_UNSAVABLE_SESSION');
      assert.match(
        failures.splice(0).join(),
        /^io-session: the value put in the place of socket.session is no session: change the fields/,
      );
    }
    assert.deepEqual(store.ids().sort(), before);
    assert.equal(store.read(sid).user, 'ann');
    assert.equal(await socket.ask('read'), 'ann');
  },
);

describe('a session that express-session could not open again is not saved', () => {
  const redis = suiteRedis();
  const KEPT = {
    MemoryStore: () => stores.memory(),
    EmbeddedStore: () => stores.embedded(),
    'connect-redis': () => stores.redis(redis),
  };
  // The first takes what a client sends.
  const TAKES = {
    'by Object.assign': ({ session }) => Object.assign(session, JSON.parse('{"cookie":null,"name":"eve"}')),
    'by delete': ({ session }) => {
      session.name = 'eve';
      delete session.cookie;
    },
    'a toJSON of the session that gives no object': ({ session }) => {
      session.toJSON = () => 5;
    },
  };

  for (const [name, open] of Object.entries(KEPT)) {
    for (const [how, take] of Object.entries(TAKES)) {
      test(`${how}, on ${name}`, LIMIT, async (t) => {
        const kept = await open();
        const failures = [];
        const { bound } = await shareFixture(t, {
          kept,
          options: { onError: ({ code }, { event }) => failures.push([event, code]) },
          app: listening({
            take: (socket, ack) => {
              take(socket);
              ack('done');
            },
            read: (socket, ack) => ack(socket.session.user),
          }),
        });
        const { browser, sid, socket } = await bound();
        const before = await kept.read(sid);
        assert.equal((await socket.ask('take')).code, 'ERR_UNSAVABLE_SESSION');
        assert.deepEqual(failures, [['take', 'ERR_UNSAVABLE_SESSION']]);
        assert.deepEqual(await kept.read(sid), before);
        const { body, status } = await browser.json('/read');
        assert.deepEqual([status, body.user, body.name], [200, 'ann', undefined]);
        assert.equal(await socket.ask('read'), 'ann');
      });
    }
  }
});

test('after a logout code outside of any event does not see the session any more', LIMIT, async (t) => {
  let server;
  const { bound } = await shareFixture(t, {
    app: ({ io }) => {
      io.on('connection', (socket) => {
        server = socket;
        socket.on('read', (ack) => ack(socket.session.user));
      });
    },
  });
  const { browser, socket } = await bound();
  assert.equal(await socket.ask('read'), 'ann');
  assert.equal(server.session.user, 'ann');
  await browser.request('/logout');
  assert.equal(server.session.user, undefined);
});

// A listener that has looked at its session and goes on until it is told to end, and the server's side of its socket.
async function underWay(t) {
  const begun = deferred();
  const go = deferred();
  let server;
  const f = await shareFixture(t, {
    app: ({ io }) => {
      io.on('connection', (socket) => {
        server = socket;
        socket.on('slow', async (ack) => {
          assert.equal(typeof socket.session.id, 'string');
          begun.resolve();
          await go.promise;
          ack(socket.session.user ?? null);
        });
        socket.on('silent', (_ack) => assert.equal(socket.session.user, 'ann'));
        socket.on('ping', (ack) => ack('pong'));
      });
    },
  });
  return { ...f, begun: begun.promise, end: go.resolve, seen: () => server.session?.user };
}

test('nor when a handler was under way at the logout, once that has ended', LIMIT, async (t) => {
  const f = await underWay(t);
  const { browser, socket } = await f.bound();
  const answer = socket.ask('slow');
  await f.begun;
  await browser.request('/logout');
  f.end();
  assert.equal(await answer, 'ann', 'a handler keeps the session that it began with');
  await settle();
  assert.equal(f.seen(), undefined);
});

test('nor when an acknowledgement was never sent', LIMIT, async (t) => {
  const f = await underWay(t);
  const { browser, socket } = await f.bound();
  socket.send('silent', () => {});
  assert.equal(await socket.ask('ping'), 'pong');
  assert.equal(f.seen(), 'ann');
  await browser.request('/logout');
  assert.equal(f.seen(), undefined);
});

test(
  'an event that a middleware has let pass later runs before one that comes after that',
  LIMIT,
  async (t) => {
    const store = new HostileStore();
    const begun = deferred();
    const go = deferred();
    const log = [];
    const { bound } = await shareFixture(t, {
      store,
      app: ({ io }) => {
        io.on('connection', (socket) => {
          socket.use(async ([event], next) => {
            if (event === 'first') {
              begun.resolve();
              await go.promise;
            }
            next();
          });
          socket.on('first', () => log.push('first'));
          socket.on('second', (ack) => ack(log.push('second')));
        });
      },
    });
    const { sid, socket } = await bound();
    socket.send('first');
    await begun.promise;
    const load = () => store.hold('get', (id) => id === sid);
    const [passed, later] = [load(), load()];
    // The session that it was given is not a fresh one any more.
    await settle();
    go.resolve();
    await passed.reached;
    const answer = socket.ask('second');
    await later.reached;
    later.release();
    await settle();
    assert.deepEqual(log, []);
    passed.release();
    assert.equal(await answer, 2);
    assert.deepEqual(log, ['first', 'second']);
  },
);

// An app that drops some packets by a middleware which does not go on, and the server's side of its socket.
async function dropping(t) {
  const failures = [];
  let server;
  const f = await shareFixture(t, {
    options: { onError: (error) => failures.push(error.message) },
    app: ({ io }) => {
      io.on('connection', (socket) => {
        server = socket;
        socket.use(([event], next) => {
          if (event !== 'flood') next();
        });
        socket.on('flood', () => failures.push('it ran'));
        socket.on('bad', () => {
          socket.session.broken = true;
          throw new Error('thrown');
        });
        socket.on('ping', (ack) => ack('pong'));
      });
    },
  });
  return { ...f, failures, seen: () => server.session?.user };
}

test('nor when a middleware has dropped a packet', LIMIT, async (t) => {
  const { bound, seen } = await dropping(t);
  const { browser, socket } = await bound();
  socket.send('flood');
  assert.equal(await socket.ask('ping'), 'pong');
  assert.equal(seen(), 'ann');
  await browser.request('/logout');
  assert.equal(seen(), undefined);
});

test(
  'a listener that throws saves nothing of its own, though a middleware has dropped a packet before',
  LIMIT,
  async (t) => {
    const { bound, failures, store } = await dropping(t);
    const { socket, sid } = await bound();
    socket.send('flood');
    socket.send('bad');
    await until(() => failures.length > 0, 'it is told');
    assert.equal(await socket.ask('ping'), 'pong');
    assert.deepEqual(failures, ['thrown']);
    await settle();
    assert.equal(store.read(sid).broken, undefined);
  },
);

test(
  'code outside of any event sees the session of a socket that was bound while a handler was under way',
  LIMIT,
  async (t) => {
    const f = await underWay(t);
    const browser = await f.login();
    const socket = await f.connect();
    const answer = socket.ask('slow');
    await f.begun;
    await share(browser, socket);
    // Another one that ends meanwhile changes nothing of that.
    assert.equal(await socket.ask('ping'), 'pong');
    f.end();
    assert.equal(await answer, 'ann', 'as the handler does');
    assert.equal(f.seen(), 'ann');
    await browser.request('/login?user=bob');
    assert.equal(await socket.ask('ping'), 'pong');
    assert.equal(f.seen(), 'bob', 'that of the last event again');
  },
);

test('stats and the diagnostics channels tell what is done, and no session id', LIMIT, async (t) => {
  const messages = [];
  const hear = (message, name) => messages.push([name, message]);
  const names = ['bind', 'load', 'commit', 'merge', 'end'].map((name) => `io-session:${name}`);
  for (const name of names) diagnostics.subscribe(name, hear);
  t.after(() => {
    for (const name of names) diagnostics.unsubscribe(name, hear);
  });
  const entered = deferred();
  const go = deferred();
  const { bound, sharing } = await shareFixture(t, {
    app: listening({
      slow: async (socket, ack) => {
        socket.session.slow = true;
        entered.resolve();
        await go.promise;
        ack();
      },
      fast: (socket, ack) => {
        socket.session.fast = true;
        ack();
      },
    }),
  });
  const { browser, socket, sid } = await bound();
  const slow = socket.ask('slow');
  await entered.promise;
  await browser.request('/login?user=bea');
  go.resolve();
  await slow;
  await socket.ask('fast');
  const stats = sharing.stats();
  assert.deepEqual([stats.sockets, stats.binds, stats.loads, stats.drops], [1, 1, 2, 0]);
  assert.ok(stats.commits >= 2);
  assert.equal(stats.exact, 'process');
  await browser.request('/logout');
  assert.equal(sharing.stats().sockets, 0);
  const seen = new Map(messages);
  assert.deepEqual([...seen.keys()].sort(), [...names].sort());
  assert.equal(seen.get('io-session:load').event, 'fast');
  assert.equal(seen.get('io-session:load').found, true);
  assert.ok(seen.get('io-session:load').duration >= 0);
  const merged = messages.find(([name, message]) => name === 'io-session:commit' && message.merged);
  assert.deepEqual(
    { ...merged?.[1], duration: 0, session: '' },
    { session: '', merged: true, outcome: 'written', duration: 0 },
  );
  assert.equal(seen.get('io-session:end').reason, 'destroy');
  assert.equal(seen.get('io-session:end').sockets, 1);
  assert.doesNotMatch(JSON.stringify(messages), new RegExp(sid));
});

test('close() gives the store and the sockets back as they were', LIMIT, async (t) => {
  const store = new HostileStore();
  const before = Object.getOwnPropertyNames(store).sort();
  let server;
  const { bound, sharing } = await shareFixture(t, {
    store,
    app: ({ io }) => {
      io.on('connection', (socket) => {
        server = socket;
        socket.on('plain', (ack) => ack('session' in socket));
      });
    },
  });
  const { socket } = await bound();
  assert.equal(await socket.ask('plain'), true);
  sharing.close();
  assert.equal(await socket.ask('plain'), false);
  assert.equal(Object.hasOwn(server, 'onevent'), false);
  // `generate` is express-session's own.
  const after = Object.getOwnPropertyNames(store).filter((name) => name !== 'generate');
  assert.deepEqual(after.sort(), before);
  assert.equal(store.get, HostileStore.prototype.get);
});

for (const socketIoVersion of [2, 4]) {
  test(
    `close() leaves an app's own socket.emit in its place, Socket.IO ${socketIoVersion}`,
    LIMIT,
    async (t) => {
      const emitted = [];
      const left = deferred();
      let own;
      let server;
      const { bound, sharing } = await shareFixture(t, {
        socketIoVersion,
        app: ({ io }) => {
          io.on('connection', (socket) => {
            server = socket;
            const { emit } = socket;
            own = function (...args) {
              emitted.push(args[0]);
              return emit.apply(this, args);
            };
            socket.emit = own;
            socket.on('greet', () => socket.emit('hello'));
            socket.on('disconnect', left.resolve);
          });
        },
      });
      const { socket } = await bound();
      sharing.close();
      assert.equal(server.emit, own);
      const hello = socket.next('hello');
      socket.send('greet');
      await hello;
      assert.deepEqual(emitted, ['hello']);
      socket.close();
      await left.promise;
    },
  );

  for (const order of ['before ours', 'behind ours']) {
    test(
      `close() leaves what an app has put into a namespace ${order}, Socket.IO ${socketIoVersion}`,
      LIMIT,
      async (t) => {
        const told = [];
        const connected = [];
        // By this one Socket.IO tells of connections.
        const method = socketIoVersion === 2 ? 'emit' : 'emitReserved';
        let own;
        const wrap = (namespace) => {
          const tell = namespace[method];
          own = function (...args) {
            told.push(args[0]);
            return tell.apply(this, args);
          };
          namespace[method] = own;
        };
        const f = await shareFixture(t, {
          socketIoVersion,
          app: ({ io }) => {
            if (order === 'before ours') wrap(io.of('/'));
            io.on('connection', (socket) => connected.push(socket.id));
          },
        });
        await f.bound();
        if (order === 'behind ours') wrap(f.io.of('/'));
        f.sharing.close();
        assert.equal(f.io.of('/')[method], own);
        told.length = 0;
        connected.length = 0;
        const socket = await f.connect();
        await until(() => connected.length > 0, 'the connection is told');
        assert.deepEqual(connected, [socket.id]);
        assert.deepEqual(told, ['connect', 'connection']);
      },
    );
  }
}

for (const [name, makeStore] of Object.entries(STORES)) {
  test(`update is exact between sockets and HTTP requests of one session, with ${name}`, LIMIT, async (t) => {
    const increment = (session) => {
      session.count = (session.count ?? 0) + 1;
      return session.count;
    };
    const { bound, connect } = await shareFixture(t, {
      store: makeStore(),
      app: ({ app, io }) => {
        app.get('/count', async (req, res) => res.json(await req.session.update(increment)));
        io.on('connection', (socket) => {
          socket.on('count', async (ack) => {
            const own = randomUUID();
            const { session } = socket;
            session[own] = true;
            const counted = await session.update(increment);
            ack([counted, session.count, session[own]]);
          });
        });
      },
    });
    const { browser, socket, key } = await bound();
    const other = await connect({ auth: { key } });
    const all = [];
    for (let n = 0; n < 25; n += 1) all.push(socket.ask('count'), other.ask('count'), browser.json('/count'));
    const answers = await Promise.all(all);
    const counts = answers.map((answer) => (Array.isArray(answer) ? answer[0] : answer.body));
    assert.deepEqual(
      counts.sort((a, b) => a - b),
      Array.from({ length: 75 }, (_, n) => n + 1),
    );
    for (const [counted, seen, own] of answers.filter(Array.isArray)) {
      assert.equal(seen, counted);
      assert.equal(own, true);
    }
    assert.equal((await browser.json('/read')).body.count, 75);
  });
}

test('update is there for a session that has just been made', LIMIT, async (t) => {
  const { browser: visitor, login } = await shareFixture(t, {
    app: ({ app }) => {
      app.get('/first', async (req, res) => {
        res.json(await req.session.update((session) => Object.assign(session, { user: 'first' }).user));
      });
      app.get('/renew', (req, res) => {
        req.session.regenerate(async () => {
          res.json(await req.session.update((session) => Object.assign(session, { user: 'new' }).user));
        });
      });
    },
  });
  const newcomer = visitor();
  assert.equal((await newcomer.json('/first')).body, 'first');
  assert.equal((await newcomer.json('/read')).body.user, 'first');
  const browser = await login();
  const before = browser.sid;
  assert.equal((await browser.json('/renew')).body, 'new');
  assert.notEqual(browser.sid, before);
  assert.equal((await browser.json('/read')).body.user, 'new');
});

test('a change that is acknowledged is written once', LIMIT, async (t) => {
  const { bound, store } = await shareFixture(t, {
    app: listening({
      change: async (socket, ack) => {
        socket.session.changed = true;
        ack('done');
        await settle(2);
      },
    }),
  });
  const { socket, sid } = await bound();
  await settle();
  store.taken();
  const hold = store.hold('set', (id) => id === sid);
  const done = socket.ask('change');
  await hold.reached;
  await settle();
  hold.release();
  await done;
  await settle();
  assert.deepEqual(
    store.taken().map(({ method }) => method),
    ['get', 'get', 'set'],
  );
});

describe('what a middleware of a socket lets pass', () => {
  for (const socketIoVersion of [2, 4]) {
    test(
      `is not saved where its handler fails before it acknowledges, Socket.IO ${socketIoVersion}`,
      LIMIT,
      async (t) => {
        const failed = deferred();
        const { bound, store } = await shareFixture(t, {
          socketIoVersion,
          store: new HostileStore(),
          options: { onError: failed.resolve },
          app({ io }) {
            io.on('connection', (socket) => {
              socket.use((_packet, next) => next());
              socket.on('spoil', async (ack) => {
                socket.session.spoilt = true;
                failed.promise.then(() => ack());
                await null;
                throw new Error('not today');
              });
            });
          },
        });
        const { sid, socket } = await bound();
        await socket.ask('spoil');
        assert.equal(store.read(sid).spoilt, undefined);
      },
    );

    test(
      `is not handled when its socket has left meanwhile, Socket.IO ${socketIoVersion}`,
      LIMIT,
      async (t) => {
        const log = [];
        const [held, left] = [deferred(), deferred()];
        const { bound } = await shareFixture(t, {
          socketIoVersion,
          app({ io }) {
            io.on('connection', (socket) => {
              socket.use((_packet, next) => {
                held.resolve(next);
              });
              socket.on('late', () => log.push('late'));
              socket.on('disconnect', left.resolve);
            });
          },
        });
        const { socket } = await bound();
        socket.send('late');
        const next = await held.promise;
        socket.close();
        await left.promise;
        next();
        await settle();
        assert.deepEqual(log, []);
      },
    );
  }
});

test(
  'what somebody has put into a MemoryStore that is no JSON is no session, and ends no process',
  LIMIT,
  async (t) => {
    const store = new MemoryStore();
    const { bound, connect, keyOf, login, sharing } = await shareFixture(t, {
      store,
      app: listening({ whoami: (socket, ack) => ack(socket.session.user ?? null) }),
    });
    const { sid, socket } = await bound();
    const other = await login();
    const key = await keyOf(other);
    for (const id of [sid, other.sid]) store.sessions[id] = 'no JSON';
    const ended = socket.next('session:end');
    assert.equal(await socket.ask('whoami'), null);
    assert.deepEqual(await ended, { reason: 'expire' });
    assert.equal(await (await connect({ key })).ask('whoami'), null);
    assert.equal(sharing.stats().sockets, 0);
  },
);
