'use strict';

// A command whose output goes into a file: under Wine Node.js cannot write to a pipe.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { ROOT, StepError } = require('../step');

/** How much of a log is shown when its command has failed, in lines. */
const SHOWN = 60;

/**
 * Runs a command to its end. Throws, with the end of its output, when it fails.
 *
 * @param {string[]} command
 * @param {{ env: NodeJS.ProcessEnv, log: string, timeout?: number }} options
 */
function runLogged([program, ...args], { env, log, timeout }) {
  const output = fs.openSync(log, 'w');
  const { status, signal, error } = spawnSync(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
    timeout,
  });
  fs.closeSync(output);
  if (status === 0) return;
  const how = error?.message ?? (signal ? `ended by ${signal}` : `exit code ${status}`);
  const lines = fs.readFileSync(log, 'utf8').trimEnd().split('\n');
  const failures = lines.filter((line) => /^ *not ok /.test(line));
  const shown = [...failures, ...lines.slice(-SHOWN)].map((line) => `  ${line}\n`);
  throw new StepError(`${[program, ...args].join(' ')}: ${how}\n${shown.join('')}  (${log})`);
}

module.exports = { runLogged };
