'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, StepError, isInstalled, step } = require('./step');

/** What the addon and the engine beside it are made of. */
const SOURCES = [
  'Cargo.toml',
  'Cargo.lock',
  'build.rs',
  'src',
  'cdylib',
  'store-file',
  'store-engine',
  'store-engine-cdylib',
];
/** The two libraries, whatever platform they are for. */
const LIBRARIES = [/^io-session\..*\.node$/, /^io-session-engine\..*\.node$/];

/**
 * When the newest of these files changed, in milliseconds; 0 for none.
 *
 * @param {readonly string[]} files
 * @returns {number}
 */
function newest(files) {
  let latest = 0;
  for (const file of files) {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat?.isDirectory()) {
      latest = Math.max(latest, newest(fs.readdirSync(file).map((name) => path.join(file, name))));
    } else if (stat) {
      latest = Math.max(latest, stat.mtimeMs);
    }
  }
  return latest;
}

/** The files of a library that are there. @param {RegExp} library */
function built(library) {
  return fs.readdirSync(ROOT).filter((name) => library.test(name));
}

/** Are there a built addon and a built engine? */
function isBuilt() {
  return LIBRARIES.every((library) => built(library).length > 0);
}

/** Is each of them at least as new as the sources? */
function isFresh() {
  const at = (/** @type {string} */ name) => path.join(ROOT, name);
  const changed = newest(SOURCES.map(at));
  const loader = fs.existsSync(at('native.js'));
  return loader && LIBRARIES.every((library) => newest(built(library).map(at)) >= changed);
}

/** Ends the script where there is no Rust, before anything is spent on a build. */
function requireRust() {
  if (!isInstalled('cargo')) {
    throw new StepError(
      'io-session is built from source here, and there is no Rust on the PATH.\nInstall Rust 1.90 or later (https://rustup.rs) and try again.',
    );
  }
}

/** Builds the addon and the engine for this machine, optimised. */
function buildAddon() {
  requireRust();
  step('the addon', 'npm', ['run', '--silent', 'build']);
}

/** Builds them if one is missing or older than its sources. */
function buildStaleAddon() {
  if (!isFresh()) {
    buildAddon();
  }
}

module.exports = { buildAddon, buildStaleAddon, isBuilt, requireRust };
