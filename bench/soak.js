'use strict';

// `node bench/soak.js`: bind, event, disconnect, many times over on one server. Fails when the server keeps growing.

const path = require('node:path');
const { parseArgs } = require('node:util');
const { Child } = require('./child.js');
const { loadRival } = require('./rival.js');
const { RedisServer } = require('./redis-server.js');

const CHECKPOINTS = 10;
const KIB = 1024;
const MIB = 1024 * KIB;

const { values: options } = parseArgs({
  options: {
    cycles: { type: 'string', default: '100000' },
    rival: { type: 'string', default: 'ours' },
    store: { type: 'string', default: 'MemoryStore' },
    // Growth from the first third to the last: of the heap in KiB, of the resident set in MiB. What Rust
    // allocates is seen in the second only, and that one moves by itself.
    'heap-bound': { type: 'string', default: '1024' },
    'rss-bound': { type: 'string', default: '32' },
  },
});

const mean = (rows, part) => rows.reduce((sum, row) => sum + row[part], 0) / rows.length;

function growth(rows, part) {
  const third = Math.floor(rows.length / 3);
  return mean(rows.slice(-third), part) - mean(rows.slice(0, third), part);
}

async function main() {
  const { rival, store } = options;
  const cycles = Number(options.cycles);
  const redis = store === 'Redis' ? await RedisServer.start() : undefined;
  const parameters = { rival, store, redisPort: redis?.port, prefix: 'soak:', count: false };
  const server = new Child(path.join(__dirname, 'server.js'), {
    args: [JSON.stringify(parameters)],
    execArgv: ['--expose-gc'],
  });
  const load = new Child(path.join(__dirname, 'soak-load.js'));
  const rows = [];
  try {
    const { port } = await server.ask('listen');
    const started = Date.now();
    console.log(`${cycles} cycles, ${rival}, ${store}\n\n   cycles  heap MiB  RSS MiB  seconds`);
    for (let checkpoint = 1; checkpoint <= CHECKPOINTS; checkpoint += 1) {
      await load.ask('run', {
        port,
        cycles: Math.round(cycles / CHECKPOINTS),
        binding: loadRival(rival).binding,
      });
      const memory = await server.ask('memory', { quiet: 0 });
      rows.push(memory);
      const done = String(Math.round((cycles * checkpoint) / CHECKPOINTS)).padStart(9);
      const heap = (memory.heapUsed / MIB).toFixed(2).padStart(8);
      const rss = (memory.rss / MIB).toFixed(1).padStart(7);
      console.log(
        `${done}  ${heap}  ${rss}  ${String(Math.round((Date.now() - started) / 1000)).padStart(7)}`,
      );
    }
  } finally {
    await load.end();
    await server.end();
    await redis?.stop();
  }

  const heap = growth(rows, 'heapUsed') / KIB;
  const rss = growth(rows, 'rss') / MIB;
  const held = heap <= Number(options['heap-bound']) && rss <= Number(options['rss-bound']);
  console.log(`\nfirst third to last: heap ${heap.toFixed(0)} KiB, RSS ${rss.toFixed(1)} MiB`);
  console.log(
    held ? 'holds' : `grows by more than ${options['heap-bound']} KiB or ${options['rss-bound']} MiB`,
  );
  process.exitCode = held ? 0 : 1;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
