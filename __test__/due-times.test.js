'use strict';

// The due times of sessions: each session is told once, when it is due, in batches that leave the event loop room.

const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { Worker } = require('node:worker_threads');
const { DueTimes } = require('../native.js');
const { LIMIT } = require('./support/limit.js');

const ROOT = path.join(__dirname, '..');

// Due times, and a promise for the next `count` sessions that are told.
function collect() {
  const told = [];
  let enough = () => {};
  const times = new DueTimes((sids) => {
    told.push(...sids);
    enough();
  });
  const until = (count) =>
    new Promise((resolve) => {
      enough = () => told.length >= count && resolve(told);
      enough();
    });
  return { times, told, until };
}

test('sessions are told in the order of their due times, once each', LIMIT, async (t) => {
  // Its timer keeps this process alive: a due time does not.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const { times, until } = collect();
  times.set('third', 60);
  times.set('first', 20);
  times.set('second', 40);
  assert.deepEqual(await until(3), ['first', 'second', 'third']);
  times.set('first', 0);
  assert.deepEqual(await until(4), ['first', 'second', 'third', 'first']);
});

test('a due time is replaced by a later and by an earlier one, and removed', LIMIT, async (t) => {
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const { times, until } = collect();
  times.set('later', 10);
  times.set('later', 60);
  times.set('earlier', 3_600_000);
  times.set('earlier', 20);
  times.set('removed', 30);
  times.delete('removed');
  times.delete('removed');
  // More than a 32-bit timer can wait for.
  times.set('next year', 365 * 86_400_000);
  times.set('never', Infinity);
  times.set('last', 80);
  assert.deepEqual(await until(3), ['earlier', 'later', 'last']);
  for (const sid of ['next year', 'never']) times.delete(sid);
});

test('a session is never told early', LIMIT, async (t) => {
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const { times, until } = collect();
  for (let round = 1; round <= 20; round += 1) {
    const before = performance.now();
    times.set('sid', round);
    await until(round);
    // The clock of the due times has whole milliseconds.
    assert.ok(performance.now() - before > round - 2, `after ${performance.now() - before} of ${round} ms`);
  }
});

test(
  '10,000 sessions that are due together are told in batches, and the event loop goes on between them',
  LIMIT,
  async (t) => {
    const alive = setInterval(() => {}, 1000);
    t.after(() => clearInterval(alive));
    const batches = [];
    let turn = 0;
    const told = new Set();
    /** @type {any} */
    let times;
    await new Promise((resolve) => {
      times = new DueTimes((sids) => {
        batches.push({ length: sids.length, turn });
        for (const sid of sids) told.add(sid);
        if (told.size === 10_000) resolve();
      });
      for (let at = 0; at < 10_000; at += 1) times.set(`sid ${at}`, 5);
      const next = () => {
        turn += 1;
        if (told.size < 10_000) setImmediate(next);
      };
      setImmediate(next);
    });
    assert.ok(batches.every(({ length }) => length <= 100));
    assert.ok(
      [...told].every((sid) => !times.delete(sid)),
      'some have a due time still',
    );
    const turns = new Set(batches.map((batch) => batch.turn));
    // A machine that does other things may let two meet in one turn, now and then.
    assert.ok(
      turns.size > batches.length / 2,
      `${batches.length} batches in ${turns.size} turns of the event loop`,
    );
  },
);

test('a session may be given its next due time while it is told', LIMIT, async (t) => {
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  let told = 0;
  await new Promise((resolve) => {
    const times = new DueTimes(([sid]) => {
      told += 1;
      if (told === 5) resolve();
      else times.set(sid, 1);
    });
    times.set('sid', 1);
  });
  assert.equal(told, 5);
});

function run(code) {
  return spawnSync(process.execPath, ['-e', code], { cwd: ROOT, encoding: 'utf8', timeout: 30_000 });
}

test('due times keep no process alive, and their objects are collected', LIMIT, () => {
  const { status, signal, stderr } = run(`
    const { DueTimes } = require('./native.js');
    for (let at = 0; at < 1000; at += 1) new DueTimes(() => {}).set('sid', 1000 + at);
    new DueTimes(() => console.error('told')).set('sid', 60_000);`);
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
});

test('a callback that throws is an uncaught exception, and the next session is told', LIMIT, () => {
  const { status, stdout, stderr } = run(`
    const { DueTimes } = require('./native.js');
    const alive = setInterval(() => {}, 1000);
    process.on('uncaughtException', (error) => console.log('uncaught', error.message));
    const times = new DueTimes(([sid]) => {
      if (sid === 'good') return console.log('told'), clearInterval(alive);
      throw new Error(sid);
    });
    times.set('bad', 1);
    times.set('good', 30);`);
  assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: 'uncaught bad\ntold\n', stderr: '' });
});

test('a worker thread that ends takes its due times along, and others go on', LIMIT, async (t) => {
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const code = `
    const { DueTimes } = require(${JSON.stringify(path.join(ROOT, 'native.js'))});
    const times = new DueTimes(() => require('node:worker_threads').parentPort.postMessage('told'));
    for (let at = 0; at < 1000; at += 1) times.set('sid ' + at, 1 + at % 50);
    setInterval(() => {}, 1000);`;
  const { times, until } = collect();
  times.set('sid', 300);
  for (let round = 0; round < 5; round += 1) {
    const worker = new Worker(code, { eval: true });
    await once(worker, 'message');
    await worker.terminate();
  }
  assert.deepEqual(await until(1), ['sid']);
});
