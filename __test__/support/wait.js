'use strict';

const assert = require('node:assert/strict');
const { setImmediate: turn, setTimeout: delay } = require('node:timers/promises');

// A handler's answer leaves before its session is saved, so what the store holds in the end has to be waited for.
// The condition decides when to go on, not the clock; the clock only turns "for ever" into a failure.
async function until(condition, what, limit = 60_000) {
  const end = Date.now() + limit;
  for (;;) {
    const value = await condition();
    if (value) {
      return value;
    }
    if (Date.now() > end) {
      assert.fail(`still not so after ${limit} ms: ${what ?? condition}`);
    }
    await delay(2);
  }
}

// For "and nothing more happens": lets everything that is already queued run. MemoryStore answers one turn later,
// so a get, a merge and a set that were going to happen have happened long before these turns are over.
async function settle(turns = 25) {
  for (let n = 0; n < turns; n += 1) {
    await turn();
  }
}

module.exports = { until, settle };
