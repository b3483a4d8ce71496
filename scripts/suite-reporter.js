'use strict';

// What `npm test` shows of `node --test`: a line for each suite, in full what failed, and how many there were.

const path = require('node:path');
const { inspect } = require('node:util');

/** @typedef {{ name: string, where: string, error: any }} Failure a test that failed: its name behind those around it */

/** One file of tests: what has come of it so far. */
class Suite {
  passed = 0;
  skipped = 0;
  /** @type {Failure[]} */
  failures = [];
  /** In milliseconds: that of the tests on the top level, which run one after another. */
  duration = 0;
  /** The names around the test that comes next, by their depth. @type {string[]} */
  names = [];

  /** @param {string} file */
  constructor(file) {
    this.name = path.basename(file).replace(/\.test\.[cm]?js$/, '');
  }

  /** @param {any} data of a `test:start` event */
  start({ nesting, name }) {
    this.names.length = nesting;
    this.names[nesting] = name;
  }

  /**
   * @param {any} data of a `test:pass` or `test:fail` event
   * @param {boolean} passed
   */
  end(data, passed) {
    const { details, nesting, skip } = data;
    if (nesting === 0) this.duration += details.duration_ms;
    if (passed) {
      if (details.type === 'suite') return;
      if (skip === undefined) this.passed += 1;
      else this.skipped += 1;
      return;
    }
    // That one of its tests failed is said of that test.
    if (details.error?.failureType === 'subtestsFailed') return;
    this.failures.push({
      name: [...this.names.slice(0, nesting), data.name].join(' › '),
      where: [data.file, data.line].filter(Boolean).join(':'),
      error: details.error?.cause ?? details.error,
    });
  }

  /** How many tests it has. */
  get count() {
    return this.passed + this.skipped + this.failures.length;
  }

  /**
   * Its line, with what failed under it.
   *
   * @param {string} output what the tests have printed
   */
  toString(output) {
    const { name, failures, count, skipped } = this;
    const parts = [`${count} ${count === 1 ? 'test' : 'tests'}`, seconds(this.duration)];
    if (skipped > 0) parts.splice(1, 0, `${skipped} skipped`);
    if (failures.length > 0) parts.splice(1, 0, `${failures.length} FAILED`);
    const line = `${failures.length > 0 ? '✖' : '✔'} ${name}  ${parts.join(', ')}\n`;
    if (failures.length === 0) return line;
    const printed = output && `\n${indent(`printed by ${name}:\n${output.trimEnd()}`)}\n`;
    return `${line}${failures.map(describeFailure).join('')}${printed}\n`;
  }
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
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

/**
 * The reporter, as `--test-reporter` wants it.
 *
 * @param {AsyncIterable<{ type: string, data: any }>} source
 * @returns {AsyncGenerator<string>}
 */
module.exports = async function* report(source) {
  /** What each file's tests have printed. @type {Map<string, string>} */
  const printed = new Map();
  /** @type {Suite[]} */
  const suites = [];
  /** @type {string | undefined} */
  let file;

  const line = () => suites.at(-1)?.toString(printed.get(file ?? '') ?? '') ?? '';

  for await (const { type, data } of source) {
    if (type === 'test:stdout' || type === 'test:stderr') {
      printed.set(data.file, (printed.get(data.file) ?? '') + data.message);
      continue;
    }
    if (!['test:start', 'test:pass', 'test:fail'].includes(type) || data.file === undefined) continue;
    // Suites come one after another, also where they run side by side.
    if (data.file !== file) {
      yield line();
      file = data.file;
      suites.push(new Suite(data.file));
    }
    const suite = /** @type {Suite} */ (suites.at(-1));
    if (type === 'test:start') suite.start(data);
    else suite.end(data, type === 'test:pass');
  }
  yield line();

  const sum = (/** @type {(suite: Suite) => number} */ of) =>
    suites.reduce((total, suite) => total + of(suite), 0);
  const failed = suites.filter(({ failures }) => failures.length > 0);
  yield `\n${suites.length} suites, ${sum(({ count }) => count)} tests, ${sum(({ failures }) => failures.length)} failed\n`;
  for (const { name, failures } of failed) {
    yield failures.map((failure) => `  ✖ ${name}: ${failure.name}\n`).join('');
  }
};
