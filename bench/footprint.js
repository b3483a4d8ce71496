'use strict';

// What a socket holds of the server's memory: after binding and one event, less before connecting. The sessions are
// there before, so a session is not counted; a rival's records in MemoryStore are.

const { Stage } = require('./stage.js');
const { median } = require('./statistics.js');

// Longer than anything is kept for sockets that have just been busy, and than V8 takes to see that nothing happens, in ms.
const QUIET = 6000;

// What a server holds once, however many sockets it has, is no socket's: compiled code, modules, caches. So there are
// others before, who stay; they have done the same, and so often that V8 has compiled what it will compile.
const FORMER = { sockets: 500, connections: 8, events: 20_000, inFlight: 2 };

async function measureOnce({ load, redis, rival, store, size, sockets }) {
  const stage = await Stage.open({ load, redis, rival, store, bytes: size.bytes, size: sockets });
  // A browser that has logged in looks at a page. In MemoryStore a session takes a quarter more from then on: `JSON.stringify`
  // makes a text in pieces, of one byte for each character as far as that is possible, and `JSON.parse` joins them. Nor is
  // that any socket's.
  await stage.crowdDoes('visit');
  const former = await stage.joined({ bytes: size.bytes, size: FORMER.sockets });
  await former.connect();
  for (let again = 1; again < FORMER.connections; again += 1) {
    await former.crowdDoes('disconnect');
    await former.connect();
  }
  await former.crowdDoes('run', { event: 'read', count: FORMER.events, inFlight: FORMER.inFlight });
  const before = await stage.server.ask('memory', { quiet: QUIET });
  await stage.connect();
  await stage.crowdDoes('run', { event: 'read', count: sockets, inFlight: 1 });
  const after = await stage.server.ask('memory', { quiet: QUIET });
  await former.leave();
  await stage.close();
  const perSocket = Object.keys(after).map((part) => [
    part,
    Math.round((after[part] - before[part]) / sockets),
  ]);
  return { ...Object.fromEntries(perSocket), process: after.rss };
}

async function measureFootprint({ repeats: times, ...parameters }) {
  const repeats = [];
  for (let index = 0; index < times; index += 1) {
    repeats.push(await measureOnce(parameters));
  }
  const medians = Object.keys(repeats[0]).map((part) => [part, median(repeats.map((row) => row[part]))]);
  return { ...Object.fromEntries(medians), repeats };
}

module.exports = { measureFootprint };
