'use strict';

// Events of different sessions that come together: what Redis is asked for all of them, and that each is treated as if it
// had come alone.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { createClient, RESP_TYPES } = require('redis');
const { LIMIT } = require('./support/limit.js');
const { startRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

const SOCKETS = 20;

let server;
let redis;

async function begin(flags) {
  server = await startRedis(flags);
  redis = await createClient({ socket: { host: '127.0.0.1', port: server.port } }).connect();
}
beforeEach(() => begin());
afterEach(async () => {
  await redis.close();
  await server.stop();
});

// How often Redis was asked for each command meanwhile; a script's own commands are not counted.
async function asked(run) {
  await redis.configResetStat();
  await run();
  const stats = await redis.info('commandstats');
  const calls = Object.fromEntries(
    [...stats.matchAll(/cmdstat_(m?get|evalsha):calls=(\d+)/g)].map(([, name, count]) => [
      name,
      Number(count),
    ]),
  );
  if (calls.evalsha) delete calls.get;
  return calls;
}

// Sockets with a session each. `together(run)` has their packets come as one read of the server's sockets would bring
// them; `run(session, number)` is their handler, and what it gives is the answer.
async function crowd(t, { set, change = ({ store }) => store } = {}) {
  const kept = await stores.redis(server, undefined, set);
  t.after(() => kept.cleanup());
  const errors = [];
  let run;
  let answers = [];
  const f = await shareFixture(t, {
    store: change(kept),
    options: { onError: (error) => errors.push(error) },
    app({ io }) {
      io.on('connection', (socket) => {
        socket.on('do', async (number, ack) => {
          const answer = await run(socket.session, number);
          ack();
          answers.push(answer);
        });
      });
    },
  });
  const sids = [];
  for (let number = 0; number < SOCKETS; number += 1) {
    const browser = await f.login(`user ${number}`);
    await f.connect({ key: await f.keyOf(browser) });
    sids.push(browser.sid);
  }
  const sockets = [...f.io.sockets.sockets.values()];
  // To which sockets a packet comes, one after the other.
  const arrive = async (places, handler) => {
    run = handler;
    answers = [];
    places.forEach((place, number) => {
      sockets[place].client.conn.emit('data', `2${number}${JSON.stringify(['do', number])}`);
    });
    await until(() => answers.length === places.length, 'all handlers have run');
    return answers;
  };
  const together = (handler) => arrive(NUMBERS, handler);
  // So that something can happen between what they read and what they write.
  const hold = async (handler) => {
    let open;
    let running = 0;
    const gate = new Promise((resolve) => {
      open = resolve;
    });
    const done = together(async (session, number) => {
      running += 1;
      await gate;
      return handler(session, number);
    });
    await until(() => running === SOCKETS, 'all have been read');
    return () => {
      open();
      return done;
    };
  };
  const values = () => Promise.all(sids.map(async (sid) => (await kept.read(sid))?.value));
  const written = (expected) =>
    until(async () => {
      const now = await values();
      return now.every((value, number) => value === expected[number]);
    }, 'all is written');
  return { ...f, arrive, errors, hold, kept, sids, together, values, written };
}

const NUMBERS = [...Array(SOCKETS).keys()];
const USERS = NUMBERS.map((number) => `user ${number}`);
const read = (session) => session.user;
const write = (offset) => (session, number) => {
  session.value = offset + number;
};

async function writesOnCluster(t, set) {
  await redis.close();
  await server.stop();
  await begin({ 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' });
  await redis.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
  await until(async () => /cluster_state:ok/.test(await redis.sendCommand(['CLUSTER', 'INFO'])));
  const { errors, together, written } = await crowd(t, { set });
  for (const offset of [0, 100]) {
    await together(write(offset));
    await written(NUMBERS.map((number) => offset + number));
  }
  assert.deepEqual((await together(read)).sort(), [...USERS].sort());
  assert.deepEqual(errors, []);
}

for (const [name, set] of [
  ['connect-redis 9 on node-redis', undefined],
  ['connect-redis 8 on node-redis', { version: 'connect-redis 8' }],
  ['connect-redis 8 on ioredis', { version: 'connect-redis 8', client: 'ioredis' }],
  ['connect-redis 3 on node-redis 2', { version: 'connect-redis 3', client: 'node-redis 2' }],
]) {
  describe(name, () => {
    test('reads and writes the sessions of events that come together, each its own', LIMIT, async (t) => {
      const { errors, together, written } = await crowd(t, { set });
      assert.deepEqual((await together(read)).sort(), [...USERS].sort());
      await together(write(0));
      await written(NUMBERS);
      assert.deepEqual(errors, []);
    });

    test('writes all but the one that fails', LIMIT, async (t) => {
      const { errors, hold, kept, sids, values } = await crowd(t, { set });
      const go = await hold(write(0));
      await redis.del(kept.prefix + sids[7]);
      await redis.lPush(kept.prefix + sids[7], 'no text');
      await go();
      await until(() => errors.length === 1, 'one has failed');
      assert.match(errors[0].message, /WRONGTYPE/);
      await redis.del(kept.prefix + sids[7]);
      assert.deepEqual(
        await values(),
        NUMBERS.map((number) => (number === 7 ? undefined : number)),
      );
    });

    test('makes each update once, though one of them fails', LIMIT, async (t) => {
      const { errors, kept, sids, together, values } = await crowd(t, { set });
      let open;
      let running = 0;
      const gate = new Promise((resolve) => {
        open = resolve;
      });
      const count = async (session) => {
        running += 1;
        await gate;
        session.value = (session.value ?? 0) + 1;
      };
      const done = together((session) => session.update(count).catch((error) => errors.push(error)));
      await until(() => running === SOCKETS, 'all have been read');
      await redis.del(kept.prefix + sids[7]);
      await redis.lPush(kept.prefix + sids[7], 'no text');
      open();
      await done;
      assert.equal(errors.length, 1);
      assert.match(errors[0].message, /WRONGTYPE/);
      await redis.del(kept.prefix + sids[7]);
      assert.deepEqual(
        await values(),
        NUMBERS.map((number) => (number === 7 ? undefined : 1)),
      );
    });

    test(
      'leaves those that were destroyed meanwhile as they are, and merges with what others wrote',
      LIMIT,
      async (t) => {
        const { errors, hold, kept, sids } = await crowd(t, { set });
        const go = await hold(write(0));
        await redis.del(kept.prefix + sids[3]);
        const other = { ...(await kept.read(sids[4])), other: true };
        await redis.set(kept.prefix + sids[4], JSON.stringify(other), { EX: 100 });
        await go();
        await until(async () => (await kept.read(sids[4])).value === 4);
        assert.deepEqual(await kept.read(sids[4]), { ...other, value: 4 });
        assert.ok((await kept.ttl(sids[4])) <= 100);
        assert.equal(await kept.read(sids[3]), undefined);
        assert.deepEqual(errors, []);
      },
    );

    test('reads and writes on a cluster', LIMIT, (t) => writesOnCluster(t, set));
  });
}

test('reads and writes on a cluster by ioredis', LIMIT, (t) =>
  writesOnCluster(t, { version: 'connect-redis 8', client: 'ioredis cluster' }),
);

test('what events of one socket write that come together is one script', LIMIT, async (t) => {
  const { arrive, errors, kept, sids, together, written } = await crowd(t);
  await together(write(0));
  await written(NUMBERS);
  const { evalsha } = await asked(async () => {
    await arrive(
      NUMBERS.map(() => 0),
      (session, number) => {
        session[`field ${number}`] = number;
      },
    );
    await until(async () => {
      const stored = await kept.read(sids[0]);
      return NUMBERS.every((number) => stored[`field ${number}`] === number);
    }, 'all is written');
  });
  assert.equal(evalsha, 1);
  assert.deepEqual(errors, []);
});

test(
  'a client that gives bytes, and numbers as texts, merges with what others wrote, too',
  LIMIT,
  async (t) => {
    const { errors, hold, kept, sids } = await crowd(t, {
      change({ store }) {
        store.client = store.client.withTypeMapping({
          [RESP_TYPES.BLOB_STRING]: Buffer,
          [RESP_TYPES.NUMBER]: String,
        });
        return store;
      },
    });
    const go = await hold(write(0));
    for (const sid of sids) {
      const other = { ...(await kept.read(sid)), other: true };
      await redis.set(kept.prefix + sid, JSON.stringify(other), { EX: 100 });
    }
    await go();
    for (const [number, sid] of sids.entries()) {
      await until(async () => (await kept.read(sid)).value === number);
      assert.equal((await kept.read(sid)).other, true);
    }
    assert.deepEqual(errors, []);
  },
);
