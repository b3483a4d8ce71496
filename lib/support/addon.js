'use strict';

// Where the addon does not load, the error says what this machine is, what was tried, why that failed and what to do.

const fs = require('node:fs');
const path = require('node:path');

/** In a bundle that is an ES module there is no `__dirname`. */
const ROOT = typeof __dirname === 'string' ? path.join(__dirname, '..', '..') : '';
const FORBIDDEN =
  'Node.js loads no addons here: it was started with --no-addons, or with its permission model and without --allow-addons.';

/**
 * A file or a package that was tried, and what the system said; nothing when it is not there at all.
 * @typedef {{ tried: string, refusal: Error | undefined }} Attempt
 */

/** What package names call this machine, and in words. */
function machine() {
  const { arch, platform, versions } = process;
  let [abi, libc] = platform === 'win32' ? ['-msvc', ''] : ['', ''];
  if (platform === 'linux') {
    const report = /** @type {any} */ (process.report.getReport());
    const glibc = report.header.glibcVersionRuntime;
    [abi, libc] = glibc ? ['-gnu', `, glibc ${glibc}`] : ['-musl', ', musl'];
  }
  return {
    target: `${platform}-${arch}${abi}`,
    words: `${platform} ${arch}${libc}, Node.js ${versions.node}`,
  };
}

/** The package.json of this package; another one, or none, when it is in a bundle. */
function manifest() {
  try {
    return JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  } catch {
    return {};
  }
}

/** @param {string} target @param {Error | undefined} refusal */
function wayOut(target, refusal) {
  const build =
    'install Rust (https://rustup.rs) and build the addon: `npm run build` in a checkout of io-session';
  if (refusal) {
    return `It is there, and this machine refuses it. If it comes from another kind of machine, remove node_modules and install \
again, here. If this system is older than what it was built for, ${build}.`;
  }
  const { name: here, version, optionalDependencies = {} } = manifest();
  if (here !== 'io-session')
    return `io-session is in a bundle, and the addon was left behind: tell the bundler of *.node files (docs/install.md, "Bundlers").`;
  if (fs.existsSync(path.join(ROOT, 'Cargo.toml'))) return `This is a checkout: ${build}.`;
  const name = `io-session-${target}`;
  if (!(name in optionalDependencies))
    return `There is none for this kind of machine: ${build}, and install that folder.`;
  return `It is an optional dependency. Install again without --omit=optional, and if package-lock.json or node_modules come from \
another kind of machine, remove them first. Or name it: npm install ${name}@${version}`;
}

/** The error for a machine on which the addon does not load. @param {Attempt[]} attempts @returns {Error} */
function explain(attempts) {
  const { target, words } = machine();
  // On Linux those of the other C library are not missed.
  const told = attempts.filter(
    ({ tried, refusal }) => refusal !== undefined || !/-(gnu|musl)/.test(tried) || tried.includes(target),
  );
  const refusal = told.find((one) => one.refusal)?.refusal;
  const isForbidden = told.some((one) => /** @type {any} */ (one.refusal)?.code === 'ERR_DLOPEN_DISABLED');
  const reasons = told.map((one) => `Tried ${one.tried}: ${one.refusal?.message ?? 'not there'}`);
  const lines = [
    `io-session: the native addon for ${target} could not be loaded.`,
    `This machine: ${words}`,
    ...(isForbidden ? [FORBIDDEN] : [...reasons, wayOut(target, refusal)]),
  ];
  const code = 'ERR_ADDON_NOT_LOADED';
  return Object.assign(new Error(lines.join('\n  ')), { code, ...(refusal && { cause: refusal }) });
}

module.exports.explain = explain;
