'use strict';

// Redis fails in the ways that it does fail in: events end in errors, nothing acknowledged is lost, no restart is needed.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { LIMIT } = require('./support/limit.js');
const { STORE_TIMEOUT, startLoad } = require('./support/outage.js');
const { startProxy } = require('./support/tcp-proxy.js');
const { startRedis } = require('./support/redis-server.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

async function admin(t, server) {
  const { createClient } = require('redis');
  const client = createClient({ socket: { port: server.port, host: '127.0.0.1' } });
  client.on('error', () => {});
  await client.connect();
  t.after(() => client.destroy());
  return (...args) => client.sendCommand(args);
}

for (const [version, client] of [
  ['connect-redis 9', 'node-redis'],
  ['connect-redis 8', 'ioredis'],
]) {
  test(`killed and started again in the middle, ${version} on ${client}`, LIMIT, async (t) => {
    const server = await startRedis({ appendonly: 'yes', appendfsync: 'always' });
    const load = await startLoad(t, await stores.redis(server, undefined, { version, client }), server);
    await server.kill();
    await load.fail('events fail while it is away');
    await server.restart();
    await load.progress('events succeed again');
    await load.end();
  });
}

test('stopped for longer than the deadline', LIMIT, async (t) => {
  const server = await startRedis();
  t.after(() => server.resume());
  const load = await startLoad(t, await stores.redis(server), server);
  server.pause();
  await load.fail('events fail while it is stopped');
  assert.ok(load.failures.every(({ code }) => code === 'ERR_STORE_TIMEOUT'));
  server.resume();
  await load.progress('events succeed again');
  await load.end();
});

test('slow, slower than the deadline, and losing its connections', LIMIT, async (t) => {
  const server = await startRedis();
  const proxy = await startProxy(server.port);
  const load = await startLoad(t, await stores.redis(proxy), proxy, server);
  proxy.latency = 20;
  await load.progress('events succeed, late');
  assert.deepEqual(load.failures, []);
  proxy.latency = STORE_TIMEOUT;
  await load.fail('events fail while it takes too long');
  proxy.latency = 0;
  await load.progress('events succeed again');
  proxy.drop();
  await load.progress('events succeed over new connections');
  await load.end();
});

test('full: what cannot be written is an error, what is there can be read', LIMIT, async (t) => {
  const server = await startRedis({ 'maxmemory-policy': 'noeviction' });
  const command = await admin(t, server);
  const load = await startLoad(t, await stores.redis(server), server);
  await command('CONFIG', 'SET', 'maxmemory', '1');
  await load.fail('events fail while it is full');
  assert.match(load.failures.at(-1).message, /OOM/);
  const [{ browser, socket }] = load.clients;
  assert.equal((await browser.json('/read')).body.session.user, 'ann');
  assert.equal((await socket.ask('read', {})).session.user, 'ann');
  await command('CONFIG', 'SET', 'maxmemory', '0');
  await load.progress('events succeed again');
  await load.end();
});

test('failing over to a replica', LIMIT, async (t) => {
  const primary = await startRedis({ 'repl-diskless-sync-delay': 0 });
  const replica = await startRedis({ replicaof: `127.0.0.1 ${primary.port}` });
  const toPrimary = await admin(t, primary);
  const toReplica = await admin(t, replica);
  await until(async () => /state=online/.test(await toPrimary('INFO', 'replication')), 'it replicates');
  const proxy = await startProxy(primary.port);
  const load = await startLoad(t, await stores.redis(proxy), proxy, replica, primary);
  await toPrimary('FAILOVER');
  await until(async () => /role:master/.test(await toReplica('INFO', 'replication')), 'it has taken over');
  await load.fail('events fail at the one that is a replica now');
  assert.match(load.failures.at(-1).message, /READONLY/);
  proxy.target = replica.port;
  proxy.drop();
  await load.progress('events succeed at the new primary');
  await load.end();
});
