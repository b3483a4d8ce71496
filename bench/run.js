'use strict';

// `node bench/run.js`: measures every rival on every scenario, prints tables, keeps the results. See README.md.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Child } = require('./child.js');
const { RedisServer } = require('./redis-server.js');
const { measureConnections } = require('./connect-cost.js');
const { measureEvents } = require('./event-cost.js');
const { measureFootprint } = require('./footprint.js');
const { commandLine, machine } = require('./machine.js');
const { writeReport } = require('./report.js');
const { isInstalled } = require('./rival.js');
const { readOptions } = require('./run-options.js');
const { packagesOf } = require('./stacks.js');
const { measureStoreCalls } = require('./store-calls.js');
const { TABLES } = require('./table.js');
const { Turns } = require('./turns.js');

const RESULTS = path.join(__dirname, 'results');

const say = (text) => process.stderr.write(`${text}\n`);

class Measurements {
  constructor({ load, redis, settings }) {
    Object.assign(this, { load, redis, settings });
    const progress = (round) => say(`  round ${round + 1} of ${settings.rounds}`);
    this.turns = new Turns({ load, redis, progress, ...settings });
  }

  async measure(scenario, rivals) {
    const { load, redis, settings, turns } = this;
    const { kind, store, stack, size } = scenario;
    const parameters = { ...settings, rivals };
    if (['events', 'share', 'zappa'].includes(kind)) return measureEvents(turns, scenario, parameters);
    if (kind === 'connect') return measureConnections(turns, scenario, parameters);
    await turns.close();
    const sockets = kind === 'crowd' ? settings.crowd : scenario.sockets;
    const taken = {};
    for (const rival of rivals) {
      const one = { load, redis, rival, store, stack, size, sockets, repeats: settings.repeats };
      taken[rival] = await (kind === 'calls' ? measureStoreCalls(one) : measureFootprint(one));
    }
    return taken;
  }
}

function chooseRivals(scenario, asked) {
  const rivals = asked ?? scenario.rivals;
  const missing = rivals.filter((name) => !isInstalled(name));
  if (missing.length > 0) say(`  left out: ${missing.join(', ')} (npm install --prefix bench/peers)`);
  return rivals.filter((name) => !missing.includes(name));
}

function versionOf(name) {
  const file = path.join(__dirname, '..', 'node_modules', name, 'package.json');
  return JSON.parse(fs.readFileSync(file, 'utf8')).version;
}

async function surroundings(redis, chosen) {
  const packages = new Set(chosen.flatMap(({ stack = 'newest' }) => packagesOf(stack)));
  return {
    date: new Date().toISOString(),
    command: commandLine(),
    node: process.version,
    machine: machine(),
    versions: {
      ...Object.fromEntries([...packages].map((name) => [name, versionOf(name)])),
      'redis-server': await redis.version(),
    },
  };
}

async function main() {
  const { help, rivals, chosen, deadline, output, settings } = readOptions(process.argv.slice(2));
  if (help !== undefined) {
    console.log(help);
    return;
  }
  const redis = await RedisServer.start();
  const load = new Child(path.join(__dirname, 'load.js'));
  const measurements = new Measurements({ load, redis, settings });
  const results = { ...(await surroundings(redis, chosen)), settings, left: [] };

  try {
    for (const scenario of chosen) {
      const { name, kind, store, size, event, sockets, goals } = scenario;
      if (Date.now() > deadline) {
        results.left.push(name);
        continue;
      }
      say(name);
      const taken = await measurements.measure(scenario, chooseRivals(scenario, rivals));
      results[kind] ??= [];
      results[kind].push({ name, store, size: size.label, event, sockets, goals, rivals: taken });
    }
    await measurements.turns.close();
  } finally {
    await load.end();
    await redis.stop();
  }

  for (const [kind, [title, table]] of Object.entries(TABLES)) {
    if (results[kind]) console.log(`\n${title}\n\n${table(results[kind])}`);
  }
  if (results.left.length > 0) console.log(`\nNo time was left for: ${results.left.join(', ')}`);
  results.machine.loadAfter = os.loadavg()[0];
  if (output !== undefined) {
    fs.mkdirSync(path.dirname(output), { recursive: true });
    fs.writeFileSync(output, `${JSON.stringify(results, null, 2)}\n`);
    say(`\nresults: ${path.relative(process.cwd(), output)}`);
    if (path.dirname(path.resolve(output)) === RESULTS) writeReport();
  }
}

// `node bench/run.js store`: the embedded store, without Socket.IO.
(process.argv[2] === 'store' ? async () => require('./store.js') : main)().catch((error) => {
  console.error(error instanceof TypeError && error.message.startsWith('--') ? error.message : error);
  process.exit(1);
});
