'use strict';

// What a bound socket holds of the server's memory: after binding and one event, less before connecting. The
// sessions are there before, so a session is not counted; a rival's records in MemoryStore are.

const { Stage } = require('./stage.js');
const { median } = require('./statistics.js');

const SOCKETS = 2000;
const REPEATS = 3;

async function measureOnce({ load, redis, rival, store, size }) {
  const stage = await Stage.open({ load, redis, rival, store, bytes: size.bytes, size: SOCKETS });
  const before = await stage.server.ask('memory');
  await stage.connect();
  await stage.crowdDoes('run', { event: 'read', count: SOCKETS, inFlight: 1 });
  const after = await stage.server.ask('memory');
  await stage.close();
  return Object.fromEntries(
    Object.keys(after).map((part) => [part, Math.round((after[part] - before[part]) / SOCKETS)]),
  );
}

async function measureFootprint(parameters) {
  const repeats = [];
  for (let index = 0; index < REPEATS; index += 1) {
    repeats.push(await measureOnce(parameters));
  }
  const medians = Object.keys(repeats[0]).map((part) => [part, median(repeats.map((row) => row[part]))]);
  return { ...Object.fromEntries(medians), repeats };
}

module.exports = { measureFootprint };
