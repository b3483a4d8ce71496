'use strict';

// The contract's suites, on a Node.js of another machine.

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, StepError } = require('../step');
const { PROGRAMS } = require('../program');
const { runLogged } = require('./log');

/** How long a suite may take before it is ended, in ms. */
const TIMEOUT = 15 * 60_000;
/** Tests that say nothing of a machine: libsql has an addon of its own, which npm has installed for this machine only. */
const SQLITE = 'better-sqlite3-session-store';
/** Sessions of five seconds on 14 stores at the same time: emulated, they are over before their next request. */
const LIVES = 'the life of a session';

/** @typedef {{ file: string, lacks: string[] }} Suite a file, and the programs that it needs and this machine has not got */

/** @param {(program: string) => boolean} hasProgram @returns {Suite[]} */
function contractSuites(hasProgram) {
  const folder = path.join(ROOT, '__test__');
  const files = fs.readdirSync(folder).filter((name) => /^contract-.*\.test\.js$/.test(name));
  return files.sort().map((name) => {
    const file = path.join(folder, name);
    const text = fs.readFileSync(file, 'utf8');
    const needed = PROGRAMS.filter(({ traces }) => traces.test(text));
    return { file, lacks: needed.filter(({ command }) => !hasProgram(command)).map(({ name: of }) => of) };
  });
}

/** The tests that are left out, as patterns of their names. @param {boolean} isEmulated */
function leftOut(isEmulated) {
  return isEmulated ? [SQLITE, LIVES] : [SQLITE];
}

/** How many tests have passed, from what the test runner has written. @param {string} text */
function countPassed(text) {
  const [, passed] = /^# pass (\d+)$/m.exec(text) ?? [];
  return Number(passed ?? 0);
}

/**
 * Runs a suite.
 *
 * @param {string} file
 * @param {{ command: string[], env: NodeJS.ProcessEnv }} runtime
 * @param {{ isEmulated: boolean, folder: string }} options the folder is for its output
 * @returns {number} how many tests have passed
 */
function runSuite(file, { command, env }, { isEmulated, folder }) {
  const skip = leftOut(isEmulated).map((name) => `--test-skip-pattern=${name}`);
  const log = path.join(folder, `${path.basename(file, '.test.js')}.log`);
  runLogged([...command, '--test-reporter=tap', ...skip, file], { env, log, timeout: TIMEOUT });
  const passed = countPassed(fs.readFileSync(log, 'utf8'));
  if (passed === 0) throw new StepError(`${path.basename(file)} has run no test: ${log}`);
  return passed;
}

module.exports = { contractSuites, countPassed, leftOut, runSuite };
