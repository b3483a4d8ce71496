'use strict';

// The process that is measured: one rival, one store. `node server.js '{"rival":…,"store":…}'`, forked.

const { createHost } = require('./host.js');
const { loadRival } = require('./rival.js');
const { openSessionStore } = require('./session-store.js');
const { STACKS } = require('./stacks.js');
const { CallCount } = require('./call-count.js');
const { answer } = require('./child.js');
const { Session } = require('node:inspector/promises');
const { setTimeout: sleep } = require('node:timers/promises');

// What a handler leaves behind after its ack (a save on its way to the store) belongs to its event.
const SETTLE = 30;

const { rival: named, store: name, stack, redisPort, prefix, count } = JSON.parse(process.argv[2]);

let callCount;
let before;

async function listen() {
  const rival = loadRival(named);
  const versions = STACKS[stack];
  const store = await openSessionStore({ name: rival.store ?? name, redisPort, prefix, versions });
  if (count) {
    callCount = new CallCount(Object.getPrototypeOf(store));
  }
  const server = createHost({ rival, store, versions });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { port: server.address().port };
}

// All that can be collected, and the pages that are free then go back to the system, as when memory is short: the resident
// set would have the garbage of before, too.
async function collectAll() {
  const session = new Session();
  session.connect();
  await session.post('HeapProfiler.collectGarbage');
  session.disconnect();
}

// The CPU so far, in µs, and how often a thread has slept and been woken, or has been pushed aside by another process.
function usage() {
  const { user, system } = process.cpuUsage();
  const { voluntaryContextSwitches, involuntaryContextSwitches } = process.resourceUsage();
  return { user, system, wakeUps: voluntaryContextSwitches, pushed: involuntaryContextSwitches };
}

answer({
  listen,

  collect() {
    globalThis.gc({ type: 'minor' });
  },

  startCpu() {
    before = usage();
  },

  async stopCpu() {
    await sleep(SETTLE);
    return Object.fromEntries(Object.entries(usage()).map(([name, count]) => [name, count - before[name]]));
  },

  // Of sockets that have been quiet for so many ms.
  async memory({ quiet }) {
    // Three times, apart: what one collection finalizes the next one frees, V8 gives back the room for new objects (up to
    // 48 MB) only where little was allocated for five seconds, and pages that have become empty go a moment later.
    for (let turn = 0; turn < 3; turn += 1) {
      await sleep(quiet);
      await collectAll();
    }
    await sleep(quiet / 3);
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heapUsed, external, rss };
  },

  resetCalls() {
    callCount.reset();
  },

  async calls() {
    await sleep(SETTLE);
    return callCount.calls;
  },
});
