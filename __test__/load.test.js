'use strict';

// Loading the package: how long it takes, how large its addon is, which threads it starts, and that it can be loaded more
// than once and left at any moment. Jest, with its contexts, is in package.test.js.

const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { Worker } = require('node:worker_threads');
const { EmbeddedStore } = require('..');
const { startChild } = require('./support/child.js');
const { LIMIT } = require('./support/limit.js');

const ROOT = path.join(__dirname, '..');
// In bytes.
const LARGEST = 2_000_000;

const script = (name) => path.join(__dirname, 'support', 'children', name);

// Runs a program that prints JSON.
function evaluate(code) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

function folder(t) {
  // The real path: `require` would resolve the links of a temporary folder.
  const made = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-load-')));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

// Not the clock: that is what else the machine does. And not in ms: those are how fast it is.
test("require('io-session') takes less than a third of what require('express-session') takes", LIMIT, () => {
  const ours = [];
  const theirs = [];
  for (let round = 0; round < 11; round += 1) {
    for (const [name, times] of [
      ['./index.js', ours],
      ['express-session', theirs],
    ]) {
      times.push(
        evaluate(`
          const before = process.cpuUsage();
          require('${name}');
          const { user, system } = process.cpuUsage(before);
          console.log((user + system) / 1000);`),
      );
    }
  }
  const median = (times) => times.sort((a, b) => a - b)[5];
  assert.ok(median(ours) < median(theirs) / 3, `ms of the processor: ${ours.join()}, of ${theirs.join()}`);
});

test(`there is one library, stripped, and smaller than ${LARGEST} bytes`, () => {
  const [file, ...others] = fs.readdirSync(ROOT).filter((one) => one.endsWith('.node'));
  assert.deepEqual(others, []);
  const library = fs.readFileSync(path.join(ROOT, file));
  assert.ok(library.length < LARGEST, `${file} has ${library.length}`);
  // Names of functions, as the compiler spells them, are only in the symbols.
  assert.ok(!library.includes('embedded_store4file'), 'it has symbols: was it built by `npm run build`?');
});

// What Linux tells of threads.
const LINUX = { ...LIMIT, skip: process.platform !== 'linux' && 'only Linux shows a thread by name' };

test('no thread is started until a store is opened, and one for all stores then', LINUX, () => {
  const [before, loaded, one, two, names] = evaluate(`
    const fs = require('node:fs');
    const threads = () => fs.readdirSync('/proc/self/task');
    const name = (id) => fs.readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim();
    const counts = [threads().length];
    const { EmbeddedStore, sessionRoom } = require('./index.js');
    sessionRoom('sid');
    counts.push(threads().length);
    const stores = [new EmbeddedStore()];
    counts.push(threads().length);
    stores.push(new EmbeddedStore());
    counts.push(threads().length);
    // A thread takes its name when it first runs.
    const ours = () => threads().map(name).filter((one) => one === 'io-session');
    const look = () => ours().length === 0 ? setTimeout(look, 2) : console.log(JSON.stringify([...counts, ours()]));
    look();`);
  assert.equal(loaded, before);
  assert.deepEqual([one, two], [before + 1, before + 1]);
  assert.deepEqual(names, ['io-session']);
});

test('each part is loaded when it is first used', () => {
  const [loaded, used] = evaluate(`
    const { sessionRoom } = require('./index.js');
    const has = (name) => Object.keys(require.cache).some((file) => file.includes(name));
    const names = ['zappa.js', 'embedded-store.js', 'rooms.js', 'debug'];
    const loaded = names.filter(has);
    sessionRoom('sid');
    console.log(JSON.stringify([loaded, names.filter(has)]));`);
  assert.deepEqual([loaded, used], [[], ['rooms.js']]);
});

test('an import finds every name that require gives', async () => {
  const required = Object.getOwnPropertyNames(require('..'));
  const { default: all, ...imported } = await import('../index.js');
  assert.equal(all, require('..'));
  // Node.js 23 and later add the whole as this name.
  delete imported['module.exports'];
  assert.deepEqual(Object.keys(imported).sort(), required.sort());
  assert.equal(imported.EmbeddedStore, EmbeddedStore);
});

test(
  'twice in one process, from another folder and after the cache was emptied: each serves its app',
  LIMIT,
  async (t) => {
    const child = startChild(t, script('twice.js'), { folder: folder(t) });
    const { served, distinct, shared } = await child.message('done');
    assert.deepEqual(served, [0, 1, 2]);
    assert.equal(distinct, 3);
    assert.equal(shared, true, 'a named store is one store, whoever of one copy opens it');
    assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr);
  },
);

test('a worker thread may be the first and the only one to load it', LIMIT, () => {
  const answer = evaluate(`
    const { Worker } = require('node:worker_threads');
    const code = "const { EmbeddedStore } = require('./index.js');" +
      "const store = new EmbeddedStore();" +
      "store.set('sid', { cookie: {} }).then(() => store.length()).then((n) => require('node:worker_threads').parentPort.postMessage(n));";
    const start = () => new Promise((resolve, reject) =>
      new Worker(code, { eval: true }).once('message', resolve).once('error', reject));
    start().then(async (first) => console.log(JSON.stringify([first, await start()])));`);
  assert.deepEqual(answer, [1, 1]);
});

test(
  'process.exit in the middle of a flush, a store call and a worker: it ends at once, and nothing is lost',
  LIMIT,
  async (t) => {
    const file = path.join(folder(t), 'sessions.redb');
    const child = startChild(t, script('exit-pending.js'), { path: file });
    assert.deepEqual(await child.exit, { code: 7, signal: null }, child.stderr);
    const store = new EmbeddedStore({ path: file });
    t.after(() => store.close());
    assert.equal(await store.length(), 20_000);
  },
);

test(
  'worker.terminate while its store is written: the process lives, and the store is whole',
  LIMIT,
  async (t) => {
    const file = path.join(folder(t), 'sessions.redb');
    const store = new EmbeddedStore({ path: file });
    t.after(() => store.close());
    const worker = new Worker(script('exit-pending.js'), { workerData: { path: file } });
    await once(worker, 'message');
    await worker.terminate();
    assert.equal(await store.length(), 10_000);
    await store.flush();
  },
);
