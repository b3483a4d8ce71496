'use strict';

// The tests of an app put fake timers and another Date in the place of the real ones, after they have loaded this package. What
// works there with express-session's MemoryStore and with plain Socket.IO works with this package as well.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { LIMIT } = require('./support/limit.js');
const { shareApp } = require('./support/share-app.js');
const { HostileStore } = require('./support/hostile-store.js');
const stores = require('./support/stores.js');

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const OPEN = {
  MemoryStore: async () => (await stores.memory()).store,
  EmbeddedStore: async () => (await stores.embedded()).store,
  'a store that is read before it is written': async () => new HostileStore(),
};

for (const [name, open] of Object.entries(OPEN)) {
  test(`${name}: requests and events are answered while timers stand still`, LIMIT, async (t) => {
    const f = await shareApp(t, { store: await open() });
    const { browser, socket, sid } = await f.bound();
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate'] });
    await socket.ask('write', { n: 1 });
    assert.equal((await socket.ask('read')).n, 1);
    assert.equal((await browser.json('/read')).body.n, 1);
    const ended = socket.next('session:end');
    await browser.request('/logout');
    assert.deepEqual(await ended, { reason: 'destroy' });
    assert.notEqual((await socket.ask('read')).id, sid);
    t.mock.timers.reset();
  });

  for (const [when, days] of [
    ['three days ago', -3],
    ['in three days', 3],
  ]) {
    test(`${name}: by a Date that was set to ${when}, a session begins and ends`, LIMIT, async (t) => {
      const now = Date.now() + days * DAY;
      t.mock.timers.enable({ apis: ['Date'], now });
      const f = await shareApp(t, {
        store: await open(),
        sessionOptions: { cookie: { maxAge: HOUR } },
        // By the clock, the client has heard of the server long ago.
        ioOptions: { pingInterval: DAY },
      });
      const { browser, socket, sid } = await f.bound();
      await socket.ask('write', { n: 1 });
      assert.equal((await browser.json('/read')).body.n, 1);
      t.mock.timers.setTime(now + 2 * HOUR);
      assert.notEqual((await socket.ask('read')).id, sid);
      assert.equal((await browser.json('/read')).body.n, undefined);
      t.mock.timers.reset();
    });
  }
}
