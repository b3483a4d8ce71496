'use strict';

/**
 * What an option may be: in words, and as a test; and how an error shows what it was instead.
 * @typedef {[expected: string, accepts: (value: any) => boolean, shows?: (value: unknown) => string]} Test
 */

/**
 * The options that there are, each with its default in front.
 * @template {object} Options @typedef {{ [name in keyof Options]-?: [value: Options[name], ...Test] }} Rules
 */

/** The longest delay that a timer can have, in ms. */
const LONGEST = 2_147_483_647;

/** @param {number} least @param {number} most @returns {(value: any) => boolean} */
function whole(least, most) {
  return (value) => Number.isInteger(value) && value >= least && value <= most;
}

/** @type {Test} */
const FLAG = ['true or false', (value) => typeof value === 'boolean'];

/**
 * Checks what an app has set, and completes it with the defaults. An option that is undefined has its default. Throws a TypeError
 * that names the option, its value and what is expected.
 * @template {object} Options @param {unknown} given
 * @param {string} where how the app knows the options, for the error
 * @param {Rules<Options>} rules @returns {Options}
 */
function check(given, where, rules) {
  /** @type {any} */
  const options = {};
  for (const [name, [value]] of Object.entries(/** @type {Rules<any>} */ (rules))) options[name] = value;
  if (given === undefined) return options;
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new TypeError(`io-session: ${where} takes an object with options, not ${show(given)}.`);
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(rules, name)) {
      const known = Object.keys(rules).join(', ');
      throw new TypeError(`io-session: ${where} has no option '${name}'. There are: ${known}.`);
    }
    if (value === undefined) continue;
    const [, expected, accepts, shows = show] = rules[/** @type {keyof Options} */ (name)];
    if (!accepts(value))
      throw new TypeError(`io-session: ${where}: '${name}' must be ${expected}, not ${shows(value)}.`);
    options[name] = value;
  }
  return options;
}

/** @param {unknown} value @returns {string} */
function show(value) {
  const one = (/** @type {unknown} */ item) => (typeof item === 'string' ? JSON.stringify(item) : kind(item));
  return Array.isArray(value) && value.length > 0 ? `[${value.map(one).join(', ')}]` : one(value);
}

/** Shows what may have a secret in it: its names, and no text. @param {unknown} value @returns {string} */
function showNames(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return kind(value);
  const names = Object.entries(value).map(([name, item]) => `${name}: ${kind(item)}`);
  return `{ ${names.join(', ')} }`;
}

/** @param {unknown} value @returns {string} */
function kind(value) {
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'function') return 'a function';
  if (typeof (/** @type {any} */ (value)?.then) === 'function') return 'a promise: await it';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}

module.exports = { FLAG, LONGEST, check, showNames, whole };
