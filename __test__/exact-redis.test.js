'use strict';

// Commits and updates are exact between processes that share a Redis.

const { after, before, describe, test } = require('node:test');
const { countExactly } = require('./support/exact.js');
const { startRedis } = require('./support/redis-server.js');
const stores = require('./support/stores.js');

describe('four processes with four sockets each on one Redis', () => {
  let server;
  before(async () => {
    server = await startRedis();
  });
  after(() => server.stop());

  for (const [version, client, rounds] of [
    ['connect-redis 9', 'node-redis', 250],
    // The script is the same one; it is the client that is tried.
    ['connect-redis 8', 'ioredis', 50],
  ]) {
    const total = 16 * rounds;
    test(`${version} on ${client}: ${total} increments and ${total} fields of one session are all kept`, {
      timeout: 120_000,
    }, async (t) => {
      const prefix = `${version}:`;
      const kept = await stores.redis(server, prefix);
      t.after(() => kept.cleanup());
      const input = { redis: [{ port: server.port }, prefix, { version, client }] };
      await countExactly(t, input, kept, rounds);
    });
  }
});
