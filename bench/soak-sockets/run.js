'use strict';

// `npm run soak:sockets -- --sockets 10000`: many bound sockets in one process, with events at a steady rate, logouts and
// reconnects. Fails when the server keeps growing, when anything goes wrong in it, and when a client sees less than it was
// acknowledged.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { Child } = require('../child.js');
const { RedisServer } = require('../redis-server.js');
const { overTime } = require('./chart.js');

const KIB = 1024;
const MIB = 1024 * KIB;
/** What one process of clients bears. */
const SOCKETS_PER_LOAD = 5000;
const TABS = 2;

const { values: options } = parseArgs({
  options: {
    sockets: { type: 'string', default: '10000' },
    store: { type: 'string', default: 'EmbeddedStore' },
    intervals: { type: 'string', default: '20' },
    // Of one interval.
    seconds: { type: 'string', default: '30' },
    // In a second.
    events: { type: 'string', default: '500' },
    logouts: { type: 'string', default: '30' },
    reconnects: { type: 'string', default: '100' },
    // Growth from the middle third to the last, of the heap in KiB and of the resident set in MiB. In the first, V8's heap
    // spreads over more pages, until most sockets have been replaced once.
    'heap-bound': { type: 'string', default: '2048' },
    'rss-bound': { type: 'string', default: '48' },
    chart: { type: 'string' },
  },
});

const number = (name) => Number(options[name]);
const mean = (rows, part) => rows.reduce((sum, row) => sum + row[part], 0) / rows.length;
const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

function growth(rows, part) {
  const third = Math.max(1, Math.floor(rows.length / 3));
  return mean(rows.slice(-third), part) - mean(rows.slice(-2 * third, -third), part);
}

/** The clients, shared out among processes. */
class Clients {
  constructor(sockets) {
    this.sessions = sockets / TABS;
    const count = Math.ceil(sockets / SOCKETS_PER_LOAD);
    this.loads = Array.from({ length: count }, () => new Child(path.join(__dirname, 'load.js')));
  }

  open(port) {
    const each = Math.ceil(this.sessions / this.loads.length);
    const sessions = (first) => Math.min(each, this.sessions - first);
    return Promise.all(
      this.loads.map((load, index) =>
        load.ask('open', { port, first: index * each, sessions: sessions(index * each) }),
      ),
    );
  }

  async run(seconds) {
    const share = (name) => number(name) / this.loads.length;
    const rates = { events: share('events'), logouts: share('logouts'), reconnects: share('reconnects') };
    const parts = await Promise.all(this.loads.map((load) => load.ask('run', { seconds, ...rates })));
    const total = (kind) => parts.reduce((sum, { done }) => sum + done[kind], 0);
    const sorted = parts.flatMap(({ latencies }) => latencies).sort((a, b) => a - b);
    return {
      events: total('events'),
      logouts: total('logouts'),
      reconnects: total('reconnects'),
      faults: parts.flatMap(({ faults }) => faults),
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
    };
  }

  async close() {
    await Promise.all(this.loads.map((load) => load.ask('close')));
    await Promise.all(this.loads.map((load) => load.end()));
  }
}

function print(row) {
  const cells = [
    [row.time.toFixed(0), 7],
    [row.events, 8],
    [row.logouts, 8],
    [row.reconnects, 11],
    [row.p50.toFixed(1), 8],
    [row.p99.toFixed(1), 8],
    [(row.heapUsed / MIB).toFixed(1), 9],
    [(row.rss / MIB).toFixed(0), 8],
  ];
  console.log(cells.map(([text, width]) => String(text).padStart(width)).join(' '));
}

function draw(rows, file) {
  const title = `ms from due to acknowledged: ${options.sockets} bound sockets, ${options.store}`;
  const series = [
    { name: 'median', values: rows.map(({ p50 }) => p50) },
    { name: 'p99', values: rows.map(({ p99 }) => p99) },
  ];
  const times = rows.map(({ time }) => time);
  fs.writeFileSync(file, overTime(title, times, series));
  console.log(`drawn in ${path.relative(process.cwd(), file)}`);
}

async function main() {
  const sockets = number('sockets');
  if (!Number.isInteger(sockets / TABS) || sockets < TABS) throw new Error('--sockets: an even number');
  const redis = options.store === 'Redis' ? await RedisServer.start() : undefined;
  const server = new Child(path.join(__dirname, 'server.js'), { execArgv: ['--expose-gc'] });
  const clients = new Clients(sockets);
  const rows = [];
  const faults = [];
  try {
    const { port } = await server.ask('listen', { redisPort: redis?.port });
    const begun = performance.now();
    await clients.open(port);
    const opened = ((performance.now() - begun) / 1000).toFixed(1);
    console.log(
      `${sockets} sockets of ${clients.sessions} sessions bound in ${opened} s, ${options.store}\n`,
    );
    console.log('seconds   events  logouts  reconnects   p50 ms   p99 ms  heap MiB  RSS MiB');
    for (let interval = 0; interval < number('intervals'); interval += 1) {
      const load = await clients.run(number('seconds'));
      const state = await server.ask('look');
      faults.push(...load.faults, ...state.faults);
      if (state.sockets !== sockets) faults.push(`${state.sockets} of ${sockets} sockets are bound`);
      // Each session, and the record of its key: nothing that has ended is left.
      if (state.stored !== 2 * clients.sessions) faults.push(`the store holds ${state.stored} records`);
      const row = { ...load, ...state, time: (interval + 1) * number('seconds') };
      rows.push(row);
      print(row);
    }
    console.log(`\nloads ${rows.at(-1).loads}, commits ${rows.at(-1).commits}, dropped ${rows.at(-1).drops}`);
    await clients.close();
  } finally {
    for (const load of clients.loads) await load.end();
    await server.end();
    await redis?.stop();
  }
  if (options.chart) draw(rows, options.chart);

  const heap = growth(rows, 'heapUsed') / KIB;
  const rss = growth(rows, 'rss') / MIB;
  const grows = heap > number('heap-bound') || rss > number('rss-bound');
  console.log(`middle third to last: heap ${heap.toFixed(0)} KiB, RSS ${rss.toFixed(1)} MiB`);
  if (grows) console.log(`grows by more than ${options['heap-bound']} KiB or ${options['rss-bound']} MiB`);
  for (const fault of new Set(faults)) console.log(fault);
  console.log(faults.length === 0 && !grows ? 'holds' : `${faults.length} faults`);
  process.exitCode = faults.length === 0 && !grows ? 0 : 1;
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
