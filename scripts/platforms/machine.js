'use strict';

// What this machine has: what builds and runs are planned with.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { StepError, isInstalled } = require('../step');
const { parseTarget } = require('./target');

/**
 * @typedef {object} Machine
 * @property {import('./target').Target} host what Rust builds for without being told
 * @property {string} rustlib the folder of Rust's standard libraries
 * @property {boolean} hasRustup
 * @property {boolean} hasPip whether python3 can install packages
 * @property {string} muslFolder where musl's loaders are
 * @property {(file: string) => boolean} hasFile
 * @property {(program: string) => boolean} hasProgram
 * @property {(loader: string, emulator: string[]) => number[] | undefined} muslVersion
 */

/** @param {string} command @param {string[]} args what it prints, on either output */
function ask(command, ...args) {
  const { error, stdout = '', stderr = '' } = spawnSync(command, args, { encoding: 'utf8' });
  return error ? undefined : stdout + stderr;
}

/** @param {string} loader @param {string[]} emulator */
function muslVersion(loader, emulator) {
  const [command, ...args] = [...emulator, loader];
  // Without a program it says what it is.
  const [, version] = /^Version (\S+)$/m.exec(ask(command, ...args) ?? '') ?? [];
  return version?.split('.').map(Number);
}

/** @returns {Machine} */
function thisMachine() {
  const [, host] = /^host: (\S+)$/m.exec(ask('rustc', '-vV') ?? '') ?? [];
  if (!host) throw new StepError('There is no Rust on the PATH: https://rustup.rs');
  const sysroot = /** @type {string} */ (ask('rustc', '--print', 'sysroot')).trim();
  return {
    host: parseTarget(host),
    rustlib: path.join(sysroot, 'lib', 'rustlib'),
    hasRustup: isInstalled('rustup'),
    hasPip: spawnSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' }).status === 0,
    muslFolder: process.env.MUSL_FOLDER ?? '/lib',
    hasFile: fs.existsSync,
    hasProgram: isInstalled,
    muslVersion,
  };
}

module.exports = { thisMachine };
