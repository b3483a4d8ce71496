'use strict';

// A folder of somebody who has installed the tarballs of `npm run pack:all`, on a machine that has no Rust.

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { TARGET } = require('./target.js');

const ROOT = path.join(__dirname, '..', '..');
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
// What `npm test` and node:test tell their children is not for a stranger's npm and programs. What a person has configured is.
for (const name of Object.keys(env)) {
  if (/^npm_(?!config_)|^npm_config_local_prefix$|^NODE_TEST_CONTEXT$|^INIT_CWD$/i.test(name))
    delete env[name];
}

// The tarballs of the package and of this machine's addon: packed now, or those in the folder that IO_SESSION_TARBALLS names.
let tarballs;
function packed() {
  if (!tarballs) {
    const given = process.env.IO_SESSION_TARBALLS;
    if (!given) execFileSync(process.execPath, [path.join(ROOT, 'scripts', 'pack.js')], { stdio: 'pipe' });
    const folder = path.resolve(ROOT, given ?? 'dist');
    const { version } = require('../../package.json');
    const file = (name) => path.join(folder, `${name}-${version}.tgz`);
    tarballs = { main: file('io-session'), platform: file(`io-session-${TARGET}`) };
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
