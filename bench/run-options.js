'use strict';

const path = require('node:path');
const { parseArgs } = require('node:util');
const { NAMES } = require('./rival.js');
const { scenarios } = require('./scenarios.js');

const RESULTS = path.join(__dirname, 'results', 'all.json');
// `--quick`: everything, to see whether it works and about where it stands.
const QUICK = { rounds: '3', events: '1000', repeats: '1', crowd: '2000' };
// Many short turns: what else the machine does lasts longer, and falls on neighbours alike.
const THOROUGH = { rounds: '21', events: '1500', repeats: '3', crowd: '10000' };

const number = (name) => ({ type: 'string', takes: 'number', normally: THOROUGH[name] });
const OPTIONS = {
  help: { type: 'boolean', default: false, about: 'prints this' },
  quick: { type: 'boolean', default: false, about: 'everything with few rounds, and nothing is kept' },
  only: { type: 'string', takes: 'regex', about: 'the scenarios whose names it fits' },
  rivals: { type: 'string', takes: 'a,b', about: "some of the rivals, in the place of the scenario's own" },
  rounds: { ...number('rounds'), about: 'measured rounds of each scenario' },
  events: { ...number('events'), about: 'events in a round' },
  'in-flight': {
    type: 'string',
    takes: 'number',
    default: '0',
    about: '0: at a steady rate; else each socket keeps so many unanswered, as fast as they are answered',
  },
  crowd: { ...number('crowd'), about: 'sockets of crowd/…' },
  repeats: { ...number('repeats'), about: 'processes of crowd/… and footprint/…; the median counts' },
  minutes: { type: 'string', takes: 'number', about: 'begins nothing after so many' },
  output: { type: 'string', takes: 'file', about: 'where the results go; of a part, nowhere without it' },
  profile: { type: 'string', takes: 'folder', about: 'for a .cpuprofile of each measured server' },
};

function help() {
  const lines = Object.entries(OPTIONS).map(([name, { about, normally, takes }]) => {
    const option = takes === undefined ? `--${name}` : `--${name} <${takes}>`;
    return `  ${option.padEnd(22)} ${about}${normally === undefined ? '' : ` (${normally}, quick ${QUICK[name]})`}`;
  });
  return ['node bench/run.js [options]', '', ...lines, '', `rivals: ${NAMES.join(', ')}`].join('\n');
}

// The scenarios whose names it fits.
function choose(only = '') {
  let pattern;
  try {
    pattern = new RegExp(only, 'i');
  } catch (error) {
    throw new TypeError(`--only takes a regular expression: ${error.message}`);
  }
  const chosen = scenarios.filter(({ name }) => pattern.test(name));
  if (chosen.length > 0) return chosen;
  const names = scenarios.map(({ name }) => `  ${name}`).join('\n');
  throw new TypeError(`--only fits no scenario: ${only}. There are:\n${names}`);
}

function readOptions(args) {
  const { values } = parseArgs({ args, options: OPTIONS });
  if (values.help) return { help: help() };
  const defaults = values.quick ? QUICK : THOROUGH;
  const whole = (name, least = 1) => {
    const number = Number(values[name] ?? defaults[name]);
    if (!Number.isInteger(number) || number < least) {
      throw new TypeError(`--${name} takes a whole number from ${least}`);
    }
    return number;
  };
  const rivals = values.rivals?.split(',');
  for (const rival of rivals ?? []) {
    if (!NAMES.includes(rival))
      throw new TypeError(`--rivals takes some of ${NAMES.join(',')}, not ${rival}`);
  }
  const events = whole('events');
  const part = [values.only, values.rivals, values.minutes].some((value) => value !== undefined);
  return {
    rivals,
    chosen: choose(values.only),
    // What is begun by then is ended.
    deadline: Date.now() + (values.minutes === undefined ? Infinity : whole('minutes') * 60_000),
    // Part of the results must not take the place of all.
    output: values.output ?? (part || values.quick ? undefined : RESULTS),
    settings: {
      rounds: whole('rounds'),
      events,
      warmUp: Math.ceil(events / 5),
      inFlight: whole('in-flight', 0),
      repeats: whole('repeats'),
      crowd: whole('crowd'),
      profile: values.profile,
    },
  };
}

module.exports = { readOptions };
