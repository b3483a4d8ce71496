'use strict';

// A worker thread that changes fields of sessions that other threads change too.

const assert = require('node:assert/strict');
const { parentPort, workerData } = require('node:worker_threads');
const { EmbeddedStore } = require('../../..');
const { adopt } = require('../../../lib/stores/adopted-store.js');
const { commitSession } = require('../../../lib/stores/commit.js');

const { options, number, turns } = workerData;
const store = new EmbeddedStore(options);
const adopted = adopt(store, 'the store');

async function run() {
  for (let turn = 0; turn < turns; turn += 1) {
    const data = await new Promise((resolve, reject) => {
      store.get('shared', (error, found) => (error ? reject(error) : resolve(found)));
    });
    const session = store.createSession({ sessionID: 'shared', sessionStore: store }, data);
    // Nobody else writes it: what another thread saves beside must not take it back.
    assert.equal(session.last[number], turn === 0 ? undefined : turn - 1);
    session.last[number] = turn;
    session.fields[`w${number}t${turn}`] = turn;
    await new Promise((resolve, reject) => {
      commitSession(adopted, session, { trusting: false }, (error) => (error ? reject(error) : resolve()));
    });
  }
  parentPort.postMessage('done');
}

run();
