'use strict';

// A program as its user has it: a folder of its own with the packages that it names, started there. When it is ready, it
// prints its address on a line.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');

const ROOT = path.join(__dirname, '..', '..');
// Where package.json of this checkout has another name for it.
const NAMES = { express: 'express5', 'socket.io': 'socketio4', 'socket.io-client': 'socketio4-client' };

// An empty folder, in which `packages` are installed. `names`: where some of them are, in the place of the usual ones.
function makeFolder(t, name, packages, names = NAMES) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `io-session-${name}-`));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  for (const dependency of packages) {
    const target =
      dependency === 'io-session' ? ROOT : path.join(ROOT, 'node_modules', names[dependency] ?? dependency);
    const link = path.join(folder, 'node_modules', dependency);
    fs.mkdirSync(path.dirname(link), { recursive: true });
    fs.symlinkSync(target, link, 'junction');
  }
  return folder;
}

// Gives its address, which is the last line that it prints when it is ready, and what it has printed.
async function startProgram(t, folder, script, env) {
  const child = spawn(process.execPath, [script], {
    cwd: folder,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const program = { url: undefined, stdout: '', stderr: '' };
  child.stderr.on('data', (text) => {
    program.stderr += text;
  });
  const exit = once(child, 'close');
  t.after(async () => {
    child.kill('SIGTERM');
    await exit;
    // What it has written on its way out: `makeFolder` has cleared up before.
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  const ready = new Promise((resolve) => {
    child.stdout.on('data', (text) => {
      program.stdout += text;
      program.url ??= /^http:\/\/localhost:\d+$/m.exec(program.stdout)?.[0];
      if (program.url) resolve(program);
    });
  });
  const failed = exit.then(([code]) => {
    throw new Error(`the program ended (${code})\n${program.stdout}${program.stderr}`);
  });
  failed.catch(() => {});
  return Promise.race([ready, failed]);
}

module.exports = { makeFolder, startProgram };
