'use strict';

// What silent sockets cost: `node bench/silent.js [SOCKETS] [CHECK_INTERVAL_MS]`. Sockets of as many sessions on Redis send nothing;
// then Redis is flushed. It says the CPU time of the server's process and how many are still bound 1.2 intervals later.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const { setTimeout: delay } = require('node:timers/promises');
const { createClient } = require('redis');
const { startRedis } = require('../__test__/support/redis-server.js');

const [count = 10_000, interval = 30_000] = process.argv.slice(2).map(Number);

/** The process that is measured: bound connections without a network under them. */
async function serve(port) {
  const { EventEmitter } = require('node:events');
  const { RedisStore } = require('connect-redis');
  const { Server } = require('socketio4');
  const http = require('node:http');
  const { shareSession } = require('..');
  const { SharedConnection } = require('../lib/sockets/shared-connection.js');
  const client = createClient({ socket: { port, host: '127.0.0.1' } });
  await client.connect();
  const store = new RedisStore({ client, prefix: 'sess:' });
  const sharing = shareSession({ store, ...(interval && { checkInterval: interval }) });
  const io = new Server(http.createServer());
  const { sharing: inner } = await new Promise((resolve) => {
    // The sharing itself, as its middleware hands it to a connection.
    const middleware = sharing.socket();
    const socket = fakeSocket(io, 'first');
    middleware(socket, () => resolve({ sharing: connectionOf(socket).sharing }));
  });
  function connectionOf(socket) {
    return require('../lib/sockets/shared-properties.js').connectionOf(socket);
  }
  function fakeSocket({ sockets: nsp }, id) {
    const socket = new EventEmitter();
    return Object.assign(socket, {
      id,
      nsp,
      conn: new EventEmitter(),
      client: {},
      request: {},
      connected: true,
      handshake: { headers: {}, query: {}, auth: {} },
      emitReserved() {},
      _cleanup() {},
      ack() {},
      onevent() {},
      leave() {},
      join() {},
    });
  }
  const expires = new Date(Date.now() + 86_400_000);
  for (let n = 0; n < count; n += 1) {
    const sid = `session-${n}-0123456789abcdef0123456789ab`;
    const text = JSON.stringify({
      cookie: { originalMaxAge: 86_400_000, expires, httpOnly: true, path: '/' },
      user: `user ${n}`,
      filler: 'x'.repeat(800),
    });
    await client.set(`sess:${sid}`, text, { EX: 86_400 });
    const connection = new SharedConnection(inner, fakeSocket(io, `socket-${n}`));
    inner.connections.set(connection.id, connection);
    connection.bind(sid, { text }, inner.adopted.clock());
  }
  process.send({ ready: true });
  process.on('message', () =>
    process.send({ cpu: process.cpuUsage(), ...sharing.stats(), heap: process.memoryUsage().heapUsed }),
  );
}

async function main() {
  const redis = await startRedis();
  const child = fork(__filename, [count, interval, redis.port], {
    env: { ...process.env, BENCH_SILENT: String(redis.port) },
  });
  await once(child, 'message');
  const ask = async () => {
    child.send({});
    return (await once(child, 'message'))[0];
  };
  await delay(interval);
  const before = await ask();
  const began = performance.now();
  await delay(2 * interval);
  const after = await ask();
  const ms = performance.now() - began;
  const used = (after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system) / 1000;
  console.log(
    `${count} silent sockets, checkInterval ${interval} ms: ${((100 * used) / ms).toFixed(2)} % of one core, ${((1000 * (after.lookUps - before.lookUps)) / ms).toFixed(0)} look-ups a second`,
  );
  const client = createClient({ socket: { port: redis.port, host: '127.0.0.1' } });
  await client.connect();
  await client.flushAll();
  await delay(1.2 * interval);
  const { sockets } = await ask();
  console.log(`1.2 intervals after FLUSHALL: ${sockets} of ${count} bound`);
  child.kill();
  client.destroy();
  await redis.stop();
}

if (process.env.BENCH_SILENT) serve(Number(process.env.BENCH_SILENT));
else main();
