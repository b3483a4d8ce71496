'use strict';

// PostgreSQL goes away and comes back: events end in errors, nothing acknowledged is lost, no restart is needed.

const { test } = require('node:test');
const { LIMIT } = require('./support/limit.js');
const { startLoad } = require('./support/outage.js');
const { startPostgres } = require('./support/postgres-server.js');
const stores = require('./support/stores.js');

test('killed and started again in the middle', LIMIT, async (t) => {
  const server = await startPostgres();
  const load = await startLoad(t, await stores.postgres(server), server);
  await server.crash();
  await load.fail('events fail while it is away');
  await server.start();
  await load.progress('events succeed again');
  await load.end();
});
