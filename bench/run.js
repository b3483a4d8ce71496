'use strict';

// `node bench/run.js`: measures every rival on every scenario, prints tables, keeps the results. See README.md.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { Child } = require('./child.js');
const { RedisServer } = require('./redis-server.js');
const { EventCost } = require('./event-cost.js');
const { commandLine, machine } = require('./machine.js');
const { writeReport } = require('./report.js');
const { measureStoreCalls } = require('./store-calls.js');
const { measureFootprint } = require('./footprint.js');
const { scenarios } = require('./scenarios.js');
const { eventsTable, callsTable, footprintTable } = require('./table.js');

const RIVALS = ['bare', 'straight-port', 'ours'];
const RESULTS = path.join(__dirname, 'results', 'events.json');
const VERSIONS_OF = ['express5', 'socketio4', 'express-session', 'connect-redis', 'redis'];

function readOptions() {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '7' },
      events: { type: 'string', default: '5000' },
      // 0: at a steady rate. Else: each socket keeps so many events in flight, as fast as they are answered.
      'in-flight': { type: 'string', default: '0' },
      only: { type: 'string' },
      rivals: { type: 'string' },
      output: { type: 'string' },
    },
  });
  const whole = (name, least = 1) => {
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < least) {
      throw new TypeError(`--${name} takes a whole number from ${least}`);
    }
    return number;
  };
  const rivals = values.rivals?.split(',') ?? RIVALS;
  for (const rival of rivals) {
    if (![...RIVALS, 'ours-embedded', 'ours-path'].includes(rival)) {
      throw new TypeError(`--rivals takes some of ${RIVALS.join(',')}, not ${rival}`);
    }
  }
  const events = whole('events');
  const part = values.only !== undefined || values.rivals !== undefined;
  return {
    rivals,
    only: new RegExp(values.only ?? '', 'i'),
    // Part of the results must not take the place of all.
    output: values.output ?? (part ? undefined : RESULTS),
    settings: {
      rounds: whole('rounds'),
      events,
      warmUp: Math.ceil(events / 5),
      inFlight: whole('in-flight', 0),
    },
  };
}

function versionOf(name) {
  const file = path.join(__dirname, '..', 'node_modules', name, 'package.json');
  return JSON.parse(fs.readFileSync(file, 'utf8')).version;
}

async function surroundings(redis) {
  return {
    date: new Date().toISOString(),
    command: commandLine(),
    node: process.version,
    machine: machine(),
    versions: {
      ...Object.fromEntries(VERSIONS_OF.map((name) => [name, versionOf(name)])),
      'redis-server': await redis.version(),
    },
  };
}

async function main() {
  const { rivals, only, output, settings } = readOptions();
  const chosen = scenarios.filter(({ name }) => only.test(name));
  const redis = await RedisServer.start();
  const load = new Child(path.join(__dirname, 'load.js'));
  const eventCost = new EventCost({ load, redis, rivals, settings });
  const results = { ...(await surroundings(redis)), settings, events: [], calls: [], footprint: [] };
  const say = (text) => process.stderr.write(`${text}\n`);

  try {
    for (const { name, kind, store, size, event, target } of chosen) {
      say(name);
      if (kind === 'events') {
        const progress = (round) => say(`  round ${round + 1} of ${settings.rounds}`);
        const taken = await eventCost.measure({ store, size, event }, progress);
        results.events.push({ name, store, size: size.label, event, target, rivals: taken });
        continue;
      }
      await eventCost.close();
      const measure = kind === 'calls' ? measureStoreCalls : measureFootprint;
      const taken = {};
      for (const rival of rivals) {
        taken[rival] = await measure({ load, redis, rival, store, size });
      }
      results[kind].push({ name, store, rivals: taken });
    }
    await eventCost.close();
  } finally {
    await load.end();
    await redis.stop();
  }

  for (const [title, kind, table] of [
    ['Server CPU per event, median of the rounds', 'events', eventsTable],
    ['Store calls [Redis commands] per handshake and per event', 'calls', callsTable],
    ['Memory per bound socket', 'footprint', footprintTable],
  ]) {
    if (results[kind].length > 0) {
      console.log(`\n${title}\n\n${table(results[kind], rivals)}`);
    }
  }
  results.machine.loadAfter = os.loadavg()[0];
  if (output !== undefined) {
    fs.mkdirSync(path.dirname(output), { recursive: true });
    fs.writeFileSync(output, `${JSON.stringify(results, null, 2)}\n`);
    say(`\nresults: ${path.relative(process.cwd(), output)}`);
    if (path.dirname(path.resolve(output)) === path.dirname(RESULTS)) writeReport();
  }
}

// `node bench/run.js store`: the embedded store, without Socket.IO.
(process.argv[2] === 'store' ? async () => require('./store.js') : main)().catch((error) => {
  console.error(error instanceof TypeError && error.message.startsWith('--') ? error.message : error);
  process.exit(1);
});
