'use strict';

// A read-modify-write of a session that nothing comes between, and the interface by which any store can be exact.

const { EventEmitter, once } = require('node:events');
const path = require('node:path');
const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const { Worker } = require('node:worker_threads');
const session = require('express-session');
const { EmbeddedStore, redisCompareAndSet } = require('..');
const { adopt } = require('../lib/stores/adopted-store.js');
const { updateSession } = require('../lib/session/update.js');
const { deferred } = require('./support/deferred.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { shareFixture } = require('./support/share-fixture.js');
const { settle, until } = require('./support/wait.js');

// A store that keeps texts, and answers later.
class TextStore extends session.Store {
  texts = new Map();
  calls = [];

  get(sid, callback) {
    this.calls.push('get');
    const text = this.texts.get(sid);
    setImmediate(() => callback(null, text && JSON.parse(text)));
  }

  set(sid, data, callback) {
    this.calls.push('set');
    const text = JSON.stringify(data);
    setImmediate(() => {
      this.texts.set(sid, text);
      callback(null);
    });
  }

  destroy(sid, callback) {
    this.texts.delete(sid);
    setImmediate(callback, null);
  }
}

// The same with the method that makes it exact: what docs/stores.md asks of a store's author, and no more.
class CommittingTextStore extends TextStore {
  changes = [];

  compareAndSet(sid, expected, change, callback) {
    this.calls.push('compareAndSet');
    this.changes.push(change);
    setImmediate(() => {
      const current = this.texts.get(sid);
      if (current === undefined) callback(null, null);
      else if (current !== expected) callback(null, current);
      else {
        this.texts.set(sid, change.text);
        callback(null, true);
      }
    });
  }
}

// It may spell JSON in its own way, as a database does.
class SpellingTextStore extends CommittingTextStore {
  compareAndSet(sid, expected, change, callback) {
    super.compareAndSet(sid, expected, { ...change, text: spelled(change.text) }, callback);
  }
}

const spelled = (text) => JSON.stringify(JSON.parse(text), null, 1);

// It may answer by promise.
class PromisingTextStore extends CommittingTextStore {
  async compareAndSet(sid, expected, change) {
    return new Promise((resolve) =>
      super.compareAndSet(sid, expected, change, (_error, outcome) => resolve(outcome)),
    );
  }
}

const STORES = {
  MemoryStore: () => new session.MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
  'a store without compareAndSet': () => new TextStore(),
  'a store with compareAndSet': () => new CommittingTextStore(),
  'a store whose compareAndSet gives a promise': () => new PromisingTextStore(),
  'a store with a spelling of its own': () => new SpellingTextStore(),
};

function call(store, method, ...args) {
  return new Promise((resolve, reject) => {
    store[method](...args, (error, value) => (error ? reject(error) : resolve(value)));
  });
}

// An adopted store with one session in it.
async function stored(store, data = { count: 0, profile: { name: 'ann' } }) {
  const adopted = adopt(store, 'the store');
  await call(store, 'set', 'sid', { cookie: new session.Cookie({ maxAge: 60_000 }), ...data });
  return {
    adopted,
    update: (live, change) => updateSession(adopted, 'sid', live, change),
    load: () => call(store, 'load', 'sid'),
    read: async () => JSON.parse(JSON.stringify(await call(store, 'get', 'sid'))),
  };
}

const increment = (one) => {
  one.count += 1;
};

for (const [name, open] of Object.entries(STORES)) {
  describe(`update, on ${name}`, () => {
    test('a hundred at once all count, with plain functions and with promises', LIMIT, async () => {
      const { update, read } = await stored(open());
      await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          update(undefined, async (one) => {
            const { count } = one;
            if (n % 2 === 0) await settle(1);
            one.count = count + 1;
          }),
        ),
      );
      assert.equal((await read()).count, 100);
    });

    test('saves and updates at the same time keep what both have written', LIMIT, async () => {
      const { update, load, read } = await stored(open());
      const work = [];
      for (let n = 0; n < 20; n += 1) {
        const live = await load();
        live[`field${n}`] = n;
        work.push(call(live, 'save'), update(undefined, increment));
      }
      await Promise.all(work);
      const data = await read();
      assert.equal(data.count, 20);
      for (let n = 0; n < 20; n += 1) assert.equal(data[`field${n}`], n);
    });

    test('updates that wait for each other leave the event loop to others between them', LIMIT, async () => {
      const UPDATES = 50;
      const { update, read } = await stored(open());
      let turns = 0;
      let isDone = false;
      const turn = () => {
        turns += 1;
        if (!isDone) setImmediate(turn);
      };
      setImmediate(turn);
      await Promise.all(Array.from({ length: UPDATES }, () => update(undefined, increment)));
      isDone = true;
      assert.equal((await read()).count, UPDATES);
      assert.ok(turns >= UPDATES - 1, `${turns} turns`);
    });

    test('it is soon written beside others of its process that never stop saving', LIMIT, async () => {
      const { update, load, read } = await stored(open());
      let isDone = false;
      const writers = ['first', 'second', 'third'].map(async (name) => {
        const live = await load();
        for (let n = 1; !isDone; n += 1) {
          live[name] = n;
          await call(live, 'save');
        }
      });
      for (let n = 0; n < 10; n += 1) {
        let calls = 0;
        await update(undefined, (one) => {
          calls += 1;
          increment(one);
        });
        assert.ok(calls <= 4, `${calls} calls`);
      }
      isDone = true;
      await Promise.all(writers);
      assert.equal((await read()).count, 10);
    });

    test('a change that has no JSON text is refused, and says why', LIMIT, async () => {
      const { update, read } = await stored(open());
      const failed = await update(undefined, (one) => {
        one.count = 1n;
      }).catch((error) => error);
      assert.equal(failed.code, 'ERR_UNSAVABLE_SESSION');
      assert.ok(failed.cause instanceof TypeError);
      assert.equal((await read()).count, 0);
    });

    test("the caller's session has what was written, and keeps what it has not saved", LIMIT, async () => {
      const { update, load, read } = await stored(open());
      const live = await load();
      const { profile } = live;
      profile.age = 30;
      live.unsaved = true;
      const city = await update(live, (one) => {
        assert.notEqual(one, live);
        assert.equal(one.unsaved, undefined);
        one.count += 1;
        one.profile.city = 'Paris';
        return one.profile.city;
      });
      assert.equal(city, 'Paris');
      assert.equal(live.count, 1);
      assert.equal(live.unsaved, true);
      assert.deepEqual(live.profile, { name: 'ann', age: 30, city: 'Paris' });
      // Who held an object of it still holds it.
      assert.equal(live.profile, profile);
      assert.equal((await read()).unsaved, undefined);
      await update(undefined, increment);
      await call(live, 'save');
      const { cookie: _, ...data } = await read();
      const merged = { name: 'ann', age: 30, city: 'Paris' };
      assert.deepEqual(data, { count: 2, profile: merged, unsaved: true });
    });

    test('a save that was called while an update is under way does not undo it', LIMIT, async () => {
      const { update, load, read } = await stored(open());
      const live = await load();
      const gate = deferred();
      const updated = update(live, async (one) => {
        one.count += 1;
        await gate.promise;
      });
      live.saved = true;
      const saved = call(live, 'save');
      gate.resolve();
      await Promise.all([updated, saved]);
      const { count, saved: kept } = await read();
      assert.deepEqual([count, kept], [1, true]);
      assert.deepEqual([live.count, live.saved], [1, true]);
    });

    test('what the function throws or rejects with rejects, and nothing is written', LIMIT, async () => {
      const { update, load, read } = await stored(open());
      const live = await load();
      const wrong = new Error('wrong');
      const throwing = (one) => {
        one.count = 99;
        throw wrong;
      };
      await assert.rejects(update(live, throwing), wrong);
      await assert.rejects(
        update(live, async (one) => throwing(one)),
        wrong,
      );
      assert.equal(live.count, 0);
      assert.equal((await read()).count, 0);
      // The next ones are not held up.
      await update(live, increment);
      assert.equal(live.count, 1);
    });

    test('a session that is gone, or goes meanwhile, stays gone', LIMIT, async () => {
      const store = open();
      const { adopted, update } = await stored(store);
      const gone = { code: 'ERR_SESSION_GONE', status: 410 };
      await assert.rejects(updateSession(adopted, 'nobody', undefined, increment), gone);
      const destroying = async (one) => {
        one.count += 1;
        await call(store, 'destroy', 'sid');
      };
      await assert.rejects(update(undefined, destroying), gone);
      assert.equal((await call(store, 'get', 'sid')) ?? null, null);
    });

    test('a function that never ends is given up, and the others go on', LIMIT, async () => {
      const { adopted, update, read } = await stored(open());
      adopted.timeout = 500;
      const never = update(undefined, (one) => {
        one.count = 99;
        return new Promise(() => {});
      });
      const behind = update(undefined, increment);
      await assert.rejects(never, { code: 'ERR_UPDATE_TIMEOUT' });
      await behind;
      assert.equal((await read()).count, 1);
    });

    test('save() and update() inside of an update are refused, and it goes on', LIMIT, async () => {
      const { adopted, update, read } = await stored(open());
      await update(undefined, async (one) => {
        one.count += 1;
        await assert.rejects(call(one, 'save'), /update\(\) saves what its function has changed/);
        await assert.rejects(
          updateSession(adopted, 'sid', one, increment),
          /update\(\) was called on the session/,
        );
      });
      assert.equal((await read()).count, 1);
    });

    test(
      'a session that is not stored yet is changed as it is, and saved as it would be',
      LIMIT,
      async () => {
        const store = open();
        const { adopted } = await stored(store);
        const req = { sessionID: 'new', sessionStore: store };
        const fresh = new session.Session(req, { cookie: new session.Cookie({ maxAge: 60_000 }), count: 0 });
        await updateSession(adopted, 'new', fresh, increment);
        assert.equal(fresh.count, 1);
        assert.equal((await call(store, 'get', 'new')) ?? null, null);
        await call(fresh, 'save');
        await updateSession(adopted, 'new', fresh, increment);
        assert.equal((await call(store, 'get', 'new')).count, 2);
      },
    );

    test('a function that changes nothing writes nothing', LIMIT, async () => {
      const store = open();
      const { update, load } = await stored(store);
      const live = await load();
      await update(live, () => {});
      if (store.calls) assert.deepEqual(store.calls, ['set', 'get', 'get']);
      assert.equal(live.count, 0);
    });

    test('something that is no function is a TypeError', LIMIT, async () => {
      const { update } = await stored(open());
      await assert.rejects(update(undefined, { count: 1 }), {
        name: 'TypeError',
        message: /update\(fn\) takes a function/,
      });
    });
  });
}

test('update is exact between worker threads that share an EmbeddedStore', LIMIT, async (t) => {
  const name = randomUUID();
  const store = new EmbeddedStore({ name });
  t.after(() => store.close());
  const { read } = await stored(store);
  const script = path.join(__dirname, 'support', 'children', 'update-worker.js');
  const work = async () => {
    const worker = new Worker(script, { workerData: { name, rounds: 500 } });
    const exited = once(worker, 'exit');
    assert.deepEqual(await once(worker, 'message'), ['done']);
    assert.deepEqual(await exited, [0]);
  };
  await Promise.all([work(), work(), work()]);
  assert.equal((await read()).count, 1500);
});

test('a store that adds a field of the moment to each text is updated, and exactly', LIMIT, async (t) => {
  // The store tells how long the session has left.
  class TellingStore extends TextStore {
    told = 0;

    get(sid, callback) {
      super.get(sid, (error, data) => {
        this.told += 1;
        callback(error, data && { ...data, secondsLeft: 60 - this.told / 1000 });
      });
    }
  }
  const store = new TellingStore();
  const { bound, connect } = await shareFixture(t, {
    store,
    app: ({ io }) => {
      io.on('connection', (socket) => {
        socket.on('visit', (ack) =>
          socket.session
            .update((data) => {
              data.visits = (data.visits ?? 0) + 1;
              return data.visits;
            })
            .then(ack, (error) => ack(error.message)),
        );
      });
    },
  });
  const { browser, key, socket } = await bound();
  const other = await connect({ key });
  assert.equal(await socket.ask('visit'), 1);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? socket : other).ask('visit')),
  );
  assert.deepEqual(new Set(answers), new Set([2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
  assert.equal((await browser.json('/read')).body.visits, 11);
});

describe('sharing.update(), by the id of a session', () => {
  const add = (session) => {
    session.count = (session.count ?? 0) + 1;
    return session.count;
  };

  async function open(t, options) {
    const store = new TextStore();
    const f = await shareFixture(t, {
      store,
      options,
      app({ io }) {
        io.on('connection', (socket) => {
          socket.on('add', async (ack) => ack(await socket.session.update(add)));
          socket.on('id', (ack) => ack(socket.id));
          socket.on('keep', (ack) => {
            socket.session.kept = 1;
            ack();
          });
        });
      },
    });
    return { ...f, texts: store.texts };
  }

  test('counts exactly beside events, and gives what the function returned', LIMIT, async (t) => {
    const { bound, sharing, texts } = await open(t);
    const { sid, socket } = await bound();
    const calls = Array.from({ length: 40 }, (_, n) =>
      n % 2 ? socket.ask('add') : sharing.update(sid, add),
    );
    assert.deepEqual(
      (await Promise.all(calls)).sort((one, other) => one - other),
      Array.from({ length: 40 }, (_, n) => n + 1),
    );
    assert.equal(JSON.parse(texts.get(sid)).count, 40);
  });

  test('is told to the sockets of the session', LIMIT, async (t) => {
    const told = deferred();
    const { bound, sharing } = await open(t, { onSessionChange: (change) => told.resolve(change) });
    const { sid, socket } = await bound();
    await sharing.update(sid, add);
    const change = await told.promise;
    assert.deepEqual([change.socket.id, change.session.count], [await socket.ask('id'), 1]);
  });

  test('changes nothing but sessions of browsers that are there', LIMIT, async (t) => {
    const { bound, connect, sharing, texts } = await open(t);
    const { sid, key: ofAnn } = await bound();
    const stranger = await connect();
    await stranger.ask('keep');
    const own = await stranger.ask('id');
    const before = new Map(texts);
    assert.ok(before.has(ofAnn) && before.has(own));
    for (const id of ['nobody', ofAnn, own])
      await assert.rejects(sharing.update(id, add), { code: 'ERR_SESSION_GONE' });
    for (const id of [undefined, null, 7, { sid }]) await assert.rejects(sharing.update(id, add), TypeError);
    await assert.rejects(sharing.update(sid), TypeError);
    assert.deepEqual(texts, before);
    await sharing.close();
    await assert.rejects(sharing.update(sid, add), { code: 'ERR_NO_SESSION_STORE' });
  });
});

test('a request may have fields of any name', LIMIT, async (t) => {
  const names = ['updated', 'newer', 'mayStore', 'report', 'telling', 'hasLeft', 'openAgain'];
  const { login } = await shareFixture(t, {
    app: ({ app }) =>
      app.get('/update', async (req, res) => {
        for (const name of names) req[name] = true;
        const result = await req.session.update((fresh) => {
          fresh.count = 1;
          return 'updated';
        });
        req.session.saved = true;
        await new Promise((resolve, reject) =>
          req.session.save((error) => (error ? reject(error) : resolve())),
        );
        res.json(result);
      }),
  });
  const browser = await login();
  assert.equal((await browser.json('/update')).body, 'updated');
  const { count, saved } = (await browser.json('/read')).body;
  assert.deepEqual({ count, saved }, { count: 1, saved: true });
});

test('update() of a session of another store says so, and changes nothing', LIMIT, async (t) => {
  const { login } = await shareFixture(t, {
    sessionOptions: { store: new session.MemoryStore() },
    app: ({ app }) =>
      app.get('/update', async (req, res) => {
        const failed = await req.session.update(() => assert.fail('called')).catch((error) => error);
        res.json([failed.name, failed.message]);
      }),
  });
  const browser = await login();
  const words =
    'io-session: update(fn): the session store of this session is not the one that shareSession() has.';
  assert.deepEqual((await browser.json('/update')).body, ['TypeError', words]);
  assert.equal((await browser.json('/read')).body.user, 'ann');
});

test('what an HTTP request sets back after an update() is saved', LIMIT, async (t) => {
  const ways = {
    '/set': async (session) => {
      await session.update((fresh) => {
        fresh.status = 'busy';
      });
      session.status = 'idle';
    },
    '/delete': async (session) => {
      await session.update((fresh) => {
        fresh.lock = 1;
      });
      delete session.lock;
    },
    '/pop': async (session) => {
      await session.update((fresh) => {
        fresh.list.push('a');
      });
      session.list.pop();
    },
    '/unsaved': async (session) => {
      session.status = 'busy';
      await session.update((fresh) => {
        fresh.lock = 1;
      });
      delete session.lock;
    },
  };
  const f = await shareFixture(t, {
    app({ app }) {
      app.get('/begin', (req, res) => {
        Object.assign(req.session, { status: 'idle', list: [] });
        delete req.session.lock;
        res.json(req.session.id);
      });
      for (const [path, work] of Object.entries(ways))
        app.get(path, (req, res, next) => work(req.session).then(() => res.json(path), next));
    },
  });
  for (const path of Object.keys(ways)) {
    const browser = await f.login();
    await browser.request('/begin');
    await browser.request(path);
    const { status, lock, list } = (await browser.json('/read')).body;
    const expected = { status: path === '/unsaved' ? 'busy' : 'idle', lock: undefined, list: [] };
    assert.deepEqual({ status, lock, list }, expected, path);
  }
});

test(
  'an update() that changes nothing takes back nothing that others have saved meanwhile',
  LIMIT,
  async (t) => {
    const [asked, goOn, worked, finish] = [deferred(), deferred(), deferred(), deferred()];
    const f = await shareFixture(t, {
      app({ io }) {
        io.on('connection', (socket) => {
          socket.on('buy', async (ack) => {
            await socket.session.update(async () => {
              asked.resolve();
              await goOn.promise;
            });
            ack();
          });
          socket.on('work', async (ack) => {
            const { session } = socket;
            Object.assign(session, { n: 1, job: { lock: 1 } });
            worked.resolve();
            await finish.promise;
            session.n += 1;
            delete session.job.lock;
            ack([session.n, session.job]);
          });
          socket.on('seen', (ack) => {
            socket.session.seen = true;
            ack();
          });
        });
      },
    });
    const { browser, socket } = await f.bound();
    const bought = socket.ask('buy');
    await asked.promise;
    const work = socket.ask('work');
    await worked.promise;
    await socket.ask('seen');
    goOn.resolve();
    await bought;
    finish.resolve();
    assert.deepEqual(await work, [2, {}]);
    const { n, job, seen } = (await browser.json('/read')).body;
    assert.deepEqual({ n, job, seen }, { n: 2, job: {}, seen: true });
  },
);

test("a socket's own session keeps its mark, and what its events count", LIMIT, async (t) => {
  const store = new HostileStore();
  const { connect } = await shareFixture(t, {
    store,
    app: ({ io }) => {
      io.on('connection', (socket) => {
        socket.on('count', async (ack) => {
          await socket.session.update((own) => {
            own.count = (own.count ?? 0) + 1;
          });
          ack(socket.session.count);
        });
      });
    },
  });
  const socket = await connect();
  const stored = (count) => until(() => store.read(socket.id)?.count === count, `${count} is stored`);
  assert.equal(await socket.ask('count'), 1);
  await stored(1);
  assert.equal(await socket.ask('count'), 2);
  await stored(2);
  assert.deepEqual(store.read(socket.id), { cookie: { __io: true }, count: 2 });
  await Promise.all(Array.from({ length: 20 }, () => socket.ask('count')));
  await stored(22);
  assert.deepEqual(store.read(socket.id), { cookie: { __io: true }, count: 22 });
});

// What both faces of an app call with the session that they have: `/do` and the event `do`.
async function doing(t, store, acts) {
  return shareFixture(t, {
    store,
    options: { onError() {} },
    app({ app, io }) {
      app.get('/do', async (req, res) => res.json(await acts[req.query.what](req.session)));
      io.on('connection', (socket) => {
        socket.on('do', async (what, ack) => ack(await acts[what](socket.session)));
        socket.on('look', (ack) => ack(socket.session));
      });
    },
  });
}

describe('inside of update(), without a callback', () => {
  for (const method of ['reload', 'regenerate', 'save', 'destroy']) {
    for (const where of ['an HTTP request', 'a socket']) {
      test(`${method}() gives a promise, and ends no process, in ${where}`, LIMIT, async (t) => {
        let given;
        const f = await doing(t, new HostileStore(), {
          async call(own) {
            const updated = own.update(async (one) => {
              given = one[method]();
              await Promise.allSettled([given]);
            });
            // Whether the session is gone then is another question.
            await Promise.allSettled([updated]);
            return 'done';
          },
        });
        const { browser, socket } = await f.bound();
        if (where === 'a socket') assert.equal(await socket.ask('do', 'call'), 'done');
        else assert.equal((await browser.json('/do?what=call')).body, 'done');
        // An uncaught exception would fail the test.
        await settle();
        assert.ok(given instanceof Promise, 'it gives a promise');
        if (method === 'save') await assert.rejects(given, /update\(\) saves what its function has changed/);
      });
    }
  }
});

for (const [name, open] of Object.entries(STORES)) {
  describe(`update of a session that is not stored yet, on ${name}`, () => {
    // It takes two turns between what it reads and what it writes.
    const count = async (one) => {
      const { visits = 0 } = one;
      await settle(2);
      one.visits = visits + 1;
    };
    const fail = async (one) => {
      one.half = 1;
      one.cart.push('half');
      await settle(2);
      throw new Error('wrong');
    };
    const acts = {
      visit: (own) => own.update(count).then(() => 'done'),
      async visits(own) {
        await Promise.all([own.update(count), own.update(count), own.update(count)]);
        return own.visits;
      },
      async fail(own) {
        own.cart = ['apple'];
        const message = await own.update(fail).catch((error) => error.message);
        return { message, cart: own.cart, half: own.half };
      },
    };

    test('of several at once each counts, in a request', LIMIT, async (t) => {
      const { browser: visitor } = await doing(t, open(), acts);
      const browser = visitor();
      assert.equal((await browser.json('/do?what=visits')).body, 3);
      assert.equal((await browser.json('/read')).body.visits, 3);
    });

    test(
      'of several at once each counts, in an event of a stranger, and in several events',
      LIMIT,
      async (t) => {
        const { connect } = await doing(t, open(), acts);
        const [one, other] = [await connect(), await connect()];
        assert.equal(await one.ask('do', 'visits'), 3);
        assert.equal((await one.ask('look')).visits, 3);
        await Promise.all(Array.from({ length: 5 }, () => other.ask('do', 'visit')));
        assert.equal((await other.ask('look')).visits, 5);
      },
    );

    test('one whose function throws leaves nothing', LIMIT, async (t) => {
      const { browser: visitor, connect } = await doing(t, open(), acts);
      const [browser, socket] = [visitor(), await connect()];
      const nothing = { message: 'wrong', cart: ['apple'] };
      assert.deepEqual((await browser.json('/do?what=fail')).body, nothing);
      assert.deepEqual(await socket.ask('do', 'fail'), nothing);
      for (const own of [(await browser.json('/read')).body, await socket.ask('look')]) {
        const { cart, half } = own;
        assert.deepEqual({ cart, half }, { cart: ['apple'], half: undefined });
      }
    });
  });
}

describe('compareAndSet', () => {
  test('a commit is one call of it, and a conflict is merged without reading again', LIMIT, async () => {
    const store = new CommittingTextStore();
    const { adopted, load, read } = await stored(store);
    assert.equal(adopted.exact, 'processes');
    const live = await load();
    live.mine = 1;
    // Another process.
    const text = store.texts.get('sid');
    store.texts.set('sid', text.replace('"count":0', '"count":7'));
    store.calls.length = 0;
    await call(live, 'save');
    assert.deepEqual(store.calls, ['compareAndSet', 'compareAndSet']);
    const { count, mine } = await read();
    assert.deepEqual([count, mine], [7, 1]);
    for (const change of store.changes) assert.equal(JSON.stringify(change.session), change.text);
  });

  test('an update runs again on what another process has written', LIMIT, async () => {
    const store = new CommittingTextStore();
    const { update, read } = await stored(store);
    let runs = 0;
    await update(undefined, (one) => {
      runs += 1;
      if (runs === 1) store.texts.set('sid', store.texts.get('sid').replace('"count":0', '"count":7'));
      one.count += 1;
    });
    assert.equal(runs, 2);
    assert.equal((await read()).count, 8);
  });

  test('an update that has lost many times succeeds when the others have ended', LIMIT, async () => {
    for (const spell of [(text) => text, spelled]) {
      const store = spell === spelled ? new SpellingTextStore() : new CommittingTextStore();
      const { update, read } = await stored(store);
      let calls = 0;
      await update(undefined, (one) => {
        calls += 1;
        const others = { ...JSON.parse(store.texts.get('sid')), others: calls };
        if (calls <= 6) store.texts.set('sid', spell(JSON.stringify(others)));
        one.count += 1;
      });
      const { count, others } = await read();
      assert.deepEqual([calls, count, others], [7, 1, 6]);
    }
  });

  test('the time to live begins anew with the cookie, and stays otherwise', LIMIT, async () => {
    const store = new CommittingTextStore();
    const { update } = await stored(store);
    await update(undefined, increment);
    await update(undefined, (one) => {
      one.cookie.maxAge = 120_000;
    });
    assert.deepEqual(
      store.changes.map(({ renew }) => renew),
      [false, true],
    );
  });

  test('a failure of it is the failure of the save', LIMIT, async () => {
    const store = new CommittingTextStore();
    const { update, load } = await stored(store);
    const failed = new Error('no connection');
    store.compareAndSet = (_sid, _expected, _change, callback) => callback(failed);
    const live = await load();
    live.mine = 1;
    await assert.rejects(call(live, 'save'), failed);
    await assert.rejects(update(live, increment), failed);
    store.compareAndSet = () => {
      throw failed;
    };
    await assert.rejects(update(live, increment), failed);
  });

  test('a session that others write every time is given up after a hundred conflicts', LIMIT, async () => {
    const store = new CommittingTextStore();
    const { load } = await stored(store);
    let others = 0;
    store.compareAndSet = (_sid, expected, _change, callback) => {
      others += 1;
      callback(null, JSON.stringify({ ...JSON.parse(expected), others }));
    };
    const live = await load();
    live.mine = 1;
    await assert.rejects(call(live, 'save'), /written by others 100 times/);
    assert.equal(others, 100);
  });

  test('an update before which others write for as long as a store may take is given up', LIMIT, async () => {
    const store = new CommittingTextStore();
    const { adopted, update } = await stored(store);
    adopted.timeout = 50;
    let others = 0;
    store.compareAndSet = (_sid, expected, _change, callback) => {
      others += 1;
      callback(null, JSON.stringify({ ...JSON.parse(expected), others }));
    };
    const { code, message } = await update(undefined, increment).catch((error) => error);
    assert.equal(code, 'ERR_STORE_TIMEOUT');
    const words = `An update() was tried ${others} times in 50 ms (storeTimeout)`;
    assert.ok(message.includes(words), message);
  });

  for (const answer of [false, 0, undefined, { modifiedCount: 1 }]) {
    test(
      `a store whose compareAndSet answers ${JSON.stringify(answer)} is told what was expected`,
      LIMIT,
      async () => {
        const store = new CommittingTextStore();
        const { load, update } = await stored(store);
        store.compareAndSet = (_sid, _expected, _change, callback) => callback(null, answer);
        const live = await load();
        live.mine = 1;
        const expected = {
          name: 'TypeError',
          message: /compareAndSet has answered .*: true, the stored text or null/,
        };
        await assert.rejects(call(live, 'save'), expected);
        await assert.rejects(update(undefined, increment), expected);
      },
    );
  }

  test('a text that is no JSON, by compareAndSet, is an error that says so', LIMIT, async () => {
    const store = new CommittingTextStore();
    const { update } = await stored(store);
    store.compareAndSet = (_sid, _expected, _change, callback) => callback(null, 'no JSON');
    await assert.rejects(update(undefined, increment), { code: 'ERR_INVALID_DOCUMENT' });
  });

  test('an update that waits too long behind one that does not end says so', LIMIT, async () => {
    const { adopted, update } = await stored(new CommittingTextStore());
    adopted.timeout = 50;
    const never = () => new Promise(() => {});
    const failures = [never, never, never, increment].map((change) =>
      update(undefined, change).catch((error) => error),
    );
    const { code, message } = (await Promise.all(failures)).at(-1);
    assert.equal(code, 'ERR_STORE_TIMEOUT');
    assert.match(message, /^An update\(\) has waited for 100 ms/);
  });

  test(
    'a store without it gets a date to come, where it has kept a session beyond the date in it',
    LIMIT,
    async () => {
      const store = new TextStore();
      const { load, read } = await stored(store);
      const past = { ...JSON.parse(store.texts.get('sid')) };
      past.cookie.expires = new Date(Date.now() - 1000).toISOString();
      store.texts.set('sid', JSON.stringify(past));
      const live = await load();
      live.mine = 1;
      await call(live, 'save');
      const { cookie, mine } = await read();
      assert.equal(mine, 1);
      const left = Date.parse(cookie.expires) - Date.now();
      assert.ok(left > 50_000 && left <= 60_000, `${left} ms left`);
    },
  );

  test('a store without it is exact within its process, and says so', LIMIT, async () => {
    const { adopted } = await stored(new TextStore());
    assert.equal(adopted.exact, 'process');
  });

  test('redisCompareAndSet refuses what is no client of node-redis or ioredis', () => {
    for (const client of [undefined, null, {}, new EventEmitter(), { eval() {} }, { get() {} }]) {
      assert.throws(() => redisCompareAndSet(client), {
        name: 'TypeError',
        message: /takes a client of node-redis or ioredis/,
      });
    }
  });
});

describe('update of an object in the session', () => {
  const app = ({ app, io }) => {
    const put = (text) => (one) => Object.assign(one, { prefs: JSON.parse(text) });
    const count = (one) => {
      one.state = { n: one.state.n + 1 };
    };
    app.get('/new', async (req, res) => {
      req.session.prefs = {};
      req.session.state = Object.freeze({ n: 0 });
      await req.session.update(put(req.query.text));
      await req.session.update(count);
      res.json(req.session);
    });
    io.on('connection', (socket) => {
      socket.on('put', async (text, ack) => {
        socket.session.puts = (socket.session.puts ?? 0) + 1;
        await socket.session.update(put(text));
        ack(JSON.stringify(socket.session.prefs));
      });
      socket.on('count', async (ack) => {
        socket.session.state ??= Object.freeze({ n: 0 });
        await socket.session.save();
        await socket.session.update(count);
        ack(socket.session.state.n);
      });
      socket.on('seal', async (ack) => {
        socket.session.state = Object.seal({ n: 0 });
        await socket.session.save();
        const n = await socket.session.update((one) => {
          one.state = { n: 1, more: true };
          return 1;
        });
        ack(n);
      });
    });
  };

  for (const key of ['cookie', 'constructor', 'hasOwnProperty', '__proto__', 'id']) {
    test(`reaches its field ${key}, in the store and in the session at hand`, LIMIT, async (t) => {
      const { bound, browser } = await shareFixture(t, { app });
      const { browser: known, socket } = await bound();
      const stored = async (one) => JSON.stringify((await one.json('/read')).body.prefs);
      for (const value of ['yes', 'no']) {
        const text = `{"${key}":"${value}","deep":{"${key}":1}}`;
        assert.equal(await socket.ask('put', text), text);
        assert.equal(await stored(known), text);
        const fresh = browser();
        await fresh.json(`/new?text=${encodeURIComponent(text)}`);
        assert.equal(await stored(fresh), text);
      }
      assert.equal((await known.json('/read')).body.puts, 2);
    });
  }

  test('takes the place of one that is frozen', LIMIT, async (t) => {
    const { bound, browser } = await shareFixture(t, { app });
    const { browser: known, socket } = await bound();
    assert.equal(await socket.ask('count'), 1);
    assert.equal(await socket.ask('count'), 2);
    assert.equal((await known.json('/read')).body.state.n, 2);
    assert.equal((await browser().json('/new?text={}')).body.state.n, 1);
  });

  test('is written, and fulfilled, where one in the session at hand is sealed', LIMIT, async (t) => {
    const { bound } = await shareFixture(t, { app, options: { onError() {} } });
    const { browser, socket } = await bound();
    assert.equal(await socket.ask('seal'), 1);
    assert.deepEqual((await browser.json('/read')).body.state, { n: 1, more: true });
  });
});
