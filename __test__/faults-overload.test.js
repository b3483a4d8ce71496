'use strict';

// A store that answers nothing, and clients that go on asking: what waits is bounded.

const v8 = require('node:v8');
const vm = require('node:vm');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { shareApp } = require('./support/share-app.js');
const { HostileStore } = require('./support/hostile-store.js');
const { until } = require('./support/wait.js');

const MOST = 65_536;

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');

function heapUsed() {
  collect();
  return process.memoryUsage().heapUsed;
}

test('beyond 65,536 calls in flight an event is refused at once, and nothing grows', LIMIT, async (t) => {
  const store = new HostileStore();
  const errors = new Map();
  let read = 0;
  const f = await fixture(t, {
    store,
    options: {
      storeTimeout: 600_000,
      onError: ({ code }) => errors.set(code, (errors.get(code) ?? 0) + 1),
    },
    app: (context) =>
      context.on('user', function () {
        read += this.session.user === 'ann';
      }),
  });
  const { socket, sid } = await f.bound();

  const held = [];
  store.always(
    'get',
    (run, answer) => held.push(() => run(answer)),
    (id) => id === sid,
  );
  const flood = async (events, refused) => {
    for (let n = 0; n < events; n += 1) socket.send('user', {});
    await until(() => errors.get('ERR_OVERLOADED') === refused, `${refused} are refused`);
  };
  await flood(MOST + 20_000, 20_000);
  assert.ok(held.length > 0);
  const before = heapUsed();
  await flood(20_000, 40_000);
  const grown = (heapUsed() - before) / 20_000;
  // An event that is kept takes several times that.
  assert.ok(grown < 60, `${grown} bytes for each event that was refused`);

  store.scripts.length = 0;
  for (const answer of held.splice(0)) answer();
  await until(() => read === MOST, 'each event that was accepted has its session');
  assert.equal((await socket.ask('read', {})).id, sid);
  assert.deepEqual([...errors], [['ERR_OVERLOADED', 40_000]]);
});

test(
  'beyond 10,000 saves that wait for one session a save is refused at once, and no other session is',
  LIMIT,
  async (t) => {
    const failures = [];
    const f = await shareApp(t, {
      options: { storeTimeout: 600_000, onError: ({ code }) => failures.push(code) },
    });
    const [flooding, other] = [await f.bound(), await f.bound()];
    const hold = f.store.hold('set', (id) => id === flooding.sid);
    const saves = Array.from({ length: 10_030 }, (_, n) => flooding.socket.ask('write', { [n % 7]: n }));
    await hold.reached;
    await until(() => failures.length >= 29, '29 are refused');
    assert.equal(await other.socket.ask('write', { fine: true }), other.sid);
    hold.release();
    const refused = (await Promise.all(saves)).filter((answer) => answer.code === 'ERR_OVERLOADED');
    assert.equal(refused.length, 29);
    assert.deepEqual(new Set(failures), new Set(['ERR_OVERLOADED']));
    // There is room again.
    assert.equal(await flooding.socket.ask('write', { more: 1 }), flooding.sid);
  },
);
