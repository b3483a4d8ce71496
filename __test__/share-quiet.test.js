'use strict';

// What a socket holds of its session while nothing happens.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const v8 = require('node:v8');
const vm = require('node:vm');
const { MemoryStore } = require('express-session');
const { EmbeddedStore } = require('..');
const { HostileStore } = require('./support/hostile-store.js');
const { shareFixture } = require('./support/share-fixture.js');
const { until } = require('./support/wait.js');

const LIMIT = { timeout: 30_000 };
const STORES = {
  MemoryStore: () => new MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
  'a store that has to be waited for': () => new HostileStore(),
};

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

// Sockets that look at their sessions in an event.
async function looking(t, store) {
  const seen = [];
  const { bound } = await shareFixture(t, {
    store,
    app: ({ io }) => {
      io.on('connection', (socket) => {
        socket.on('look', (ack) => {
          seen.push({ socket, session: new WeakRef(socket.session) });
          ack(socket.session.user);
        });
      });
    },
  });
  return async () => {
    const { socket } = await bound();
    assert.equal(await socket.ask('look'), 'ann');
    return seen.at(-1);
  };
}

function isCollected({ session }) {
  collectGarbage();
  return session.deref() === undefined;
}

describe('a quiet socket lets go of the session of its last event', { concurrency: true }, () => {
  for (const [name, makeStore] of Object.entries(STORES)) {
    test(`but not of what somebody has, or has changed, with ${name}`, LIMIT, async (t) => {
      const look = await looking(t, makeStore());
      const keeping = await look();
      const kept = keeping.session.deref();
      const changed = await look();
      changed.socket.session.draft = 'half a sentence';
      const quiet = await look();
      await until(() => isCollected(quiet), 'the session is collected', 20_000);

      assert.equal(quiet.socket.session.user, 'ann');
      assert.equal(quiet.socket.session, quiet.socket.session);
      assert.equal(keeping.socket.session, kept);
      assert.equal(changed.socket.session.draft, 'half a sentence');
      await changed.socket.session.save();
    });
  }
});
