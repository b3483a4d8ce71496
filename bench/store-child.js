'use strict';

// One store with its sessions, measured in a process of its own: `node --expose-gc store-child.js '{"rival":…,"count":…}'`.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { PerformanceObserver } = require('node:perf_hooks');
const session = require('express-session');
const { peer } = require('./peer.js');
const { sessionData } = require('./session-data.js');
const { median } = require('./statistics.js');

const { rival, count, bytes, operations } = JSON.parse(process.argv[2]);
const { Cookie, Session } = session;
const MAX_AGE = 3_600_000;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-bench-'));

const STORES = {
  MemoryStore: () => new session.MemoryStore(),
  ours: () => new (require('..').EmbeddedStore)({ maxBytes: Infinity }),
  'ours, path': () =>
    new (require('..').EmbeddedStore)({ maxBytes: Infinity, path: path.join(folder, 'sessions') }),
  memorystore: () => new (peer('memorystore')(session))({ checkPeriod: 86_400_000 }),
  'better-sqlite3': () => {
    const client = new (peer('better-sqlite3'))(path.join(folder, 'sessions.db'));
    client.pragma('journal_mode = WAL');
    return new (peer('better-sqlite3-session-store')(session))({ client, expired: { clear: false } });
  },
};

const turn = () => new Promise(setImmediate);
const noop = () => {};
const sid = (number) => `session-${String(number).padStart(24, '0')}`;

function made(number) {
  const cookie = new Cookie({ maxAge: MAX_AGE });
  return new Session({ sessionID: sid(number) }, { cookie, ...sessionData(number, bytes) });
}

// A cheap generator: the same order of sessions for every rival.
let state = 1;
function any() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state % count;
}

// Begins operations 100 at a time.
async function inTurns(times, operate) {
  for (let done = 0; done < times; done += 100) {
    for (let one = 0; one < 100; one += 1) operate(done + one);
    await turn();
  }
}

// µs of CPU for each of `times` operations, once V8 has compiled what they call: that takes as long as some 20,000 touches.
async function cost(times, operate) {
  await inTurns(Math.min(times, 20_000), operate);
  const rounds = [];
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage();
    await inTurns(times / 5, operate);
    const { user, system } = process.cpuUsage(before);
    rounds.push((user + system) / (times / 5));
  }
  return median(rounds);
}

async function main() {
  globalThis.gc();
  const bare = process.memoryUsage().rss;
  const store = STORES[rival]();
  // SQLite would wait for the disk at each session.
  if (rival === 'better-sqlite3') store.client.exec('BEGIN');
  for (let number = 0; number < count; number += 1) {
    store.set(sid(number), made(number), noop);
    if (number % 500 === 499) await turn();
  }
  await turn();
  if (rival === 'better-sqlite3') store.client.exec('COMMIT');
  // What is written behind belongs to the filling, as with those that write at once.
  await store.flush?.();
  globalThis.gc();
  const pauses = [];
  for (let time = 0; time < 3; time += 1) {
    const began = process.hrtime.bigint();
    globalThis.gc();
    pauses.push(Number(process.hrtime.bigint() - began) / 1e6);
  }
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const { rss } = process.memoryUsage();

  const samples = Array.from({ length: 1000 }, (_, number) => made(number));
  const result = { rss: (rss - bare) / 2 ** 20, pause: median(pauses) };
  result.get = await cost(operations, () => store.get(sid(any()), noop));
  result.set = await cost(operations, (turns) => store.set(sid(any()), samples[turns % 1000], noop));
  result.touch = await cost(operations, (turns) => store.touch(sid(any()), samples[turns % 1000], noop));

  let collecting = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) collecting += entry.duration;
  });
  observer.observe({ entryTypes: ['gc'] });
  const mixed = operations * 2;
  result.mixed = await cost(mixed, (turns) => {
    const place = turns % 10;
    if (place < 6) store.get(sid(any()), noop);
    else if (place < 9) store.touch(sid(any()), samples[turns % 1000], noop);
    else store.set(sid(any()), samples[turns % 1000], noop);
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  observer.disconnect();
  result.collecting = (collecting * 1000) / mixed;
  await store.close?.();
  fs.rmSync(folder, { recursive: true, force: true });
  process.send(result, () => process.exit());
}

main().catch((error) => {
  fs.rmSync(folder, { recursive: true, force: true });
  process.send({ failed: error.code ?? error.message }, () => process.exit());
});
