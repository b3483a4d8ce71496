'use strict';

// One step of a build or a check: a command, run where the package is, its output shown as it comes.
// Node built-ins only: the first steps run before anything is installed.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');

/** What a step throws when its command fails, so that a script ends with the command's words and no stack. */
class StepError extends Error {
  name = 'StepError';
}

/**
 * Runs a command to its end.
 *
 * @param {string} title what the step is, for the person who watches
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, hint?: string }} [options] `hint`: what to do when it fails
 */
function step(title, command, args, { env, hint } = {}) {
  console.log(`\n== ${title}`);
  const { status, signal, error } = spawnSync(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    // No standard input: a command that asks a question must fail, not wait.
    stdio: ['ignore', 'inherit', 'inherit'],
    // `npm` is `npm.cmd` on Windows, which only a shell starts.
    shell: process.platform === 'win32',
  });
  if (status === 0) {
    return;
  }
  const how = error ? error.message : signal ? `ended by ${signal}` : `exit code ${status}`;
  throw new StepError(`${title}: \`${[command, ...args].join(' ')}\`: ${how}${hint ? `\n${hint}` : ''}`);
}

/**
 * Runs a script's body; a failed step ends the process with code 1 and says why.
 *
 * @param {() => void} body
 */
function script(body) {
  try {
    body();
  } catch (error) {
    if (!(error instanceof StepError)) {
      throw error;
    }
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}

/**
 * Is this program to be found?
 *
 * @param {string} command
 */
function isInstalled(command) {
  return !spawnSync(command, ['--version'], { stdio: 'ignore', shell: process.platform === 'win32' }).error;
}

module.exports = { ROOT, StepError, isInstalled, script, step };
