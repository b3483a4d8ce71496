'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, StepError, isInstalled, step } = require('./step');

/** The sources of the addon. */
const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src', 'crates'];
/** The addon, whatever platform it is for. */
const ADDON = /^io-session\..*\.node$/;

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

/** The built addons that are there. */
function built() {
  return fs.readdirSync(ROOT).filter((name) => ADDON.test(name));
}

/** Is there a built addon? */
function isBuilt() {
  return built().length > 0;
}

/** Is it at least as new as the sources? */
function isFresh() {
  const at = (/** @type {string} */ name) => path.join(ROOT, name);
  const changed = newest(SOURCES.map(at));
  const loader = fs.existsSync(at('native.js'));
  return loader && isBuilt() && newest(built().map(at)) >= changed;
}

/** Ends the script where there is no Rust, before anything is spent on a build. */
function requireRust() {
  if (!isInstalled('cargo')) {
    throw new StepError(
      'io-session is built from source here, and there is no Rust on the PATH.\nInstall Rust 1.90 or later (https://rustup.rs) and try again.',
    );
  }
}

/** Builds the addon for this machine, optimised. */
function buildAddon() {
  requireRust();
  step('the addon', 'npm', ['run', '--silent', 'build']);
}

/** Builds it if it is missing or older than its sources. */
function buildStaleAddon() {
  if (!isFresh()) {
    buildAddon();
  }
}

module.exports = { buildAddon, buildStaleAddon, isBuilt, requireRust };
