'use strict';

// Commits and updates are exact between processes that share a PostgreSQL.

const { describe, test } = require('node:test');
const { countExactly } = require('./support/exact.js');
const { suitePostgres } = require('./support/postgres-server.js');
const stores = require('./support/stores.js');

describe('four processes with four sockets each on one PostgreSQL', () => {
  const server = suitePostgres();

  test('connect-pg-simple: 2000 increments and 2000 fields of one session are all kept', {
    timeout: 300_000,
  }, async (t) => {
    const kept = await stores.postgres(server);
    t.after(() => kept.cleanup());
    const input = { postgres: [{ config: server.config }, kept.table, { shared: true }] };
    await countExactly(t, input, kept, 125);
  });
});
