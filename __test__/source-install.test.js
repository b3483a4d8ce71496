'use strict';

// An app that installs the sources, as git or a folder has them: npm builds the addon, where there is a Rust. What is
// installed is the last commit.

const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { ROOT, emptyFolder, env: withoutRust } = require('./support/packed-app.js');

const LIMIT = { timeout: 300_000 };
// Not optimised, and what was compiled here once is not compiled again: this is about npm.
const withRust = {
  ...withoutRust,
  PATH: process.env.PATH,
  CARGO_TARGET_DIR: path.join(ROOT, 'target'),
  CARGO_PROFILE_RELEASE_OPT_LEVEL: '0',
  CARGO_PROFILE_RELEASE_LTO: 'off',
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
};

function install(cwd, what, env) {
  const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', what];
  const shell = process.platform === 'win32';
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, env, encoding: 'utf8', shell });
  return { status, output: `${stdout}${stderr}` };
}

// A checkout that has never been built, beside the app. Its npm packages are the ones that are installed here.
function checkout(t) {
  const folder = path.join(emptyFolder(t), 'io-session');
  execFileSync('git', ['clone', '--quiet', pathToFileURL(ROOT).href, folder]);
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
  return folder;
}

function loads(cwd) {
  const code = "new (require('io-session').EmbeddedStore)({ path: 'sessions' }).length().then(console.log)";
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', code], { cwd, encoding: 'utf8' });
  assert.equal(stdout, '0\n', stderr);
}

test('from a git URL: the addon is built, and nothing but what is needed is kept', LIMIT, (t) => {
  const app = emptyFolder(t);
  const { status, output } = install(app, `git+${pathToFileURL(ROOT).href}`, withRust);
  assert.equal(status, 0, output);
  const names = fs.readdirSync(path.join(app, 'node_modules', 'io-session'));
  const libraries = names.filter((name) => name.endsWith('.node'));
  assert.deepEqual(
    libraries.map((name) => name.split('.')[0]),
    ['io-session'],
  );
  assert.equal(names.includes('src') || names.includes('target'), false, names.join());
  loads(app);
});

test('from a folder: it is built in it, once', LIMIT, (t) => {
  const [app, folder] = [emptyFolder(t), checkout(t)];
  const built = () =>
    fs
      .readdirSync(folder)
      .filter((name) => name.endsWith('.node'))
      .map((name) => [name, fs.statSync(path.join(folder, name)).mtimeMs]);
  assert.deepEqual(built(), []);
  const building = install(app, folder, withRust);
  assert.equal(building.status, 0, building.output);
  loads(app);
  const first = built();
  assert.equal(first.length, 1);
  // Without a Rust now: there is nothing left to build.
  const again = install(emptyFolder(t), folder, withoutRust);
  assert.equal(again.status, 0, again.output);
  assert.deepEqual(built(), first);
});

test('without a Rust it says what is missing, and where that is to be had', LIMIT, (t) => {
  const { status, output } = install(emptyFolder(t), checkout(t), withoutRust);
  assert.notEqual(status, 0);
  assert.match(output, /there is no Rust on the PATH/);
  assert.match(output, /Install Rust 1\.90 or later \(https:\/\/rustup\.rs\)/);
});
