'use strict';

// How often a rival asks the store, counted and not timed.

const { Stage } = require('./stage.js');

const SOCKETS = 10;
const EVENTS = 100;

async function measureStoreCalls({ load, redis, rival, store, stack, size }) {
  const stage = await Stage.open({
    load,
    redis,
    rival,
    store,
    stack,
    bytes: size.bytes,
    size: SOCKETS,
    count: true,
  });

  async function count(per, act) {
    await stage.server.ask('resetCalls');
    await redis.resetCalls();
    await act();
    const calls = await stage.server.ask('calls');
    const commands = store === 'Redis' ? await redis.calls() : {};
    const average = (counts) =>
      Object.fromEntries(
        Object.entries(counts)
          .filter(([, number]) => number > 0)
          .map(([name, number]) => [name, number / per]),
      );
    return { calls: average(calls), commands: average(commands) };
  }

  const result = {};
  if (stage.binding === 'handshake') {
    await stage.crowdDoes('connect', { binding: null });
    result.firstHandshake = await count(SOCKETS, () => stage.crowdDoes('bind'));
    await stage.crowdDoes('reconnect');
    result.repeatedHandshake = await count(SOCKETS, () => stage.crowdDoes('bind'));
  } else {
    await stage.connect();
  }
  for (const event of ['read', 'write', 'ignore']) {
    result[event] = await count(EVENTS, () => stage.crowdDoes('run', { event, count: EVENTS, inFlight: 1 }));
  }
  await stage.close();
  return result;
}

module.exports = { measureStoreCalls };
