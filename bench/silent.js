'use strict';

// What silent sockets cost: `node bench/silent.js [SOCKETS] [CHECK_INTERVAL_MS]`. Bound sockets of as many sessions on Redis send
// nothing for two intervals; then Redis is flushed. Says the CPU time of their process, and how many are bound 1.2 intervals later.

const { EventEmitter, once } = require('node:events');
const { fork } = require('node:child_process');
const http = require('node:http');
const { setTimeout: delay } = require('node:timers/promises');
const { createClient } = require('redis');
const { RedisStore } = require('connect-redis');
const { Server } = require('socketio4');
const { startRedis } = require('../__test__/support/redis-server.js');
const { SharedConnection } = require('../lib/sockets/shared-connection.js');
const { SocketSharing } = require('../lib/sockets/sharing/socket-sharing.js');
const { readShareOptions } = require('../lib/support/options.js');

const [count = 10_000, checkInterval = 30_000] = process.argv.slice(2).map(Number);
const DAY = 86_400_000;

async function connect(port) {
  const client = createClient({ socket: { port, host: '127.0.0.1' } });
  client.on('error', () => {});
  return client.connect();
}

// A socket without a connection under it: those cost the same, whatever their sessions do.
function silentSocket(nsp, id) {
  const handshake = { headers: {}, query: {}, auth: {} };
  return Object.assign(new EventEmitter(), { id, nsp, handshake, conn: new EventEmitter(), connected: true });
}

// The process that is measured.
async function serve(port) {
  const client = await connect(port);
  const store = new RedisStore({ client, prefix: 'sess:' });
  const sharing = new SocketSharing(readShareOptions({ store, checkInterval }));
  const nsp = new Server(http.createServer()).of('/');
  for (let n = 0; n < count; n += 1) {
    const sid = `${n}`.padStart(32, 'session-');
    const cookie = { originalMaxAge: DAY, expires: new Date(Date.now() + DAY), httpOnly: true, path: '/' };
    const text = JSON.stringify({ cookie, user: `user ${n}`, filler: 'x'.repeat(800) });
    await client.set(`sess:${sid}`, text, { EX: DAY / 1000 });
    const connection = new SharedConnection(sharing, silentSocket(nsp, `socket-${n}`));
    sharing.connections.set(connection.id, connection);
    connection.bind({ sid, stored: { text }, clock: sharing.adopted.clock });
  }
  process.on('message', () => process.send({ cpu: process.cpuUsage(), ...sharing.stats() }));
  process.send('ready');
}

async function measure() {
  const redis = await startRedis();
  const child = fork(__filename, process.argv.slice(2), {
    env: { ...process.env, SILENT_REDIS: redis.port },
  });
  await once(child, 'message');
  const ask = async () => {
    child.send('stats');
    return (await once(child, 'message'))[0];
  };
  const client = await connect(redis.port);
  await delay(checkInterval);
  const before = await ask();
  const began = performance.now();
  await delay(2 * checkInterval);
  const after = await ask();
  const ms = performance.now() - began;
  const used = (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1000;
  const rate = (1000 * (after.lookUps - before.lookUps)) / ms;
  console.log(`${count} silent sockets, checkInterval ${checkInterval} ms, ${after.sockets} bound:`);
  console.log(`${((100 * used) / ms).toFixed(2)} % of one core, ${rate.toFixed(0)} look-ups a second`);
  await client.flushAll();
  await delay(1.2 * checkInterval);
  console.log(`1.2 intervals after FLUSHALL: ${(await ask()).sockets} bound`);
  child.kill();
  client.destroy();
  await redis.stop();
}

if (process.env.SILENT_REDIS) serve(Number(process.env.SILENT_REDIS));
else measure();
