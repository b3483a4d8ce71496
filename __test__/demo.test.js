'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { it } = require('node:test');

const ROOT = path.resolve(__dirname, '..');

const STEPS = [
  'visit',
  'log in',
  'a socket on another server',
  'key',
  'bind',
  'a handler reads the HTTP session',
  'a handler writes',
  'HTTP sees it',
  'reconnect',
  'HTTP speaks to the socket',
  'second tab',
  'log out',
  'the sockets are strangers again',
];

it('the demo tells its whole story', async () => {
  const { code, stdout, stderr } = await new Promise((resolve) => {
    // No inherited test context: the demo is a program, not a test.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    const args = [path.join('demo', 'run.js'), '--exit'];
    execFile(process.execPath, args, { cwd: ROOT, env, timeout: 300_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr });
    });
  });
  const told = `${stdout}\n${stderr}`;
  assert.equal(code, 0, told);
  assert.deepEqual(
    [...stdout.matchAll(/^ ?\d+\. (.*)$/gm)].map(([, title]) => title),
    STEPS,
    told,
  );
  assert.equal([...stdout.matchAll(/^ {3}✓ /gm)].length, STEPS.length, told);
  // Not one whole key, socket id or session id; what a build may print comes before.
  assert.doesNotMatch(stdout.slice(stdout.indexOf('1. visit')), /[\w-]{20,}/);
});
