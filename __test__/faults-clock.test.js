'use strict';

// The clock of a process jumps, as it does on a machine that wakes up or is set right. Sessions in Redis end by Redis's clock.

const path = require('node:path');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { performance } = require('node:perf_hooks');
const { startChild } = require('./support/child.js');
const { LIMIT } = require('./support/limit.js');
const { startRedis } = require('./support/redis-server.js');
const { connectSocket, loggedIn, share } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

const HOUR = 3_600_000;
const STORE_TIMEOUT = 2_000;

for (const jump of [HOUR, -HOUR]) {
  const where = jump > 0 ? 'forward' : 'back';
  test(
    `an hour ${where}: sessions live on, deadlines hold, and the time to live is right`,
    LIMIT,
    async (t) => {
      const server = await startRedis();
      const prefix = 'clock:';
      const kept = await stores.redis(server, prefix);
      const child = startChild(t, path.join(__dirname, 'support', 'children', 'host.js'), {
        redis: [{ port: server.port }, prefix],
        options: { storeTimeout: STORE_TIMEOUT },
        sessionOptions: { cookie: { maxAge: 600_000 } },
      });
      t.after(async () => {
        await kept.cleanup();
        await server.stop();
      });
      const { url } = await child.message('ready');
      const { browser, socket } = await loggedIn(t, url);
      const lives = async () => {
        const ttl = await kept.ttl(browser.sid);
        assert.ok(ttl > 570 && ttl <= 600, `${ttl} s`);
      };

      await socket.ask('jump', jump);
      await socket.ask('write', { socket: where });
      await until(async () => (await kept.read(browser.sid)).socket === where, 'the write is saved');
      await lives();
      assert.equal(await socket.ask('count', {}), 1);
      await browser.request('/write?json={"http":1}');
      assert.equal((await socket.ask('read', {})).session.http, 1);
      await lives();
      const again = await connectSocket(url);
      t.after(() => again.close());
      assert.equal((await share(browser, again)).ack.error, undefined);

      server.pause();
      const began = performance.now();
      socket.send('read', {});
      await child.message('warning');
      server.resume();
      const waited = performance.now() - began;
      // What comes on top is what a busy machine takes: nothing beside an hour.
      assert.ok(waited >= STORE_TIMEOUT - 50 && waited < 60_000, `${waited} ms`);
      assert.equal((await socket.ask('read', {})).id, browser.sid);

      await socket.ask('jump', -jump);
      await browser.request('/write?json={"http":2}');
      assert.equal((await socket.ask('read', {})).session.http, 2);
      await lives();
    },
  );
}
