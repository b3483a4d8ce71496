'use strict';

// `node scripts/suites.js [--timeout SECONDS] FILE…`: runs suites with Node's test runner, several at a time, and shows a line for
// each, in full what failed, and how many tests there were. TAP has a dozen lines for each test.

const os = require('node:os');
const path = require('node:path');
const { run } = require('node:test');
const { inspect, parseArgs } = require('node:util');

/** One more at a time than there are cores: a suite waits for its servers, and for the ends of sessions, a quarter of its time. */
const AT_A_TIME = os.availableParallelism() + 1;
/** In seconds, for one suite. The longest takes one minute of it; a suite that hangs must not hold the others up for long. */
const TIMEOUT = '600';

/** @typedef {{ name: string, where: string, error: any }} Failure a test that failed: its name behind those around it */

/** One file of tests, and what has come of it. */
class Suite {
  passed = 0;
  skipped = 0;
  /** @type {Failure[]} */
  failures = [];
  /** In milliseconds. */
  duration = 0;
  /** What its tests have printed. */
  output = '';
  /** The names around the test that is told of next, by their depth. @type {string[]} */
  #names = [];
  /** The name of the test that has begun last, behind those around it. @type {string[]} */
  #begun = [];

  /** @param {string} file */
  constructor(file) {
    this.file = file;
    this.name = path.basename(file).replace(/\.test\.[cm]?js$/, '');
  }

  /**
   * @param {number} timeout in seconds, after which it is ended
   * @returns {Promise<this>}
   */
  async run(timeout) {
    const begin = performance.now();
    for await (const { type, data } of run({
      files: [path.resolve(this.file)],
      concurrency: 1,
      signal: AbortSignal.timeout(timeout * 1000),
    })) {
      if (type === 'test:stdout' || type === 'test:stderr') this.output += data.message;
      else if (type === 'test:dequeue') enter(this.#begun, data);
      else if (type === 'test:start') enter(this.#names, data);
      else if (type === 'test:pass') this.#pass(data);
      else if (type === 'test:fail') this.#fail(data);
    }
    this.duration = performance.now() - begin;
    return this;
  }

  /** @param {any} data */
  #pass({ details, skip }) {
    if (details.type === 'suite') return;
    if (skip === undefined) this.passed += 1;
    else this.skipped += 1;
  }

  /** @param {any} data */
  #fail({ details, file, line, name, nesting }) {
    const { error } = details;
    // That one of its tests failed is said of that test.
    if (error?.failureType === 'subtestsFailed') return;
    const where = [file, line].filter(Boolean).join(':');
    if (error?.failureType === 'testAborted') {
      const last = this.#begun.join(' › ');
      this.failures.push({
        name: 'ends in time',
        where,
        error: `It did not end. The test that began last: ${last}`,
      });
      return;
    }
    this.failures.push({
      name: [...this.#names.slice(0, nesting), name].join(' › '),
      where,
      error: error?.cause ?? error,
    });
  }

  /** How many tests it has. */
  get count() {
    return this.passed + this.skipped + this.failures.length;
  }

  /** Its line, with what failed under it. */
  toString() {
    const { name, failures, count, skipped, duration } = this;
    const parts = [`${count} ${count === 1 ? 'test' : 'tests'}`];
    if (failures.length > 0) parts.push(`${failures.length} FAILED`);
    if (skipped > 0) parts.push(`${skipped} skipped`);
    parts.push(`${(duration / 1000).toFixed(1)} s`);
    const line = `${failures.length > 0 ? '✖' : '✔'} ${name}  ${parts.join(', ')}`;
    if (failures.length === 0) return line;
    const printed = this.output && indent(`\nprinted by ${name}:\n${this.output.trimEnd()}\n`);
    return `${line}\n${failures.map(describeFailure).join('')}${printed}`;
  }
}

/**
 * @param {string[]} names by depth
 * @param {{ nesting: number, name: string }} test the next of them
 */
function enter(names, { nesting, name }) {
  names.length = nesting;
  names[nesting] = name;
}

/** @param {string} text */
function indent(text) {
  return text.replaceAll(/^(?=.)/gm, '    ');
}

/** @param {Failure} failure */
function describeFailure({ name, where, error }) {
  const text = typeof error === 'string' ? error : inspect(error, { depth: 4 });
  return `\n  ✖ ${name}\n    ${where}\n${indent(text)}\n`;
}

async function main() {
  const { values, positionals: files } = parseArgs({
    options: { timeout: { type: 'string', default: TIMEOUT } },
    allowPositionals: true,
  });
  /** @type {Suite[]} */
  const suites = [];
  const waiting = files.map((file) => new Suite(file));
  const work = async () => {
    for (let suite = waiting.shift(); suite; suite = waiting.shift()) {
      suites.push(await suite.run(Number(values.timeout)));
      console.log(String(suite));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));

  const sum = (/** @type {(suite: Suite) => number} */ of) =>
    suites.reduce((total, suite) => total + of(suite), 0);
  const failed = sum(({ failures }) => failures.length);
  console.log(`\n${suites.length} suites, ${sum(({ count }) => count)} tests, ${failed} failed`);
  for (const { name, failures } of suites) {
    for (const failure of failures) console.log(`  ✖ ${name}: ${failure.name}`);
  }
  process.exitCode = failed > 0 ? 1 : 0;
}

main();
