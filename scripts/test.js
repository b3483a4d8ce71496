'use strict';

// `npm test`: everything that has to pass, from a bare checkout with Node >= 20 and Rust.

const fs = require('node:fs');
const path = require('node:path');
const { buildStaleAddon } = require('./addon');
const { installDependencies } = require('./dependencies');
const { installRedis } = require('./redis');
const { ROOT, StepError, script, step } = require('./step');

/** A suite that hangs must not hold a CI machine until its own limit. */
const SUITES_TIMEOUT = 30 * 60_000;

/** The test files, in order. `node --test` of Node 20 takes no pattern. */
function suites() {
  return fs
    .readdirSync(path.join(ROOT, '__test__'))
    .filter((name) => name.endsWith('.test.js'))
    .sort()
    .map((name) => path.join('__test__', name));
}

/**
 * Does this suite start a redis-server?
 *
 * @param {string} suite
 */
function needsRedis(suite) {
  const text = fs.readFileSync(path.join(ROOT, suite), 'utf8');
  return /redis-server|support\/redis/.test(text);
}

script(() => {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < 20) {
    throw new StepError(`Node >= 20 is needed; this is ${process.version}.`);
  }
  installDependencies();
  buildStaleAddon();

  let run = suites();
  if (!installRedis()) {
    const skipped = run.filter(needsRedis);
    const how = 'Install redis-server (Debian: `apt-get install redis-server`, macOS: `brew install redis`).';
    if (process.env.CI === 'true') {
      throw new StepError(`No redis-server, and CI leaves no suite out. ${how}`);
    }
    console.log(`\nNo redis-server. Left out:${skipped.map((suite) => `\n  ${suite}`).join('')}\n${how}`);
    run = run.filter((suite) => !skipped.includes(suite));
  }

  // Without its default features the crate is plain Rust: no Node.js to link against.
  step('cargo test', 'cargo', ['test', '--no-default-features']);
  step('node --test', process.execPath, ['--test', ...run], { timeout: SUITES_TIMEOUT });
});
