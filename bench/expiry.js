'use strict';

// `node --expose-gc bench/expiry.js`: what memory an `EmbeddedStore` gives back when all of its sessions end at once,
// and how long the event loop is held up meanwhile.

const { setImmediate: turn, setTimeout: sleep } = require('node:timers/promises');
const { EmbeddedStore } = require('../index.js');

const SESSIONS = 1_000_000;
const BYTES = 900;
/** How long the sessions live, in ms: longer than it takes to set them all. */
const LIFE = 30_000;
const BEAT = 5;

const rss = () => Math.round(process.memoryUsage().rss / 2 ** 20);

async function main() {
  const store = new EmbeddedStore({ maxBytes: Number.MAX_SAFE_INTEGER, sweepInterval: 1000 });
  const before = rss();
  const expires = new Date(Date.now() + LIFE);
  for (let number = 0; number < SESSIONS; number += 1) {
    store.set(
      `session${number}`,
      { cookie: { originalMaxAge: 1, expires }, pad: 'x'.repeat(BYTES) },
      () => {},
    );
    if (number % 1000 === 999) await turn();
  }
  globalThis.gc();
  const full = rss();
  const { sessions } = store.stats();
  if (sessions !== SESSIONS)
    throw new Error(`${sessions} sessions are there before the end: LIFE is too short here`);

  let latest = 0;
  let last = performance.now();
  while (store.stats().sessions > 0) {
    await sleep(BEAT);
    const now = performance.now();
    latest = Math.max(latest, now - last - BEAT);
    last = now;
  }
  // The memory goes back right after the sweep.
  await sleep(1000);
  globalThis.gc();
  console.log(
    `resident set, MiB: ${before} before, ${full} with ${SESSIONS} sessions, ${rss()} after they have ended`,
  );
  console.log(`the latest turn of the event loop came ${latest.toFixed(1)} ms late`);
  await store.close();
}

main();
