'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, StepError, isInstalled, step } = require('./step');

/** What the addon is made of. */
const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src', 'cdylib', 'store-file'];

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

/** The addons that are there, whatever platform they are for. */
function builtAddons() {
  return fs.readdirSync(ROOT).filter((name) => /^io-session\..*\.node$/.test(name));
}

/** Is there a built addon? */
function isBuilt() {
  return builtAddons().length > 0;
}

/** Is there a built addon, at least as new as its sources? */
function isFresh() {
  const loader = fs.existsSync(path.join(ROOT, 'native.js'));
  return (
    loader &&
    newest(builtAddons().map((name) => path.join(ROOT, name))) >=
      newest(SOURCES.map((name) => path.join(ROOT, name)))
  );
}

/** Ends the script where there is no Rust, before anything is spent on a build. */
function requireRust() {
  if (!isInstalled('cargo')) {
    throw new StepError(
      'io-session is built from source here, and there is no Rust on the PATH.\nInstall Rust 1.90 or later (https://rustup.rs) and try again.',
    );
  }
}

/** Builds the addon for this machine, optimised, and its loader `native.js` with it. */
function buildAddon() {
  requireRust();
  step('the addon', 'npm', ['run', '--silent', 'build']);
}

/** Builds the addon if it is missing or older than its sources. */
function buildStaleAddon() {
  if (!isFresh()) {
    buildAddon();
  }
}

module.exports = { buildAddon, buildStaleAddon, isBuilt, requireRust };
