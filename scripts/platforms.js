'use strict';

// `npm run platforms`: builds the addon for every target of package.json that this machine can link, and tries what it can run:
// a smoke test, and the contract's suites. `npm run platforms -- aarch64-unknown-linux-gnu` is for that target only.
// A target that is left out is named with what to install. The exit code is 1 if anything that was begun has failed.

const fs = require('node:fs');
const path = require('node:path');
const { installDependencies } = require('./dependencies');
const { planBuild } = require('./platforms/build');
const { contractSuites, runSuite } = require('./platforms/contract');
const { runLogged } = require('./platforms/log');
const { thisMachine } = require('./platforms/machine');
const { FOLDER } = require('./platforms/packages');
const { planRun } = require('./platforms/run');
const { allTargets } = require('./platforms/target');
const { StepError, script } = require('./step');

const BUILD = path.join(__dirname, 'build.js');
const SMOKE = path.join(__dirname, 'platforms', 'smoke.js');
/** An emulated smoke test takes ten seconds. */
const SMOKE_TIMEOUT = 5 * 60_000;

/** @param {() => void} work @returns {string} how long it takes */
function timed(work) {
  const begin = performance.now();
  work();
  return `${Math.round((performance.now() - begin) / 1000)} s`;
}

/**
 * Builds a target's addon and tries it. `say` is told of each step.
 *
 * @param {import('./platforms/target').Target} target
 * @param {import('./platforms/machine').Machine} machine
 * @param {(step: string) => void} say
 */
function tryTarget(target, machine, say) {
  const build = planBuild(target, machine);
  if (build.missing.length > 0) return say(`left out: ${build.missing.join('; ')}`);
  const folder = path.join(FOLDER, target.triple);
  fs.rmSync(folder, { recursive: true, force: true });
  fs.mkdirSync(folder, { recursive: true });
  const built = timed(() =>
    runLogged([process.execPath, BUILD, '--release', '--strip', '--output-dir', folder, ...build.args], {
      env: build.prepare(),
      log: path.join(folder, 'build.log'),
    }),
  );
  say(`built, ${built}`);

  const run = planRun(target, machine);
  if (run.missing.length > 0) return say(`not run: ${run.missing.join('; ')}`);
  const { command, env } = run.prepare(folder);
  const addon = fs.readdirSync(folder).find((name) => name.endsWith('.node')) ?? '';
  const runtime = { command, env: { ...env, NAPI_RS_NATIVE_LIBRARY_PATH: path.join(folder, addon) } };
  const smoke = { env: runtime.env, log: path.join(folder, 'smoke.log'), timeout: SMOKE_TIMEOUT };
  say(`smoke test passed, ${timed(() => runLogged([...command, SMOKE], smoke))}`);

  if (!run.hasSuites) return undefined;
  const suites = contractSuites(machine.hasProgram);
  const runnable = suites.filter(({ lacks }) => lacks.length === 0);
  let tests = 0;
  const tried = timed(() => {
    for (const { file } of runnable) tests += runSuite(file, runtime, { ...run, folder });
  });
  say(`${tests} tests of ${runnable.length} suites passed, ${tried}`);
  for (const { file, lacks } of suites) {
    if (lacks.length > 0) say(`${path.basename(file)} left out: no ${lacks.join(', ')}`);
  }
  return undefined;
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
  const failed = [];
  for (const target of targets) {
    console.log(target.triple);
    try {
      tryTarget(target, machine, (step) => console.log(`  ${step}`));
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      console.log(`  FAILED: ${error.message}`);
      failed.push(target.triple);
    }
  }
  if (failed.length > 0) throw new StepError(`Failed: ${failed.join(', ')}`);
});
