'use strict';

// Commits and updates are exact between processes that share a Redis.

const { describe, test } = require('node:test');
const { countExactly } = require('./support/exact.js');
const { suiteRedis } = require('./support/redis-server.js');
const stores = require('./support/stores.js');

describe('four processes with four sockets each on one Redis', () => {
  const server = suiteRedis();

  for (const [version, client] of [
    ['connect-redis 9', 'node-redis'],
    ['connect-redis 8', 'ioredis'],
    ['connect-redis 3', 'node-redis 2'],
  ]) {
    test(`${version} on ${client}: 2000 increments and 2000 fields of one session are all kept`, {
      timeout: 300_000,
    }, async (t) => {
      const prefix = `${version}:`;
      const kept = await stores.redis(server, prefix);
      t.after(() => kept.cleanup());
      const input = { redis: [{ port: server.port }, prefix, { version, client }] };
      await countExactly(t, input, kept, 125);
    });
  }
});
