'use strict';

// Loads the addon, so that it is there when the files beside this one require it. Where it does not load, the error says
// what this machine is, what was tried, why that failed and what to do. The generated loader's own error does not.

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');

/**
 * @typedef {object} Attempt
 * @property {string} tried a file or a package
 * @property {Error | undefined} refusal what the system said; nothing when it is not there at all
 */

/** The C library of a Linux machine: in words, and as package names have it. */
function libc() {
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  const version = header.glibcVersionRuntime;
  return version ? { words: `, glibc ${version}`, abi: '-gnu' } : { words: ', musl', abi: '-musl' };
}

function machine() {
  const none = { words: '', abi: process.platform === 'win32' ? '-msvc' : '' };
  const { words, abi } = process.platform === 'linux' ? libc() : none;
  const { platform, arch } = process;
  return {
    target: `${platform}-${arch}${abi}`,
    words: `${platform} ${arch}${words}, Node.js ${process.versions.node}`,
  };
}

/**
 * What the generated loader tried: its errors are a chain of causes.
 *
 * @param {string} tried
 * @param {unknown} error
 * @returns {Attempt}
 */
function attempt(tried, error) {
  const name = tried.replace(/^\.\//, '');
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one.message.includes(name) && !one.message.startsWith(`Cannot find module '${tried}'`)) {
      return { tried, refusal: one };
    }
  }
  return { tried, refusal: undefined };
}

/**
 * @param {string} target
 * @param {Error | undefined} refusal
 */
function wayOut(target, refusal) {
  const build =
    'install Rust (https://rustup.rs) and build the addon: `npm run build` in a checkout of io-session';
  if (refusal) {
    return `It is there, and this machine refuses it. If it comes from another kind of machine, remove node_modules and install \
again, here. If this system is older than what it was built for, ${build}.`;
  }
  if (fs.existsSync(path.join(ROOT, 'Cargo.toml'))) return `This is a checkout: ${build}.`;
  const manifest = fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8');
  const { version, optionalDependencies = {} } = JSON.parse(manifest);
  const name = `io-session-${target}`;
  if (!(name in optionalDependencies))
    return `There is none for this kind of machine: ${build}, and install that folder.`;
  return `It is an optional dependency. Install again without --omit=optional, and if package-lock.json or node_modules come from \
another kind of machine, remove them first. Or name it: npm install ${name}@${version}`;
}

/**
 * Whether Node.js was started so that it loads no addons, which has nothing to do with this one.
 *
 * @param {unknown} error
 */
function isForbidden(error) {
  for (let one = error; one instanceof Error; one = one.cause) {
    // The generated loader keeps the words of `ERR_DLOPEN_DISABLED`, and not the code.
    if (one.message.includes('loading addons is disabled')) return true;
  }
  return false;
}

/** @param {unknown} error what the generated loader threw */
function explain(error) {
  const { target, words } = machine();
  const forced = process.env.NAPI_RS_NATIVE_LIBRARY_PATH;
  const names = forced ? [forced] : [`./io-session.${target}.node`, `io-session-${target}`];
  const attempts = names.map((tried) => attempt(tried, error));
  const refusal = attempts.find((one) => one.refusal)?.refusal;
  const reasons = isForbidden(error)
    ? [
        'Node.js loads no addons here: it was started with --no-addons, or with its permission model and without --allow-addons.',
      ]
    : [
        ...attempts.map(({ tried, refusal }) => `Tried ${tried}: ${refusal?.message ?? 'not there'}`),
        wayOut(target, refusal),
      ];
  const lines = [
    `io-session: the native addon for ${target} could not be loaded.`,
    `This machine: ${words}`,
    ...reasons,
  ];
  const code = 'ERR_ADDON_NOT_LOADED';
  return Object.assign(new Error(lines.join('\n  ')), { code, ...(refusal && { cause: refusal }) });
}

try {
  require('../../native.js');
} catch (error) {
  throw explain(error);
}
