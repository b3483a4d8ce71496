'use strict';

// `npm run lock`: brings package-lock.json up to date with package.json, whole. npm leaves out of it those optional packages
// that the registry at hand does not have, such as the binaries of other platforms, and `npm ci` then refuses it. They
// are added as what is known of them without the registry: the version that is asked for, and the platform in the name.

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, StepError, script, step } = require('./step');

const LOCK = path.join(ROOT, 'package-lock.json');
const PLATFORMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'sunos', 'win32'];
const PROCESSORS = [
  'arm',
  'arm64',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'wasm32',
  'x64',
];

/** @typedef {Record<string, { version?: string, optionalDependencies?: Record<string, string>, [field: string]: unknown }>} Packages */

/**
 * Where Node.js would find a package that one in `folder` requires, as the lock file has it.
 *
 * @param {Packages} packages
 * @param {string} folder
 * @param {string} name
 */
function isLocked(packages, folder, name) {
  for (let above = folder; ; above = above.slice(0, Math.max(0, above.lastIndexOf('node_modules/') - 1))) {
    if (packages[path.posix.join(above, 'node_modules', name)]) return true;
    if (above === '') return false;
  }
}

/**
 * @param {string} name such as `@scope/tool-linux-x64-musl`
 * @param {string} version
 */
function entry(name, version) {
  const words = name.split(/[/-]/);
  const os = PLATFORMS.filter((one) => words.includes(one));
  const cpu = PROCESSORS.filter((one) => words.includes(one));
  if (cpu.length !== 1 || (os.length !== 1 && cpu[0] !== 'wasm32') || !/^\d+\.\d+\.\d+/.test(version)) {
    throw new StepError(`package-lock.json lacks ${name}@${version}, and its name names no platform.`);
  }
  const libc = os[0] === 'linux' && { libc: [words.includes('musl') ? 'musl' : 'glibc'] };
  return { version, cpu, dev: true, ...libc, optional: true, ...(os.length > 0 && { os }) };
}

/** Adds what is missing. @returns {string[]} its names */
function complete() {
  const lock = JSON.parse(fs.readFileSync(LOCK, 'utf8'));
  /** @type {Packages} */
  const packages = lock.packages;
  const added = [];
  for (const [folder, { optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (!isLocked(packages, folder, name)) {
        packages[`node_modules/${name}`] = entry(name, version);
        added.push(name);
      }
    }
  }
  fs.writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
  return added;
}

script(() => {
  const resolve = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'];
  step('package-lock.json', 'npm', resolve);
  const added = complete();
  if (added.length > 0) {
    console.log(`\nNot in this registry, and added by name:\n  ${added.join('\n  ')}`);
    // Once more, for npm's own order of the entries.
    step('package-lock.json, sorted', 'npm', resolve);
  }
});
