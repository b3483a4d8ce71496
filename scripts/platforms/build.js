'use strict';

// The build of the addon for a target: what it needs, and its command.

const path = require('node:path');
const { fromPyPI } = require('./packages');
const { missing, pip, program } = require('./need');
const { libnode } = require('./windows');

/** What links for Linux and macOS from anywhere; as in release.yml. */
const ZIG = ['cargo-zigbuild==0.24.1', 'ziglang==0.14.1'];

/**
 * @typedef {object} Build
 * @property {string[]} missing what to install first
 * @property {string[]} args of scripts/build.js
 * @property {() => NodeJS.ProcessEnv} prepare installs what npm and PyPI have; gives the environment
 */

/** @param {import('./target').Target} target @param {import('./machine').Machine} machine */
function standardLibrary({ triple }, { rustlib, hasFile, hasRustup }) {
  const built = hasFile(path.join(rustlib, triple, 'lib'));
  // Debian's `rustc-web` has no other targets, and `rust-web-src` has the sources.
  const source = hasFile(path.join(rustlib, 'src', 'rust', 'library', 'std'));
  const how = hasRustup
    ? `rustup target add ${triple}`
    : "the sources of Rust's standard library (Debian: rust-web-src)";
  const fromSource = !built && source;
  return {
    needs: [{ isMet: built || source, how }],
    args: fromSource ? ['--', '-Z', 'build-std=std,panic_unwind'] : [],
    env: fromSource ? { RUSTC_BOOTSTRAP: '1' } : {},
  };
}

/** @param {import('./target').Target} target @param {import('./machine').Machine} machine */
function linker(target, machine) {
  const { triple, os, abi } = target;
  const none = () => ({});
  if (triple === machine.host.triple) return { needs: [], args: [], prepare: none };
  const args = ['--target', triple];
  // macOS and Windows link for both processors.
  if (os === machine.host.os && os !== 'linux') return { needs: [], args, prepare: none };
  if (abi === 'msvc') {
    return { needs: [{ isMet: false, how: 'build it on Windows' }], args, prepare: none };
  }
  if (os === 'windows') {
    const needs = [program(machine, 'x86_64-w64-mingw32-gcc', 'gcc-mingw-w64-x86-64')];
    return { needs, args, prepare: () => ({ LIBNODE_PATH: libnode() }) };
  }
  const prepare = () => {
    const folder = fromPyPI(ZIG);
    return {
      PATH: `${path.join(folder, 'bin')}${path.delimiter}${process.env.PATH}`,
      CARGO_ZIGBUILD_ZIG_PATH: path.join(folder, 'ziglang', 'zig'),
    };
  };
  return { needs: [pip(machine)], args: [...args, '--cross-compile'], prepare };
}

/** @param {import('./target').Target} target @param {import('./machine').Machine} machine @returns {Build} */
function planBuild(target, machine) {
  const standard = standardLibrary(target, machine);
  const link = linker(target, machine);
  return {
    missing: missing([...link.needs, ...standard.needs]),
    args: [...link.args, ...standard.args],
    prepare: () => ({ ...standard.env, ...link.prepare() }),
  };
}

module.exports = { ZIG, planBuild };
