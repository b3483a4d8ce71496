'use strict';

// What `npm test` shows: a line for each suite, and in full what failed.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { LIMIT } = require('./support/limit.js');

const SCRIPT = path.join(__dirname, '..', 'scripts', 'suites.js');
const TEST = "const { describe, test } = require('node:test');\n";

// Runs these suites, given as text by their names, and gives what is shown.
async function show(t, suites, ...options) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-suites-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  const files = Object.entries(suites).map(([name, text]) => {
    const file = path.join(folder, `${name}.test.js`);
    fs.writeFileSync(file, TEST + text);
    return file;
  });
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [SCRIPT, ...options, ...files],
      // A test of tests: without it Node.js takes them for a part of this one.
      { env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
      (error, stdout) => resolve({ code: error?.code ?? 0, stdout }),
    );
  });
}

test('suites that pass are a line each, whatever they print', LIMIT, async (t) => {
  const { code, stdout } = await show(t, {
    apples: "test('one', () => {}); describe('more', () => { test('two', () => console.log('a word')); });",
    pears: "test('one', () => {}); test('another day', { skip: true }, () => {});",
  });
  assert.equal(code, 0);
  // Two at a time come in either order.
  assert.deepEqual(
    stdout
      .replaceAll(/\d+\.\d s/g, 'n s')
      .split('\n')
      .sort(),
    ['', '', '2 suites, 4 tests, 0 failed', '✔ apples  2 tests, n s', '✔ pears  2 tests, 1 skipped, n s'],
  );
});

test('what failed is named with its place, its error, and what its suite has printed', LIMIT, async (t) => {
  const { code, stdout } = await show(t, {
    apples: `describe('a tree', () => {
      test('is green', () => { console.log('looking'); throw new Error('it is brown'); });
      test('stands', () => {});
    });`,
    pears: "test('one', () => {});",
  });
  assert.equal(code, 1);
  assert.match(stdout, /^✖ apples {2}2 tests, 1 FAILED, /m);
  assert.match(
    stdout,
    /\n {2}✖ a tree › is green\n {4}\S*apples\.test\.js:3\n {4}Error: it is brown\n {8}at /,
  );
  assert.match(stdout, /printed by apples:\n {4}looking\n/);
  assert.match(stdout, /^✔ pears {2}1 test, /m);
  assert.match(stdout, /\n2 suites, 3 tests, 1 failed\n {2}✖ apples: a tree › is green\n$/);
});

test('a suite that cannot be loaded, or ends its process, has failed', LIMIT, async (t) => {
  const { code, stdout } = await show(t, {
    broken: "throw new Error('not today');",
    gone: "test('waits', () => new Promise(() => setImmediate(() => process.exit(3))));",
  });
  assert.equal(code, 1);
  assert.match(stdout, /✖ broken {2}1 test, 1 FAILED/);
  assert.match(stdout, /Error: not today/);
  assert.match(stdout, /✖ gone {2}1 test, 1 FAILED/);
});

test('a suite that hangs has failed, and the test that it hangs in is named', LIMIT, async (t) => {
  const hangs = `describe('a tree', () => {
    test('grows', () => {});
    test('falls', (t) => t.after(() => new Promise(() => setInterval(() => {}, 1_000))));
    test('stands', () => {});
  });`;
  const { code, stdout } = await show(t, { hangs }, '--timeout', '2');
  assert.equal(code, 1);
  assert.match(stdout, /✖ hangs {2}2 tests, 1 FAILED/);
  assert.match(stdout, /It did not end\. The test that began last: a tree › falls\n/);
});
