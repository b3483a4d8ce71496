'use strict';

// The two session stores of the measurements, and the embedded one in the place of either.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { EmbeddedStore } = require('..');
const session = require('express-session');

async function openSessionStore({ name, redisPort, prefix, versions }) {
  if (name.startsWith('embedded')) {
    const file = path.join(os.tmpdir(), `io-session-bench-${process.pid}`);
    process.once('exit', () => fs.rmSync(file, { force: true }));
    return new EmbeddedStore(name === 'embedded, path' ? { path: file } : {});
  }
  if (name === 'MemoryStore') {
    return new session.MemoryStore();
  }
  const { createClient } = require(versions.redis);
  const address = { host: '127.0.0.1', port: redisPort };
  const cache = name === 'Redis, client-side cache' ? { RESP: 3, clientSideCache: {} } : {};
  const client = createClient({ ...address, ...cache, socket: address });
  client.on('error', (error) => {
    // The servers end with the Redis they talk to; anything else is a failed measurement.
    console.error(error.message);
    process.exit(1);
  });
  // One of version 2 connects by itself, and its store is made for an express-session.
  await client.connect?.();
  const module = require(versions.connectRedis);
  const RedisStore = module.RedisStore ?? module(session);
  return new RedisStore({ client, prefix });
}

module.exports = { openSessionStore };
