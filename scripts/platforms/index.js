'use strict';

// `npm run platforms`: builds the addon for every target of package.json that this machine can link, and tries what it can run:
// a smoke test, and the contract's suites. `npm run platforms -- aarch64-unknown-linux-gnu` is for that target only.
// A target that is left out is named with what to install. The exit code is 1 if anything that was begun has failed.

const fs = require('node:fs');
const path = require('node:path');
const { installDependencies } = require('../dependencies');
const { StepError, script } = require('../step');
const { planBuild } = require('./build');
const { contractSuites, runSuite } = require('./contract');
const { runLogged } = require('./log');
const { thisMachine } = require('./machine');
const { FOLDER } = require('./packages');
const { planRun } = require('./run');
const { allTargets } = require('./target');

const BUILD = path.join(__dirname, '..', 'build.js');
const SMOKE = path.join(__dirname, 'smoke.js');
/** An emulated smoke test takes ten seconds. */
const SMOKE_TIMEOUT = 5 * 60_000;

/** @param {() => void} work @returns {string} how long it takes */
function timed(work) {
  const begin = performance.now();
  work();
  return `${Math.round((performance.now() - begin) / 1000)} s`;
}

/** @typedef {import('./target').Target} Target */
/** @typedef {import('./machine').Machine} Machine */
/** @typedef {(step: string) => void} Say tells of a step that is done, or left out */

/**
 * Builds a target's addon.
 *
 * @param {Target} target
 * @param {Machine} machine
 * @param {Say} say
 * @returns {string | undefined} the folder of the addon; nothing when it is left out
 */
function buildTarget(target, machine, say) {
  const { missing, args, prepare } = planBuild(target, machine);
  if (missing.length > 0) {
    say(`left out: ${missing.join('; ')}`);
    return undefined;
  }
  const folder = path.join(FOLDER, target.triple);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const command = [process.execPath, BUILD, '--release', '--strip', '--output-dir', folder, ...args];
  const env = prepare();
  say(`built, ${timed(() => runLogged(command, { env, log: path.join(folder, 'build.log') }))}`);
  return folder;
}

/**
 * Tries a target's addon.
 *
 * @param {Target} target
 * @param {string} folder
 * @param {Machine} machine
 * @param {Say} say
 */
function runTarget(target, folder, machine, say) {
  const { missing, prepare, hasSuites, isEmulated } = planRun(target, machine);
  if (missing.length > 0) {
    say(`not run: ${missing.join('; ')}`);
    return;
  }
  const { command, env: needed } = prepare(folder);
  const addon = fs.readdirSync(folder).find((name) => name.endsWith('.node')) ?? '';
  const env = { ...needed, NAPI_RS_NATIVE_LIBRARY_PATH: path.join(folder, addon) };
  const log = path.join(folder, 'smoke.log');
  say(
    `smoke test passed, ${timed(() => runLogged([...command, SMOKE], { env, log, timeout: SMOKE_TIMEOUT }))}`,
  );
  if (!hasSuites) return;

  runSuites(machine, say, (file) => runSuite(file, { command, env }, { isEmulated, folder }));
}

/**
 * Runs the contract's suites; one that fails keeps none of the others from running.
 *
 * @param {Machine} machine
 * @param {Say} say
 * @param {(file: string) => number} run gives how many tests have passed
 */
function runSuites(machine, say, run) {
  const suites = contractSuites(machine.hasProgram);
  const runnable = suites.filter(({ lacks }) => lacks.length === 0);
  let tests = 0;
  /** @type {string[]} */
  const failures = [];
  const tried = timed(() => {
    for (const { file } of runnable) {
      try {
        tests += run(file);
      } catch (error) {
        if (!(error instanceof StepError)) throw error;
        failures.push(error.message);
      }
    }
  });
  say(`${tests} tests of ${runnable.length - failures.length} suites passed, ${tried}`);
  for (const { file, lacks } of suites) {
    if (lacks.length > 0) say(`${path.basename(file)} left out: no ${lacks.join(', ')}`);
  }
  if (failures.length > 0) throw new StepError(failures.join('\n'));
}

/** @param {string[]} names */
function targetsOf(names) {
  const all = allTargets();
  const unknown = names.filter((name) => !all.some(({ triple }) => triple === name));
  if (unknown.length > 0) {
    throw new StepError(`${unknown.join(', ')}: not one of ${all.map(({ triple }) => triple).join(', ')}`);
  }
  return names.length > 0 ? all.filter(({ triple }) => names.includes(triple)) : all;
}

script(() => {
  const targets = targetsOf(process.argv.slice(2));
  installDependencies();
  const machine = thisMachine();
  const say = (/** @type {string} */ step) => console.log(`  ${step}`);
  const failed = [];
  for (const target of targets) {
    console.log(target.triple);
    try {
      const folder = buildTarget(target, machine, say);
      if (folder) runTarget(target, folder, machine, say);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      say(`FAILED: ${error.message}`);
      failed.push(target.triple);
    }
  }
  if (failed.length > 0) throw new StepError(`Failed: ${failed.join(', ')}`);
});
