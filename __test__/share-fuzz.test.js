'use strict';

// shareSession under random packets: events of any name with any arguments, keys of any kind, connections that break off,
// sessions that end. The app lives, answers, and keeps nothing; the store is asked for well-formed ids only.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { randomUUID } = require('node:crypto');
const fc = require('fast-check');
const { shareApp } = require('./support/share-app.js');
const { UUID_V4 } = require('./support/uuid.js');
const { until } = require('./support/wait.js');

const CLIENTS = 8;
const BATCH = 1_000;

// What the app listens for: names that objects have of their own, too.
const NAMES = ['', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'session', 'late', 'set', '7'];
// Names that belong to Socket.IO or Node.js: a client of Socket.IO 4 that sends one is cut off.
const RESERVED = [
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'error',
  'newListener',
  'removeListener',
];

const json = fc.jsonValue({ maxDepth: 2 });
const key = (good) =>
  fc.oneof(
    { weight: 3, arbitrary: json },
    { weight: 1, arbitrary: fc.constantFrom('', '__proto__', '../x', `${randomUUID()}\n`) },
    { weight: 1, arbitrary: fc.uuid({ version: 4 }) },
    { weight: 2, arbitrary: fc.constantFrom(...good) },
  );

// A packet as it is on the wire, after Engine.IO's own type.
const packet = (good) => {
  const args = fc.array(json, { maxLength: 3 });
  const presented = fc.oneof(
    key(good).map((value) => [{ key: value }]),
    args,
  );
  const event = fc.oneof(
    { weight: 12, arbitrary: fc.tuple(fc.constantFrom(...NAMES, 'nobody listens'), args) },
    { weight: 3, arbitrary: fc.tuple(fc.string({ maxLength: 8 }), args) },
    { weight: 5, arbitrary: fc.tuple(fc.constant('__zappa_key'), presented) },
  );
  const cutting = fc.tuple(fc.oneof(fc.constantFrom(...RESERVED), json), args);
  // Beyond those that the client itself counts up.
  const ack = fc.option(fc.integer({ min: 1_000_000, max: 10_000_000 }), { nil: '' });
  return fc
    .tuple(fc.oneof({ weight: 600, arbitrary: event }, { weight: 1, arbitrary: cutting }), ack)
    .map(([[name, rest], id]) => `2${id}${JSON.stringify([name, ...rest])}`);
};

const step = (good) =>
  fc.oneof(
    {
      weight: 498,
      arbitrary: fc.record({ client: fc.nat(CLIENTS - 1), packet: packet(good) }),
    },
    { weight: 1, arbitrary: fc.record({ client: fc.nat(CLIENTS - 1), drop: fc.constant(true) }) },
    { weight: 1, arbitrary: fc.record({ end: fc.nat(2) }) },
  );

// Listeners of each kind, none of which fails by itself.
function define({ io }) {
  io.on('connection', (socket) => {
    for (const name of [...NAMES, 'disconnect', 'disconnecting', 'error']) {
      const late = name === 'late';
      socket.on(name, (...args) => {
        const ack = args.at(-1);
        const reply = () => typeof ack === 'function' && ack(socket.session.id);
        const change = () => {
          socket.session.last = args[0];
        };
        if (!late) {
          change();
          return reply();
        }
        return new Promise(setImmediate).then(change).then(reply);
      });
    }
  });
}

for (const [socketIoVersion, least] of [
  [4, 100_000],
  [2, 20_000],
]) {
  test(`${least} random packets, Socket.IO ${socketIoVersion}`, { timeout: 240_000 }, async (t) => {
    const faults = [];
    let arrived = 0;
    const f = await shareApp(t, {
      socketIoVersion,
      options: { onError: (error) => faults.push(error), maxKeysPerMinute: 1_000_000 },
      app(parts) {
        parts.io.engine?.on('connection', (raw) => raw.on('data', () => (arrived += 1)));
        define(parts);
      },
    });
    // Socket.IO 2 has its engine when it listens.
    if (socketIoVersion === 2) {
      f.io.eio.on('connection', (raw) => raw.on('data', () => (arrived += 1)));
    }

    const browsers = [await f.login(), await f.login(), await f.login()];
    const known = new Set();
    const renew = async (browser) => {
      await browser.request('/login');
      known.add(browser.sid);
      known.add(await f.keyOf(browser));
    };
    for (const browser of browsers) await renew(browser);
    const keys = [];
    for (const browser of browsers) keys.push(await f.keyOf(browser));

    const sockets = [];
    const revive = async (index) => {
      const old = sockets[index];
      if (old?.socket.connected) return;
      old?.close();
      sockets[index] = await f.connect(index % 2 ? { key: keys[index % 3] } : {});
    };

    const isUnchecked = ({ sid }) => !known.has(sid) && !UUID_V4.test(sid) && !f.seen.has(sid);
    const run = async (steps) => {
      for (let index = 0; index < CLIENTS; index += 1) {
        await revive(index);
        known.add(sockets[index].id);
      }
      for (const { client, drop, end, packet: text } of steps) {
        if (end !== undefined) f.store.destroy(browsers[end].sid, () => {});
        else if (drop) sockets[client].socket.io.engine.close();
        // To think a packet up costs more than to send it: another socket, which may be bound or not, sends it too.
        else for (const n of [0, 1]) sockets[(client + n) % CLIENTS].socket.io.engine.write(text);
      }
      // Whoever was not cut off has its turn after all that.
      await Promise.all(
        sockets.map((socket) => {
          const gone = socket.socket.connected ? socket.next('disconnect') : undefined;
          return Promise.race([socket.ask('echo', 1), gone]);
        }),
      );
      for (const index of sockets.keys()) await revive(index);
      for (const socket of sockets) assert.equal(await socket.ask('echo', steps.length), steps.length);
      assert.deepEqual(f.store.taken().filter(isUnchecked), []);
      assert.deepEqual(faults.map(String), []);
      for (const browser of browsers) await renew(browser);
    };
    const batch = fc.array(step(keys), { minLength: BATCH, maxLength: BATCH, size: 'max' });
    while (arrived < least)
      await fc.assert(fc.asyncProperty(batch, run), { numRuns: 10, endOnFailure: true });
    t.diagnostic(`${arrived} packets, ${f.seen.size} connections`);

    // Nothing of it is left.
    for (const socket of sockets) socket.close();
    const count = () =>
      socketIoVersion === 2 ? Object.keys(f.io.sockets.sockets).length : f.io.sockets.sockets.size;
    await until(() => count() === 0 && f.sharing.stats().sockets === 0, 'all have left');
    await until(() => !f.store.ids().some((id) => f.seen.has(id)), "no socket's own session is left");
    assert.deepEqual(Object.keys(Object.prototype), []);
    const { socket, sid } = await f.bound();
    assert.equal((await socket.ask('read')).id, sid);
  });
}
