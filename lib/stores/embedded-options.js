'use strict';

const os = require('node:os');
const fs = require('node:fs');
const path = require('node:path');
const { FLAG, LONGEST, check, whole } = require('../support/rules.js');

/** @import { EmbeddedStoreOptions } from '../../index.js' */
/** @import { Rules } from '../support/rules.js' */

const DAY = 86_400_000;
const MOST = Number.MAX_SAFE_INTEGER;

const TEXT = 'a text of one character at least, none of them zero';

/** @type {Rules<EmbeddedStoreOptions>} */
const RULES = {
  name: [undefined, TEXT, isText],
  path: [undefined, TEXT, isText],
  ttl: [DAY, 'a whole number of ms from 1', whole(1, MOST)],
  maxSessions: [Infinity, 'a whole number from 1, or Infinity', limit(1)],
  maxBytes: [quarter(), 'a whole number of bytes from 1024, or Infinity', limit(1024)],
  maxSessionBytes: [1_048_576, 'a whole number of bytes from 64, or Infinity', limit(64)],
  evict: [true, ...FLAG],
  sweepInterval: [10_000, `a whole number of ms from 10 to ${LONGEST}`, whole(10, LONGEST)],
  flushInterval: [1000, `a whole number of ms from 10 to ${LONGEST}`, whole(10, LONGEST)],
};

/** @param {any} value */
function isText(value) {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

/** @param {number} least */
function limit(least) {
  return (/** @type {any} */ value) => value === Infinity || (Number.isSafeInteger(value) && value >= least);
}

/** A quarter of the memory that this process may have, in bytes. */
function quarter() {
  const constrained = process.constrainedMemory?.();
  const total = os.totalmem();
  return Math.floor((constrained && constrained < total ? constrained : total) / 4);
}

/**
 * Checks what an app has set and completes it with the defaults.
 *
 * @param {unknown} given
 * @returns {Required<Omit<EmbeddedStoreOptions, 'name' | 'path'>> & { name?: string, path?: string }}
 */
function readEmbeddedOptions(given) {
  /** @type {any} */
  const options = check(given, 'EmbeddedStore', RULES);
  if (options.path !== undefined) options.path = absolute(options.path);
  return options;
}

/** The one spelling of a path by which all threads know it. @param {string} given */
function absolute(given) {
  const file = path.resolve(given);
  try {
    if (fs.existsSync(file)) return fs.realpathSync(file);
    return path.join(fs.realpathSync(path.dirname(file)), path.basename(file));
  } catch {
    // Opening it says what is wrong.
    return file;
  }
}

module.exports.readEmbeddedOptions = readEmbeddedOptions;
