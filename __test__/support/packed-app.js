'use strict';

// A folder of somebody who has installed the tarballs of `npm run pack:all`, on a machine that has no Rust.

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const DIST = path.join(ROOT, 'dist');
const CONSUMERS = path.join(__dirname, 'consumers');
const shell = process.platform === 'win32';

// The PATH without the folders that have a Rust in them; npm and git stay reachable.
function pathWithoutRust() {
  const has = (folder, name) =>
    fs.existsSync(path.join(folder, name)) || fs.existsSync(path.join(folder, `${name}.exe`));
  return process.env.PATH.split(path.delimiter)
    .filter((folder) => !has(folder, 'cargo') && !has(folder, 'rustc'))
    .join(path.delimiter);
}

const env = { ...process.env, PATH: pathWithoutRust() };
// What `npm test` and node:test tell their children is not for a stranger's npm and programs.
for (const name of Object.keys(env)) if (/^npm_|^NODE_TEST_CONTEXT$|^INIT_CWD$/i.test(name)) delete env[name];

let tarballs;
function packed() {
  if (!tarballs) {
    execFileSync(process.execPath, [path.join(ROOT, 'scripts', 'pack.js')], { stdio: 'pipe' });
    const names = fs.readdirSync(DIST).filter((name) => name.endsWith('.tgz'));
    const file = (name) => path.join(DIST, name);
    const main = names.find((name) => /^io-session-\d/.test(name));
    tarballs = { main: file(main), platform: names.filter((name) => name !== main).map(file) };
  }
  return tarballs;
}

function npm(cwd, ...args) {
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
  return execFileSync('npm', [...args, ...quiet], { cwd, env, encoding: 'utf8', stdio: 'pipe', shell });
}

function run(cwd, command, ...args) {
  return spawnSync(command, args, { cwd, env, encoding: 'utf8' });
}

function emptyFolder(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-app-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
  return folder;
}

module.exports = { CONSUMERS, ROOT, emptyFolder, env, npm, packed, run };
