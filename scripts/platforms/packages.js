'use strict';

// What npm and PyPI have for other machines: linkers and Node.js. It is installed in target/platforms/packages, once.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, StepError } = require('../step');

/** Where everything is that `npm run platforms` makes. */
const FOLDER = path.join(ROOT, 'target', 'platforms');

/**
 * Makes a folder of packages, unless it is there.
 *
 * @param {string} name
 * @param {(folder: string) => string[]} install the command
 */
function makeFolder(name, install) {
  const folder = path.join(FOLDER, 'packages', name.replaceAll(/[^\w.-]/g, '_'));
  if (fs.existsSync(folder)) return folder;
  // Under another name until it is whole.
  const partly = `${folder}.new`;
  fs.rmSync(partly, { recursive: true, force: true });
  fs.mkdirSync(partly, { recursive: true });
  const [command, ...args] = install(partly);
  const { status, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new StepError(`${[command, ...args].join(' ')}\n${stderr}`);
  fs.renameSync(partly, folder);
  return folder;
}

/**
 * The folder of an npm package, of another platform too.
 *
 * @param {string} name
 * @param {string} version
 */
function fromNpm(name, version) {
  const flags = ['--force', '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  const spec = `${name}@${version}`;
  const folder = makeFolder(spec, (into) => ['npm', 'install', ...flags, '--prefix', into, spec]);
  return path.join(folder, 'node_modules', name);
}

/**
 * A folder with packages of PyPI.
 *
 * @param {string[]} specs
 * @param {string} [platform] another one than this machine's
 */
function fromPyPI(specs, platform) {
  const flags = [
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    ...(platform ? ['--platform', platform] : []),
  ];
  return makeFolder([...specs, platform].join(' ').trim(), (into) => [
    'python3',
    '-m',
    'pip',
    'install',
    ...flags,
    '--target',
    into,
    ...specs,
  ]);
}

module.exports = { FOLDER, fromNpm, fromPyPI };
