'use strict';

const path = require('node:path');
const { parseArgs } = require('node:util');
const { NAMES } = require('./rival.js');

const RESULTS = path.join(__dirname, 'results', 'all.json');
// `--quick`: everything, to see whether it works and about where it stands.
const QUICK = { rounds: '3', events: '1000', repeats: '1', crowd: '2000' };
const THOROUGH = { rounds: '7', events: '5000', repeats: '3', crowd: '10000' };

function readOptions(args) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      rounds: text,
      events: text,
      repeats: text,
      crowd: text,
      // 0: at a steady rate. Else: each socket keeps so many events in flight, as fast as they are answered.
      'in-flight': { type: 'string', default: '0' },
      minutes: text,
      only: text,
      rivals: text,
      output: text,
      profile: text,
    },
  });
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
    only: new RegExp(values.only ?? '', 'i'),
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
