'use strict';

// Commits and updates are exact between processes that share a PostgreSQL.

const { after, before, describe, test } = require('node:test');
const { countExactly } = require('./support/exact.js');
const { startPostgres } = require('./support/postgres-server.js');
const stores = require('./support/stores.js');

describe('four processes on one PostgreSQL, 4,000 increments and 4,000 fields of one session', () => {
  let server;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());

  test('connect-pg-simple: all are kept', { timeout: 120_000 }, async (t) => {
    const kept = await stores.postgres(server);
    t.after(() => kept.cleanup());
    const input = { postgres: [{ config: server.config }, kept.table, { shared: true }] };
    await countExactly(t, input, kept);
  });
});
