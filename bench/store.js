'use strict';

// `node bench/store.js`: the embedded store beside MemoryStore and its peers, without Socket.IO. See README.md.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { fork } = require('node:child_process');
const { parseArgs } = require('node:util');
const { commandLine, machine } = require('./machine.js');
const { writeReport } = require('./report.js');

const RIVALS = ['MemoryStore', 'ours', 'ours, path', 'memorystore', 'better-sqlite3'];
const COLUMNS = {
  pause: ['full GC, ms', 1],
  collecting: ['GC in a mixed load, µs/op', 2],
  mixed: ['mixed load, µs/op', 2],
  get: ['get + parse, µs', 2],
  set: ['set, µs', 2],
  touch: ['touch, µs', 2],
  rss: ['RSS, MiB', 0],
};

function measure(parameters) {
  return new Promise((resolve, reject) => {
    const execArgv = ['--expose-gc', '--max-old-space-size=12288'];
    const child = fork(path.join(__dirname, 'store-child.js'), [JSON.stringify(parameters)], { execArgv });
    child.on('message', resolve);
    child.on('exit', (code) => reject(new Error(`${parameters.rival} ended with ${code}`)));
  });
}

async function main() {
  const { values } = parseArgs({
    allowPositionals: true,
    options: {
      sizes: { type: 'string', default: '1000,100000,1000000' },
      bytes: { type: 'string', default: '1024' },
      operations: { type: 'string', default: '100000' },
      rivals: { type: 'string' },
      output: { type: 'string' },
    },
  });
  const rivals = values.rivals?.split(';') ?? RIVALS;
  const results = {
    date: new Date().toISOString(),
    command: commandLine(),
    node: process.version,
    machine: machine(),
    rows: [],
  };
  for (const count of values.sizes.split(',').map(Number)) {
    console.log(`\n${count} sessions of ${values.bytes} bytes\n`);
    console.log(['store', ...Object.values(COLUMNS).map(([title]) => title)].join(' | '));
    for (const rival of rivals) {
      const parameters = {
        rival,
        count,
        bytes: Number(values.bytes),
        operations: Number(values.operations),
      };
      const row = await measure(parameters);
      results.rows.push({ ...parameters, ...row });
      const cells = Object.entries(COLUMNS).map(([name, [, digits]]) => row[name]?.toFixed(digits) ?? '–');
      console.log([rival, ...(row.failed ? [`left out: ${row.failed}`] : cells)].join(' | '));
    }
  }
  results.machine.loadAfter = os.loadavg()[0];
  if (values.output) {
    fs.mkdirSync(path.dirname(values.output), { recursive: true });
    fs.writeFileSync(values.output, `${JSON.stringify(results, null, 2)}\n`);
    if (path.dirname(path.resolve(values.output)) === path.join(__dirname, 'results')) writeReport();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
