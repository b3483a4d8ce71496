'use strict';

// A worker thread that updates a session of a store it shares with others.

const { parentPort, workerData } = require('node:worker_threads');
const { EmbeddedStore } = require('../../..');
const { adopt } = require('../../../lib/stores/adopted-store.js');
const { updateSession } = require('../../../lib/session/update.js');
const { settle } = require('../wait.js');

const { name, rounds } = workerData;

async function main() {
  const store = new EmbeddedStore({ name });
  const adopted = adopt(store, 'the store');
  for (let round = 0; round < rounds; round += 1) {
    await updateSession(adopted, 'sid', undefined, async (session) => {
      const { count } = session;
      // Long enough for another thread to come between.
      await settle(1);
      session.count = count + 1;
    });
  }
  await store.close();
  parentPort.postMessage('done');
}

main();
