'use strict';

// Programs that some suites need and npm does not bring.

const { postgresProgram } = require('./postgres');
const { StepError, isInstalled, step } = require('./step');

/**
 * @typedef {object} Program
 * @property {string} name what people call it, and what Debian calls its package
 * @property {string} command what starts it; looked at again once it is installed
 * @property {RegExp} traces how the text of a suite that needs it shows that
 * @property {string} how how to get it
 */

/** @type {readonly Program[]} */
const PROGRAMS = [
  {
    name: 'redis-server',
    command: 'redis-server',
    traces: /redis-server|support\/redis/,
    how: 'Install redis-server (Debian: `apt-get install redis-server`, macOS: `brew install redis`).',
  },
  {
    name: 'postgresql',
    get command() {
      return postgresProgram('postgres');
    },
    traces: /support\/postgres/,
    how: 'Install PostgreSQL (Debian: `apt-get install postgresql`, macOS: `brew install postgresql`).',
  },
  {
    name: 'mariadb-server',
    command: 'mariadbd',
    traces: /support\/mariadb/,
    how: 'Install MariaDB (Debian: `apt-get install mariadb-server`, macOS: `brew install mariadb`).',
  },
  {
    name: 'nginx',
    command: 'nginx',
    traces: /\bnginx\b/,
    how: 'Install nginx (Debian: `apt-get install nginx`, macOS: `brew install nginx`).',
  },
  {
    name: 'chromium',
    command: process.env.CHROMIUM ?? '/usr/bin/chromium',
    traces: /support\/chromium/,
    how: 'Install chromium (Debian: `apt-get install chromium`), or name another Chromium: CHROMIUM=/path/to/it.',
  },
];

/**
 * Makes sure of a program.
 *
 * @param {Program} program
 * @returns {boolean} is there one now?
 */
function installProgram(program) {
  const { name } = program;
  if (isInstalled(program.command)) {
    return true;
  }
  // Nothing is installed behind a person's back: only where the user may do it without a password.
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    return false;
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  try {
    step(`${name}: package lists`, 'apt-get', ['update', '-qq'], { env });
    step(name, 'apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], { env });
  } catch (error) {
    if (!(error instanceof StepError)) {
      throw error;
    }
    console.error(error.message);
  }
  return isInstalled(program.command);
}

module.exports = { PROGRAMS, installProgram };
