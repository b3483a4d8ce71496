'use strict';

// Server CPU per event.

// V8 compiles a function after it has run some thousand times, and what it calls one after the other.
const COMPILED_AFTER = 20_000;

async function measureEvents(turns, scenario, { rivals, events, warmUp, inFlight }) {
  const { event, store, stack, size, sockets } = scenario;
  const group = `${scenario.kind}/${store}/${size.label}/${sockets}`;
  await turns.prepare(group, { rivals, store, stack, bytes: size.bytes, size: sockets }, (stage) =>
    stage.connect(),
  );
  const rate = inFlight === 0 ? size.rate : undefined;
  const warming = { event, inFlight: Math.max(1, inFlight) };

  // Until the code is compiled, nobody is measured.
  for (const stage of turns.stages) {
    await stage.crowdDoes('run', { ...warming, count: Math.max(events, COMPILED_AFTER) });
    // One by one as well: what V8 knows of batches it compiles anew, and that takes more than the events.
    if (rate) await stage.crowdDoes('run', { event, count: Math.max(events, rate), rate });
  }
  const taken = await turns.take(async (stage) => {
    await stage.crowdDoes('run', { ...warming, count: warmUp });
    const { done: run, ...usage } = await stage.cost('run', { event, count: events, inFlight, rate });
    return {
      ...Object.fromEntries(Object.entries(usage).map(([name, amount]) => [name, amount / run.events])),
      eventsPerSecond: Math.round((run.events / run.wall) * 1e6),
    };
  });
  if (event === 'write') {
    for (const stage of turns.stages.filter(({ binding }) => binding !== null)) {
      await stage.crowdDoes('run', { event, count: sockets, inFlight: 1 });
      await stage.crowdDoes('checkSaved');
    }
  }
  return taken;
}

module.exports = { measureEvents };
