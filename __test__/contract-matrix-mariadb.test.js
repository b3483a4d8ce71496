'use strict';

// The contract on express-mysql-session over a real MariaDB.

const { after, before, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { begin, lifeRows, rows } = require('./support/contract-rows.js');
const { LIMIT } = require('./support/limit.js');
const { startMariadb } = require('./support/mariadb-server.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

let server;
before(async () => {
  server = await startMariadb();
});
after(() => server.stop());

describe('express-mysql-session', () => {
  const open = () => stores.mysql(server);
  rows(open);
  lifeRows(open);

  test('C15c: a session of a minute keeps its time to live', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, open, { sessionOptions: { cookie: { maxAge: 60_000 } } });
    const { socket, sid } = await bound();
    await socket.ask('write', { more: 1 });
    await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
    const ttl = Number(await kept.ttl(sid));
    // It rounds.
    assert.ok(ttl > 45 && ttl <= 61, `${ttl} s`);
  });
});
