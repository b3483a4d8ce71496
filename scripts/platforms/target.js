'use strict';

// A target of package.json (`napi.targets`), as Rust names it, and what its name says.

const { napi } = require('../../package.json');

/**
 * @typedef {object} Target
 * @property {string} triple Rust's name for it
 * @property {'x86_64' | 'aarch64'} cpu
 * @property {'x64' | 'arm64'} arch Node.js' word for it
 * @property {'linux' | 'darwin' | 'windows'} os
 * @property {string} abi the C library of Linux, the compiler's kind on Windows; nothing on macOS
 */

/** It stands in for `x86_64-pc-windows-msvc`, whose linker and libraries only Windows has. */
const WINDOWS = 'x86_64-pc-windows-gnu';

/** @param {string} triple @returns {Target} */
function parseTarget(triple) {
  const [cpu, , os, abi = ''] = triple.split('-');
  return /** @type {Target} */ ({ triple, cpu, arch: cpu === 'x86_64' ? 'x64' : 'arm64', os, abi });
}

/** Every target that is tried. @returns {Target[]} */
function allTargets() {
  return [...napi.targets, WINDOWS].map(parseTarget);
}

module.exports = { allTargets, parseTarget };
