'use strict';

// The contract on connect-pg-simple over a real PostgreSQL, with the column that it makes and with the other one.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { begin, lifeRows, rows } = require('./support/contract-rows.js');
const { LIMIT } = require('./support/limit.js');
const { suitePostgres } = require('./support/postgres-server.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

const server = suitePostgres();

for (const column of ['json', 'jsonb']) {
  const open = () => stores.postgres(server, undefined, { column });
  describe(`connect-pg-simple, a column of ${column}`, () => {
    rows(open);
    lifeRows(open);

    for (const maxAge of [60_000, 30 * 86_400_000]) {
      test(`C15c: a session of ${maxAge / 1000} s keeps its time to live`, LIMIT, async (t) => {
        const { kept, bound } = await begin(t, open, { sessionOptions: { cookie: { maxAge } } });
        const { socket, sid } = await bound();
        await socket.ask('write', { more: 1 });
        await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
        const ttl = await kept.ttl(sid);
        // connect-pg-simple rounds up.
        assert.ok(ttl > maxAge / 1000 - 15 && ttl <= maxAge / 1000 + 1, `${ttl} s`);
      });
    }
  });
}
