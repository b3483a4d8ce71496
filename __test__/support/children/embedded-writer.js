'use strict';

// Writes sessions to a file, one number after the other, and tells what it has written and how often the file has been, until
// it is killed. `asks`: it calls flush() itself besides.

const { EmbeddedStore } = require('../../..');

const { asks, path, flushInterval, sessions } = JSON.parse(process.argv[2]);
const store = new EmbeddedStore({ path, flushInterval });
const cookie = { originalMaxAge: 3_600_000, expires: new Date(Date.now() + 3_600_000) };
let number = 0;

async function write() {
  const all = await store.all();
  for (const { n } of Object.values(all)) number = Math.max(number, n);
  process.send({ type: 'ready', found: number });
  const turn = () => {
    for (let count = 0; count < 20; count += 1) {
      number += 1;
      store.set(`s${number % sessions}`, { cookie, n: number, pad: String(number).repeat(40) }, () => {});
      if (number % 7 === 0) store.destroy(`s${(number + 3) % sessions}`, () => {});
    }
    process.send({ type: 'wrote', number, flushes: store.stats().flushes });
    const reached = number;
    if (asks && number % 200 === 0)
      store.flush().then(() => process.send({ type: 'flushed', number: reached }));
    setTimeout(turn, 1);
  };
  turn();
}

write();
