'use strict';

// `npm test`: everything that has to pass, from a bare checkout with Node >= 20 and Rust.

const fs = require('node:fs');
const path = require('node:path');
const { buildStaleAddon } = require('./addon');
const { installDependencies } = require('./dependencies');
const { PROGRAMS, installProgram } = require('./program');
const { ROOT, StepError, script, step } = require('./step');

/** The test files, in order. */
function suites() {
  return fs
    .readdirSync(path.join(ROOT, '__test__'))
    .filter((name) => name.endsWith('.test.js'))
    .sort()
    .map((name) => path.join('__test__', name));
}

/**
 * The suites that can run here: those that need a program which is not to be had are named and left out.
 *
 * @returns {string[]}
 */
function runnable() {
  let run = suites();
  for (const program of PROGRAMS) {
    if (installProgram(program)) {
      continue;
    }
    if (process.env.CI === 'true') {
      throw new StepError(`No ${program.name}, and CI leaves no suite out. ${program.how}`);
    }
    const skipped = run.filter((suite) =>
      program.traces.test(fs.readFileSync(path.join(ROOT, suite), 'utf8')),
    );
    console.log(
      `\nNo ${program.name}. Left out:${skipped.map((suite) => `\n  ${suite}`).join('')}\n${program.how}`,
    );
    run = run.filter((suite) => !skipped.includes(suite));
  }
  return run;
}

script(() => {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20) {
    throw new StepError(`Node >= 20 is needed; this is ${process.version}.`);
  }
  installDependencies();
  buildStaleAddon();

  const run = runnable();

  // The domain and the embedded store: the addon itself needs Node.js to link against.
  step('cargo test', 'cargo', ['test']);
  step('suites', process.execPath, [path.join(__dirname, 'suites.js'), ...run]);
});
