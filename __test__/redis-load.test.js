'use strict';

// What events read from Redis: texts that other programs may have spelled, loads that come together, and stores that are
// more than connect-redis.

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const { createClient } = require('redis');
const { RedisStore } = require('connect-redis');
const { Store } = require('express-session');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { startRedis } = require('./support/redis-server.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

let server;
let redis;
before(async () => {
  server = await startRedis();
  redis = await createClient({ socket: { host: '127.0.0.1', port: server.port } }).connect();
});
after(async () => {
  await redis.close();
  await server.stop();
});

// A bound socket on connect-redis, and an event `do` that runs `handler.run` of its session.
async function begin(t, { open = stores.redis, errors = [] } = {}) {
  const kept = await open(server);
  const handler = { run: () => undefined };
  const app = (context) =>
    context.on('do', function (data, ack) {
      ack(handler.run(this.session, data));
    });
  const f = await fixture(t, { store: kept.store, app, options: { onError: (error) => errors.push(error) } });
  const { socket, sid } = await f.bound();
  t.after(async () => {
    await settle();
    await kept.cleanup();
  });
  const handle = (run) => {
    handler.run = run;
    return socket.ask('do', {});
  };
  // As if these events had come in one packet: their handlers are dispatched one after the other, at once.
  const together = (events) => {
    const serverSocket = f.host.io.sockets.sockets.get(socket.id);
    const [listener] = serverSocket.listeners('do');
    return events.map((data) => new Promise((resolve) => listener(data, resolve)));
  };
  const spelled = (text) => redis.set(kept.prefix + sid, text);
  return { ...f, handle, handler, kept, sid, socket, spelled, together };
}

async function gets() {
  return Number(/cmdstat_get:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0);
}

const COOKIE = '{"originalMaxAge":3600000,"expires":"2126-01-01T00:00:00.000Z","httpOnly":true,"path":"/"}';
// All of them say this.
const DATA = { user: { name: 'ann', tags: ['a', 'é'] }, visits: 7, url: 'a/b', none: null };
const SPELLINGS = {
  'express-session itself': `{"cookie":${COOKIE},"user":{"name":"ann","tags":["a","é"]},"visits":7,"url":"a/b","none":null}`,
  'spaces between values': `{"cookie":${COOKIE}, "user": {"name": "ann", "tags": ["a", "é"]}, "visits": 7, "url": "a/b", "none": null}`,
  'spaces within values': `{"cookie":${COOKIE},"user":{ "name":"ann", "tags" : ["a","é"]},"visits":7,"url":"a/b","none":null}`,
  'spaces everywhere': `{ "cookie": ${COOKIE},\n"user": {"name": "ann",\t"tags": ["a", "é"]}, "visits": 7, "url": "a/b", "none": null }\n`,
  'spaces behind values': `{"cookie":${COOKIE} ,"user":{"name":"ann","tags":["a","é"]} ,"visits":7 ,"url":"a/b" ,"none":null }`,
  'escaped characters': `{"cookie":${COOKIE},"user":{"name":"\\u0061nn","tags":["a","\\u00e9"]},"visits":7,"url":"a\\/b","none":null}`,
  'escaped names': `{"cookie":${COOKIE},"\\u0075ser":{"name":"ann","tags":["a","é"]},"visits":7,"ur\\u006c":"a/b","none":null}`,
  'other numbers': `{"cookie":${COOKIE},"user":{"name":"ann","tags":["a","é"]},"visits":70e-1,"url":"a/b","none":null}`,
  'names twice': `{"cookie":${COOKIE},"visits":1,"user":{"name":"eve"},"user":{"name":"bob","name":"ann","tags":["a","é"]},"visits":7,"url":"a/b","none":null}`,
  'a name twice, once escaped': `{"cookie":${COOKIE},"user":{"name":"ann","tags":["a","é"]},"visits":1,"\\u0076isits":7,"url":"a/b","none":null}`,
};

for (const [name, text] of Object.entries(SPELLINGS)) {
  test(`C6: reading a session that was spelled with ${name} writes nothing`, LIMIT, async (t) => {
    const { handle, kept, sid, spelled } = await begin(t);
    await spelled(text);
    const writes = await kept.writes();
    for (const [key, value] of Object.entries(DATA)) {
      assert.deepEqual(await handle((session) => session[key]), value);
    }
    assert.deepEqual(
      await handle((session) => Object.keys(session).sort()),
      ['cookie', ...Object.keys(DATA)].sort(),
    );
    assert.equal(await handle((session) => session.cookie.originalMaxAge), 3_600_000);
    await handle((session) => {
      session.visits = 7;
      session.user.name = 'ann';
    });
    assert.equal(await handle((session) => session.visits), 7);
    assert.equal(await kept.text(sid), text);
    assert.equal(await kept.writes(), writes);
  });

  test(`a field of a session that was spelled with ${name} can be changed`, LIMIT, async (t) => {
    const { handle, kept, sid, spelled } = await begin(t);
    await spelled(text);
    await handle((session) => {
      session.user.tags.push('more');
      session.visits += 1;
      session.new = true;
    });
    const expected = {
      cookie: JSON.parse(COOKIE),
      ...DATA,
      user: { name: 'ann', tags: ['a', 'é', 'more'] },
      visits: 8,
      new: true,
    };
    await until(async () => (await kept.text(sid)) !== text);
    assert.deepEqual(await kept.read(sid), expected);
  });
}

test('a text that is no JSON reaches onError when a handler looks, and stays', LIMIT, async (t) => {
  const errors = [];
  const { handler, kept, sid, socket, spelled } = await begin(t, { errors });
  for (const text of [`{"cookie":${COOKIE},"visits":}`, `{"cookie":${COOKIE},"visits"}`, '{"cookie":{"a}']) {
    errors.length = 0;
    await spelled(text);
    handler.run = (session) => session.visits;
    socket.send('do', {});
    await until(() => errors.length > 0);
    assert.ok(errors[0] instanceof SyntaxError, errors[0]);
    assert.equal(await kept.text(sid), text);
  }
});

test('events of one session that come together are one GET', LIMIT, async (t) => {
  const { handler, together } = await begin(t);
  handler.run = (session) => session.user;
  const before = await gets();
  const answers = await Promise.all(together(new Array(20).fill({})));
  assert.deepEqual(answers, new Array(20).fill('ann'));
  assert.equal((await gets()) - before, 1);
  await Promise.all(together([{}]));
  assert.equal((await gets()) - before, 2);
});

test('events of one socket that share a GET share its current session', LIMIT, async (t) => {
  const { handler, kept, sid, together } = await begin(t);
  const seen = [];
  handler.run = (session, { key }) => {
    seen.push(session);
    assert.equal(session.user, 'ann');
    session[key] = true;
    return Object.keys(session).length;
  };
  const counts = await Promise.all(together([{ key: 'one' }, { key: 'two' }, { key: 'three' }]));
  assert.equal(new Set(seen).size, 1);
  assert.deepEqual(counts, [counts[0], counts[0] + 1, counts[0] + 2]);
  await until(async () => (await kept.read(sid)).three);
  const { one, two, three } = await kept.read(sid);
  assert.deepEqual([one, two, three], [true, true, true]);
});

test(
  'an event sees what was written before it, though another event of its session waits for a GET',
  LIMIT,
  async (t) => {
    const { handler, kept, sid, together } = await begin(t);
    const stored = await kept.read(sid);
    handler.run = (session) => session.user;
    const [first] = together([{}]);
    const written = new Promise((resolve) => kept.store.set(sid, { ...stored, user: 'bob' }, resolve));
    const [second] = together([{}]);
    assert.match(await first, /^(ann|bob)$/);
    assert.equal(await second, 'bob');
    await written;
  },
);

test('a failure of a shared GET is every event’s', LIMIT, async (t) => {
  const errors = [];
  const { kept, sid, together } = await begin(t, { errors });
  await redis.del(kept.prefix + sid);
  await redis.lPush(kept.prefix + sid, 'no text');
  together([{}, {}, {}]);
  await until(() => errors.length === 3);
  assert.match(errors[0].message, /WRONGTYPE/);
});

for (const [name, change] of Object.entries({
  'a subclass': (client, prefix, loaded) =>
    new (class extends RedisStore {
      async get(sid, callback) {
        const session = await super.get(sid);
        if (session?.cookie) loaded.push(sid);
        return callback ? callback(null, session && { ...session, extra: 'more' }) : session;
      }
    })({ client, prefix }),
  'an app': (client, prefix, loaded) => {
    const store = new RedisStore({ client, prefix });
    const get = store.get.bind(store);
    store.get = async (sid, callback) => {
      const session = await get(sid);
      if (session?.cookie) loaded.push(sid);
      return callback ? callback(null, session && { ...session, extra: 'more' }) : session;
    };
    return store;
  },
})) {
  test(
    `a get that ${name} has put in the place of connect-redis's is the one that is asked`,
    LIMIT,
    async (t) => {
      const loaded = [];
      const open = async (of) => {
        const kept = await stores.redis(of);
        return { ...kept, store: change(kept.store.client, kept.prefix, loaded) };
      };
      const { handle, kept, sid } = await begin(t, { open });
      loaded.length = 0;
      assert.deepEqual(await handle((session) => [session.user, session.extra]), ['ann', 'more']);
      assert.deepEqual(loaded, [sid]);
      await handle((session) => {
        session.user = 'bob';
      });
      await until(async () => (await kept.read(sid)).user === 'bob');
    },
  );
}

// As connect-redis was before its version 7, on a client that answers by callback alone.
class EarlyRedisStore extends Store {
  constructor(client, prefix) {
    super();
    Object.assign(this, { client, prefix, serializer: JSON });
  }

  get(sid, callback) {
    this.client.get(this.prefix + sid, (error, text) =>
      callback(error, text ? this.serializer.parse(text) : undefined),
    );
  }

  set(sid, session, callback) {
    this.client.set(this.prefix + sid, this.serializer.stringify(session), callback);
  }

  touch(_sid, _session, callback) {
    callback();
  }

  destroy(sid, callback) {
    this.client.del(this.prefix + sid, callback);
  }

  ids(callback) {
    callback(null, []);
  }

  _getTTL() {
    return 86_400;
  }
}

test(
  'a connect-redis before 7, whose client answers by callback, is read and written as any store',
  LIMIT,
  async (t) => {
    const errors = [];
    const open = async (...args) => {
      const kept = await stores.redis(...args);
      return { ...kept, store: new EarlyRedisStore(kept.store.client.legacy(), kept.prefix) };
    };
    const { handle, kept, sid } = await begin(t, { errors, open });
    const name = await handle((session) => {
      session.late = true;
      return session.user;
    });
    assert.equal(name, 'ann');
    await until(async () => (await kept.read(sid)).late, 'what it wrote is saved');
    assert.deepEqual(errors, []);
  },
);
