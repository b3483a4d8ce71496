'use strict';

// Writes to a file that may not grow, as on a full disk, and goes on when it may again. For a test on Linux, where `prlimit`
// sets what a process may do while it runs.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { EmbeddedStore } = require('../../..');

const { path, sessions } = JSON.parse(process.argv[2]);
const store = new EmbeddedStore({ path, flushInterval: 10 });
const limit = (bytes) => execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);

async function write() {
  limit(fs.statSync(path).size);
  for (let n = 0; n < sessions; n += 1) await store.set(`s${n}`, { cookie: {}, n, pad: 'x'.repeat(1000) });
  const refused = await store.flush().catch(({ code }) => code);
  // The background task has tried again, and in vain.
  while (store.stats().failure === undefined) await new Promise(setImmediate);
  const { failure } = store.stats();
  limit('unlimited');
  await store.flush();
  process.send({ type: 'written', refused, failure, later: store.stats().failure });
  // Without closing.
  process.kill(process.pid, 'SIGKILL');
}

write();
