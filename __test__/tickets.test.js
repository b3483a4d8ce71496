'use strict';

// The calls to session stores: each is answered once, in time, and in the order of its socket's queue.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { Tickets } = require('../native.js');
const { LIMIT } = require('./support/limit.js');
const { settle } = require('./support/wait.js');

const ROOT = path.join(__dirname, '..');
const [IGNORE, HOLD, RUN, RUN_AND_RELEASE] = [0, 1, 2, 3];
const NO_QUEUE = -1;

test('two copies of the JavaScript do not take each other’s timeouts', LIMIT, async (t) => {
  // A deadline keeps no process alive.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const told = [[], []];
  const copies = [];
  const all = Promise.all(
    [0, 1].map(
      (which) =>
        new Promise((resolve) => {
          copies.push(
            new Tickets((tickets) => {
              told[which].push(...tickets);
              if (told[which].length === 2) resolve();
            }),
          );
        }),
    ),
  );
  const opened = copies.map((calls) => [calls.open(NO_QUEUE, 30), calls.open(NO_QUEUE, 10)]);
  const answered = copies[0].open(NO_QUEUE, 20);
  assert.equal(copies[0].answer(answered), RUN);
  await all;
  assert.deepEqual(
    told.map((tickets) => tickets.sort()),
    opened.map((tickets) => tickets.sort()),
  );
  for (const [which, calls] of copies.entries()) {
    for (const ticket of opened[which]) {
      assert.equal(calls.answer(ticket), RUN);
      assert.equal(calls.answer(ticket), IGNORE);
    }
  }
});

test('a shorter deadline is told in time while a longer one is waited for', LIMIT, async (t) => {
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  let tell;
  const calls = new Tickets((tickets) => tell(tickets));
  calls.open(NO_QUEUE, 3_600_000);
  for (let round = 0; round < 3; round += 1) {
    const short = calls.open(NO_QUEUE, 20);
    assert.deepEqual(await new Promise((resolve) => (tell = resolve)), [short]);
  }
});

// How often our thread beside JavaScript's has gone to sleep: as often as it was woken.
function sleeps() {
  const threads = fs.readdirSync('/proc/self/task').map((id) => `/proc/self/task/${id}`);
  const ours = threads.find((thread) => fs.readFileSync(`${thread}/comm`, 'utf8') === 'io-session\n');
  const [, count] = /^voluntary_ctxt_switches:\s*(\d+)/m.exec(fs.readFileSync(`${ours}/status`, 'utf8'));
  return Number(count);
}

test('calls that are answered in time wake no thread', LIMIT, async () => {
  const tickets = new Tickets(() => {});
  tickets.open(NO_QUEUE, 10_000);
  await settle();
  const before = sleeps();
  for (let n = 0; n < 1000; n += 1) {
    tickets.answer(tickets.open(NO_QUEUE, 20_000));
    await settle(3);
  }
  assert.ok(sleeps() - before < 10, `${sleeps() - before} times`);
});

test('answers are held until their turn in the queue of their socket', () => {
  const calls = new Tickets(() => {});
  const queue = calls.openQueue();
  const other = calls.openQueue();
  assert.notEqual(queue, other);
  const [a, b, c] = [1, 2, 3].map(() => calls.open(queue, 1000));
  const elsewhere = calls.open(other, 1000);
  assert.equal(calls.answer(c), HOLD);
  assert.equal(calls.answer(elsewhere), RUN);
  assert.equal(calls.answer(a), RUN);
  assert.equal(calls.answer(b), RUN_AND_RELEASE);
  assert.equal(calls.release(queue), c);
  assert.equal(calls.release(queue), 0);
  calls.closeQueue(queue);
  calls.closeQueue(other);
});

test('a number that does not exist is harmless', () => {
  const calls = new Tickets(() => {});
  for (const number of [0, -1, 1.5, 4_294_967_296, NaN, Infinity, -Infinity]) {
    assert.equal(calls.answer(number), IGNORE);
    assert.equal(calls.release(number), 0);
    calls.closeQueue(number);
    assert.equal(calls.answer(calls.open(number, 1000)), RUN);
  }
});

test('a call whose answer is waited for keeps no process alive', LIMIT, () => {
  const code = `
    const { Tickets } = require('./native.js');
    new Tickets(() => console.error('told')).open(-1, 60_000);`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', code], { cwd: ROOT, encoding: 'utf8' });
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
});
