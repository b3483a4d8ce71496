'use strict';

// An example as a user has it: its folder alone, with the packages that its package.json names, started by its script.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');

const ROOT = path.join(__dirname, '..', '..');
// Where package.json of this checkout has another name for it.
const NAMES = { express: 'express5', 'socket.io': 'socketio4' };

function install(name) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `io-session-${name}-`));
  fs.cpSync(path.join(ROOT, 'examples', name), folder, {
    recursive: true,
    filter: (file) => path.basename(file) !== 'node_modules',
  });
  const { dependencies, scripts } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  for (const dependency of Object.keys(dependencies)) {
    const target =
      dependency === 'io-session' ? ROOT : path.join(ROOT, 'node_modules', NAMES[dependency] ?? dependency);
    const link = path.join(folder, 'node_modules', dependency);
    fs.mkdirSync(path.dirname(link), { recursive: true });
    fs.symlinkSync(target, link, 'junction');
  }
  const [, script] = /^node (\S+)$/.exec(scripts.start);
  return { folder, script };
}

// Gives its address, which is the last line that it prints when it is ready, and what it has printed.
async function startExample(t, name, env) {
  const { folder, script } = install(name);
  const child = spawn(process.execPath, [script], {
    cwd: folder,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const example = { url: undefined, stdout: '', stderr: '' };
  child.stderr.on('data', (text) => {
    example.stderr += text;
  });
  const exit = once(child, 'close');
  t.after(async () => {
    child.kill('SIGTERM');
    await exit;
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  const ready = new Promise((resolve) => {
    child.stdout.on('data', (text) => {
      example.stdout += text;
      example.url ??= /^http:\/\/localhost:\d+$/m.exec(example.stdout)?.[0];
      if (example.url) resolve(example);
    });
  });
  const failed = exit.then(([code]) => {
    throw new Error(`the example ended (${code})\n${example.stdout}${example.stderr}`);
  });
  failed.catch(() => {});
  return Promise.race([ready, failed]);
}

module.exports = { startExample };
