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

const RUST = /^(?:cargo|rustc)(?:\.exe)?$/;

// The PATH without a Rust. A folder that has one among other programs, as `/usr/bin` may, is left out for one with links to those.
function pathWithoutRust() {
  const links = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-path-'));
  process.once('exit', () => fs.rmSync(links, { recursive: true, force: true }));
  const folders = process.env.PATH.split(path.delimiter).filter((folder) => fs.existsSync(folder));
  return folders.flatMap((folder, number) => {
    const names = fs.readdirSync(folder);
    if (!names.some((name) => RUST.test(name))) return folder;
    // There it takes a privilege to make links, and Rust has a folder of its own.
    if (shell) return [];
    const others = path.join(links, String(number));
    fs.mkdirSync(others);
    for (const name of names)
      if (!RUST.test(name)) fs.symlinkSync(path.join(folder, name), path.join(others, name));
    return others;
  });
}

const env = { ...process.env, PATH: pathWithoutRust().join(path.delimiter) };
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
