'use strict';

// Events of one session that come together load it once, whatever the store is, and each has its own.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { Pool } = require('pg');
const session = require('express-session');
const { createClient } = require('redis');
const { HostileStore, SynchronousStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { startPostgres } = require('./support/postgres-server.js');
const { startRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

const SOCKETS = 20;

// Sockets of one session, and how their packets come together: `arrive` gives them to the server as one read of its
// sockets would. What their handler answers to it is collected in `answers`.
async function crowd(t, { store, options, run, sockets = SOCKETS }) {
  const answers = [];
  const f = await shareFixture(t, {
    store,
    options,
    app({ io }) {
      io.on('connection', (socket) => {
        socket.on('do', (data) => answers.push(run(socket.session, data)));
      });
    },
  });
  const { browser, key, sid } = await f.bound();
  while (f.io.sockets.sockets.size < sockets) await f.connect({ key });
  const all = [...f.io.sockets.sockets.values()];
  const arrive = (chosen = all) => {
    for (const socket of chosen)
      socket.client.conn.emit('data', `2${JSON.stringify(['do', all.indexOf(socket)])}`);
  };
  const answered = (count) => until(() => answers.length === count, `${count} handlers have run`);
  return { ...f, all, answered, answers, arrive, browser, sid };
}

/** A store that gives what it was given, an object, and counts its gets. */
class ObjectStore extends session.Store {
  constructor(change = (data) => data) {
    super();
    this.change = change;
    this.sessions = new Map();
    this.gets = 0;
  }

  get(sid, callback) {
    this.gets += 1;
    const stored = this.sessions.get(sid);
    setImmediate(callback, null, stored && this.change(structuredClone(stored)));
  }

  set(sid, data, callback) {
    this.sessions.set(sid, JSON.parse(JSON.stringify(data)));
    setImmediate(callback, null);
  }

  destroy(sid, callback) {
    this.sessions.delete(sid);
    setImmediate(callback, null);
  }
}

/** One that answers by promise too. */
class PromiseStore extends HostileStore {
  get(sid, callback) {
    return new Promise((resolve, reject) => {
      super.get(sid, (error, data) => {
        if (error) reject(error);
        else resolve(data);
        callback(error, data);
      });
    });
  }
}

describe('events of one session that come together', () => {
  let redis;
  let postgres;
  let client;
  before(async () => {
    [redis, postgres] = await Promise.all([startRedis(), startPostgres()]);
    client = await createClient({ socket: { host: '127.0.0.1', port: redis.port } }).connect();
  });
  after(async () => {
    await client.close();
    await Promise.all([redis.stop(), postgres.stop()]);
  });

  const redisStore = (set) => async (t) => {
    const kept = await stores.redis(redis, undefined, set);
    t.after(() => kept.cleanup());
    const gets = async () =>
      Number(/cmdstat_get:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
    return { store: kept.store, gets };
  };
  const hostile = (Store) => () => {
    const store = new Store();
    return { store, gets: () => store.count('get') };
  };
  const kinds = {
    'a store that answers later': hostile(HostileStore),
    'a store that answers at once': hostile(SynchronousStore),
    'a store that answers by callback and by promise': hostile(PromiseStore),
    'a store of objects'() {
      const store = new ObjectStore();
      return { store, gets: () => store.gets };
    },
    'connect-redis 8 on ioredis': redisStore({ version: 'connect-redis 8', client: 'ioredis' }),
    'connect-redis 8 on node-redis': redisStore({ version: 'connect-redis 8' }),
    'connect-redis 9 on node-redis': redisStore(),
    async 'connect-pg-simple'(t) {
      const { mock } = t.mock.method(Pool.prototype, 'query');
      const kept = await stores.postgres(postgres);
      t.after(() => kept.cleanup());
      const gets = () => mock.calls.filter(({ arguments: [text] }) => /^SELECT sess /.test(text)).length;
      return { store: kept.store, gets };
    },
  };

  for (const [name, open] of Object.entries(kinds)) {
    test(`on ${name} have each a session of their own`, LIMIT, async (t) => {
      const { store } = await open(t);
      const users = [];
      const run = (own, number) => {
        assert.equal(own.user, 'ann');
        users.push(own);
        // The next to come must not see it.
        own.cookie.extra = number;
        own.user = `user ${number}`;
        return number;
      };
      const { answered, answers, arrive } = await crowd(t, { store, run });
      arrive();
      await answered(SOCKETS);
      assert.deepEqual(answers, [...Array(SOCKETS).keys()]);
      assert.equal(new Set(users).size, SOCKETS);
      assert.deepEqual(
        users.map(({ cookie, user }) => [cookie.extra, user]),
        answers.map((number) => [number, `user ${number}`]),
      );
    });

    test(`on ${name} are one get`, LIMIT, async (t) => {
      const { store, gets } = await open(t);
      const { answered, answers, arrive } = await crowd(t, { store, run: (own) => own.user });
      const before = await gets();
      arrive();
      await answered(SOCKETS);
      assert.deepEqual(answers, Array(SOCKETS).fill('ann'));
      assert.equal((await gets()) - before, 1);
    });
  }
});

test('an object within a session is each event’s own, too', LIMIT, async (t) => {
  const store = new ObjectStore();
  const run = (own, number) => {
    own.tags.push(number);
    return own.tags;
  };
  const { answered, answers, arrive, sid } = await crowd(t, { store, run, sockets: 3 });
  store.sessions.get(sid).tags = ['a'];
  arrive();
  await answered(3);
  assert.deepEqual(answers, [
    ['a', 0],
    ['a', 1],
    ['a', 2],
  ]);
});

test('what is more than JSON is asked for by each event', LIMIT, async (t) => {
  const at = new Date(0);
  const store = new ObjectStore((data) => ({ ...data, at: new Date(at) }));
  const { answered, answers, arrive } = await crowd(t, { store, run: (own) => own.at, sockets: 3 });
  const before = store.gets;
  arrive();
  await answered(3);
  assert.deepEqual(answers, [at, at, at]);
  assert.equal(store.gets - before, 3);
});

test('a get that has been sent is not joined by an event that comes later', LIMIT, async (t) => {
  const store = new HostileStore();
  const { all, answered, answers, arrive, sid } = await crowd(t, {
    store,
    run: (own) => own.user,
    sockets: 2,
  });
  const sent = store.holdAnswer('get', (id) => id === sid);
  arrive([all[0]]);
  await sent.reached;
  store.plant(sid, { ...store.read(sid), user: 'bob' });
  arrive([all[1]]);
  // The one that came later does not wait for the other, either: it is another socket's.
  await answered(1);
  sent.release();
  await answered(2);
  assert.deepEqual(answers, ['bob', 'ann']);
});

test(
  'an event sees what was written before it in the same turn, and so does one that came before',
  LIMIT,
  async (t) => {
    const store = new HostileStore();
    const { all, answered, answers, arrive, sid } = await crowd(t, {
      store,
      run: (own) => own.user,
      sockets: 2,
    });
    arrive([all[0]]);
    store.plant(sid, { ...store.read(sid), user: 'bob' });
    arrive([all[1]]);
    await answered(2);
    assert.deepEqual(answers, ['bob', 'bob']);
  },
);

test('a failure of a shared get is every event’s, and a late answer is nobody’s', LIMIT, async (t) => {
  const store = new HostileStore();
  const errors = [];
  const options = { storeTimeout: 1_000, onError: (error) => errors.push(error) };
  const { answered, arrive, sid } = await crowd(t, { store, options, run: (own) => own.user, sockets: 3 });
  const mine = (id) => id === sid;
  for (const behaviour of ['error', 'throw']) {
    store.next('get', behaviour, mine);
    arrive();
    await until(() => errors.length === 3, `each is told of: ${behaviour}`);
    for (const error of errors.splice(0)) assert.match(error.message, /^scripted/);
  }
  const late = store.hold('get', mine);
  arrive();
  await until(() => errors.length === 3, 'the deadline is over');
  assert.deepEqual(new Set(errors.map(({ code }) => code)), new Set(['ERR_STORE_TIMEOUT']));
  late.release();
  store.next('get', 'twice at once', mine);
  arrive();
  await answered(3);
});

test('a get that the app has put in the place of the store’s is called for each event', LIMIT, async (t) => {
  const store = new HostileStore();
  const { answered, arrive, sid } = await crowd(t, { store, run: (own) => own.user, sockets: 3 });
  const asked = [];
  const { get } = store;
  store.get = function (id, callback) {
    asked.push(id);
    return get.call(this, id, callback);
  };
  arrive();
  await answered(3);
  assert.deepEqual(asked, [sid, sid, sid]);
});

/** Compares and sets. While it `holds`, it answers to that when it is told to. */
class ComparingStore extends ObjectStore {
  compareAndSet(sid, expected, { text }, callback) {
    const stored = JSON.stringify(this.sessions.get(sid));
    if (stored === expected) this.sessions.set(sid, JSON.parse(text));
    const answer = () => callback(null, stored === expected || stored);
    if (this.holds) this.answer = answer;
    else answer();
  }
}

// One socket, whose save has been made and is not answered. Another process has written since.
async function savedByBoth(t) {
  const store = new ComparingStore();
  const f = await crowd(t, {
    store,
    sockets: 1,
    run(current, n) {
      current.own = (current.own ?? n) + 1;
      return current.theirs;
    },
  });
  store.holds = true;
  f.arrive();
  await until(() => store.answer, 'the first event saves');
  store.sessions.get(f.sid).theirs = 'of another process';
  return { f, store };
}

test(
  'an event sees what another process wrote before it came, though a save of its socket ends in the same round',
  LIMIT,
  async (t) => {
    const { f, store } = await savedByBoth(t);
    f.arrive();
    // The second event waits to be loaded by now.
    await new Promise(process.nextTick);
    store.holds = false;
    store.answer();
    await f.answered(2);
    assert.deepEqual(f.answers, [undefined, 'of another process']);
  },
);

test(
  'an event sees what another process wrote between a save of its socket and its own load, though the save is answered later',
  LIMIT,
  async (t) => {
    const { f, store } = await savedByBoth(t);
    // The session is read, and then the save is answered, and then the load.
    store.change = (data) => {
      store.change = (same) => same;
      store.holds = false;
      store.answer();
      return data;
    };
    f.arrive();
    await f.answered(2);
    assert.deepEqual(f.answers, [undefined, 'of another process']);
  },
);
