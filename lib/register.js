'use strict';

// Puts this package in the place of the `io-session` that an installed zappajs carries, at the one spot where
// the two meet: the resolution of zappajs's own `require('./io-session')`. Nothing on disk changes.

const fs = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { isMainThread } = require('node:worker_threads');

/** @typedef {{ folder: string, version: string }} Copy an installed zappajs; there may be several in one process */
/** @typedef {(request: string, parent?: { filename?: string | null } | null, ...rest: unknown[]) => string} Resolve */

/** Node's resolver is not in its types. It is what every tool of this kind patches, and Node keeps it for them. */
const loader = /** @type {{ _resolveFilename: Resolve, _cache: Record<string, unknown> }} */ (
  /** @type {unknown} */ (Module)
);

const OURS = path.join(__dirname, '..', 'index.js');

/** On the loader itself, so that a second copy of this package sees that the first is there. */
const INSTALLED = Symbol.for('io-session.register');

/** An app that has loaded no zappajs by now is told so, once, without waiting for its end: a server has none. */
const PATIENCE = 10_000;

/** @param {string} text */
function say(text) {
  try {
    process.stderr.write(`io-session: ${text}\n`);
  } catch {
    // A closed stderr is no reason to disturb the app.
  }
}

/**
 * The zappajs that a file belongs to: the nearest package.json with a name decides, as one without a name (such as
 * `{"type": "commonjs"}` in a sub-folder) makes no package.
 * @param {string} file @returns {Copy | undefined}
 */
function zappajsOf(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const { name, version } = readPackage(folder);
    if (name !== undefined) return name === 'zappajs' ? { folder, version: String(version) } : undefined;
    if (path.basename(folder) === 'node_modules' || folder === path.dirname(folder)) return undefined;
  }
}

/** @param {string} folder @returns {{ name?: unknown, version?: unknown }} */
function readPackage(folder) {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')) ?? {};
  } catch {
    return {};
  }
}

/** @param {string} file */
const isIoSession = (file) => path.basename(file).startsWith('io-session.');

/** @type {boolean | undefined} */
let usable;

/** Whether this package loads, tried once. When it does not (say, no binary for this machine) zappajs keeps its own. */
function isUsable() {
  if (usable !== undefined) return usable;
  usable = false;
  try {
    require(OURS);
    usable = true;
  } catch (error) {
    const why = error instanceof Error ? error.message : error;
    say(`nothing is replaced, this package does not load: ${why}`);
  }
  return usable;
}

/** The folders of the copies that were spoken of. @type {Set<string>} */
const told = new Set();

/** Speaks of a copy, once. @param {Copy} copy @param {string} text */
function tell({ folder }, text) {
  if (!told.has(folder)) say(text);
  told.add(folder);
}

/**
 * What a request of this module resolves to instead, if anything.
 * @param {string} request @param {string | null | undefined} from the requesting file
 * @param {string} resolved what it would resolve to
 */
function replacement(request, from, resolved) {
  // Almost every require of a process ends here.
  if (!from || !request.startsWith('.') || !isIoSession(resolved)) return undefined;
  const copy = zappajsOf(from);
  // A zappajs that carries another inside it: the resolved file must be of the same copy.
  if (!copy || zappajsOf(resolved)?.folder !== copy.folder || !isUsable()) return undefined;
  // Its name as zappajs requires it: the file may be io-session.js or io-session.coffee.md.
  const shown = path.join(path.relative(process.cwd(), path.dirname(resolved)), 'io-session');
  tell(copy, `replaced ${shown} of zappajs ${copy.version}`);
  return OURS;
}

/** A zappajs that was loaded before us holds its own module already. */
function warnOfEarlier() {
  for (const file of Object.keys(loader._cache).filter(isIoSession)) {
    const copy = zappajsOf(file);
    if (!copy) continue;
    const shown = path.relative(process.cwd(), copy.folder);
    const advice = `load io-session/register before zappajs ${copy.version}, with node -r`;
    tell(copy, `too late for ${shown}: ${advice}`);
  }
}

/** Says once that there was nothing to do: at the end of a short process, early in the life of a long one. */
function reportAbsence() {
  const report = () => {
    process.off('exit', report);
    if (told.size === 0 && usable === undefined) say('no zappajs has been loaded, so nothing is replaced');
  };
  process.once('exit', report);
  // Unreferenced: it must not keep the app alive.
  setTimeout(report, PATIENCE).unref();
}

/** Starts replacing. A second call does nothing. */
function install() {
  try {
    if (Reflect.has(loader, INSTALLED)) return;
    Object.defineProperty(loader, INSTALLED, { value: true });
    const resolve = loader._resolveFilename;
    loader._resolveFilename = function (request, parent, ...rest) {
      const resolved = resolve.call(this, request, parent, ...rest);
      try {
        return replacement(request, parent?.filename, resolved) ?? resolved;
      } catch (error) {
        say(`left ${request} alone: ${error}`);
        return resolved;
      }
    };
    warnOfEarlier();
    // A worker thread is part of an app whose main thread has said it.
    if (isMainThread) reportAbsence();
  } catch (error) {
    say(`nothing is replaced: ${error}`);
  }
}

module.exports.install = install;
