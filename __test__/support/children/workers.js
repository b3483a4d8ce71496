'use strict';

// The processes of an app with two workers, of which each shares its sessions: what each is warned of.

const cluster = require('node:cluster');
const session = require('express-session');
const { shareSession } = require('../../..');

const { hasStore } = JSON.parse(process.argv[2]);
const warnings = [];
process.on('warning', ({ code, message }) => warnings.push({ code, message }));

function share() {
  for (let n = 0; n < 2; n += 1) shareSession(hasStore ? { store: new session.MemoryStore() } : {}).close();
  // Warnings come later.
  return new Promise((resolve) => setImmediate(resolve, warnings));
}

async function main() {
  if (cluster.isWorker) {
    process.send(await share());
    process.disconnect();
    return;
  }
  const workers = [cluster.fork(), cluster.fork()];
  const told = workers.map((worker) => new Promise((resolve) => worker.once('message', resolve)));
  process.send({ type: 'done', workers: await Promise.all(told), primary: await share() });
  process.disconnect();
}

main();
