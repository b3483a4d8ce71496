'use strict';

// The two session stores of the measurements, and the embedded one in the place of either.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { EmbeddedStore } = require('..');
const { MemoryStore } = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');

async function openSessionStore({ name, redisPort, prefix }) {
  if (name.startsWith('embedded')) {
    const file = path.join(os.tmpdir(), `io-session-bench-${process.pid}`);
    process.once('exit', () => fs.rmSync(file, { force: true }));
    return new EmbeddedStore(name === 'embedded, path' ? { path: file } : {});
  }
  if (name === 'MemoryStore') {
    return new MemoryStore();
  }
  const cache = name === 'Redis, client-side cache' ? { RESP: 3, clientSideCache: {} } : {};
  const client = createClient({ ...cache, socket: { host: '127.0.0.1', port: redisPort } });
  client.on('error', (error) => {
    // The servers end with the Redis they talk to; anything else is a failed measurement.
    console.error(error.message);
    process.exit(1);
  });
  await client.connect();
  return new RedisStore({ client, prefix });
}

module.exports = { openSessionStore };
