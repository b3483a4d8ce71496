'use strict';

// Loads the addon: from this folder in a checkout, else from the package of this kind of machine. Both are named in full and
// directly in a `try`, for bundlers: they find the one that is there, take it along, and go on without the others.

const fs = require('node:fs');
const path = require('node:path');
const { explain } = require('./lib/support/addon.js');

const { arch, env, platform } = process;
/** The C libraries. On Linux the addon for the other one is not installed, or does not load. */
const ABIS = new Map([
  ['linux', ['-gnu', '-musl']],
  ['win32', ['-msvc']],
]);

/** What was tried in vain. @type {import('./lib/support/addon.js').Attempt[]} */
const attempts = [];

/** A file of this folder, or an optional dependency of this package. @param {string} name */
function find(name) {
  /** @type {any} */
  let refusal;
  try {
    if (name === './io-session.linux-x64-gnu.node') return require('./io-session.linux-x64-gnu.node');
    if (name === './io-session.linux-x64-musl.node') return require('./io-session.linux-x64-musl.node');
    if (name === './io-session.linux-arm64-gnu.node') return require('./io-session.linux-arm64-gnu.node');
    if (name === './io-session.linux-arm64-musl.node') return require('./io-session.linux-arm64-musl.node');
    if (name === './io-session.darwin-x64.node') return require('./io-session.darwin-x64.node');
    if (name === './io-session.darwin-arm64.node') return require('./io-session.darwin-arm64.node');
    if (name === './io-session.win32-x64-msvc.node') return require('./io-session.win32-x64-msvc.node');
    if (name === './io-session.win32-arm64-msvc.node') return require('./io-session.win32-arm64-msvc.node');
    if (name === 'io-session-linux-x64-gnu') return require('io-session-linux-x64-gnu');
    if (name === 'io-session-linux-x64-musl') return require('io-session-linux-x64-musl');
    if (name === 'io-session-linux-arm64-gnu') return require('io-session-linux-arm64-gnu');
    if (name === 'io-session-linux-arm64-musl') return require('io-session-linux-arm64-musl');
    if (name === 'io-session-darwin-x64') return require('io-session-darwin-x64');
    if (name === 'io-session-darwin-arm64') return require('io-session-darwin-arm64');
    if (name === 'io-session-win32-x64-msvc') return require('io-session-win32-x64-msvc');
    if (name === 'io-session-win32-arm64-msvc') return require('io-session-win32-arm64-msvc');
  } catch (error) {
    refusal = error;
  }
  attempts.push({ tried: name, refusal: refusal?.code === 'MODULE_NOT_FOUND' ? undefined : refusal });
  return undefined;
}

/** A file that the user has named, or a bundler. @param {string} file */
function open(file) {
  const loaded = { exports: {} };
  try {
    process.dlopen(loaded, path.resolve(__dirname, file));
    return loaded.exports;
  } catch (error) {
    attempts.push({ tried: file, refusal: fs.existsSync(file) ? /** @type {Error} */ (error) : undefined });
    return undefined;
  }
}

function load() {
  // No other then: a wrong path shall not go unnoticed.
  if (env.NAPI_RS_NATIVE_LIBRARY_PATH) return open(env.NAPI_RS_NATIVE_LIBRARY_PATH);
  for (const abi of ABIS.get(platform) ?? ['']) {
    const target = `${platform}-${arch}${abi}`;
    const found = find(`./io-session.${target}.node`) ?? find(`io-session-${target}`);
    // A bundler may give the place where it has put the file.
    const place = found?.default ?? found;
    if (found !== undefined) return typeof place === 'string' ? open(place) : found;
  }
  return undefined;
}

const addon = load();
if (addon === undefined) throw explain(attempts);
module.exports = addon;
