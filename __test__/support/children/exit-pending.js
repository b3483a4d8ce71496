'use strict';

// Calls process.exit while everything of ours that can be under way is: a flush to the disk, a call to a store that never
// answers, and a worker thread that has just written.

const { once } = require('node:events');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');
const { EmbeddedStore } = require('../../..');
const { ask } = require('../../../lib/stores/tickets.js');

const { path } = isMainThread ? JSON.parse(process.argv[2]) : workerData;
const session = { cookie: { originalMaxAge: null, expires: null }, pad: 'x'.repeat(1000) };

async function main() {
  const store = new EmbeddedStore({ path });
  for (let n = 0; n < 10_000; n += 1) store.set(`${isMainThread}${n}`, session, () => {});
  if (!isMainThread) {
    parentPort.postMessage('written');
    return;
  }
  const worker = new Worker(__filename, { workerData: { path } });
  await once(worker, 'message');
  void store.flush();
  ask(
    () => {},
    { timeout: 60_000 },
    () => {},
  );
  process.exit(7);
}

main();
