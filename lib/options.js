'use strict';

/**
 * What an app may set; see index.d.ts for the documentation of each.
 *
 * @typedef {object} Options
 * @property {number} storeTimeout
 * @property {number} keyMaxAge
 * @property {number} maxChannels
 * @property {boolean} oneTimeKeys
 * @property {'unbind' | 'disconnect' | ((end: { socket: any, reason: string }) => void)} onSessionEnd
 * @property {((error: unknown, where: { socket?: any, event?: string }) => void) | undefined} onError
 */

const DAY = 86_400_000;
/** The longest delay that a timer can have, in ms. */
const LONGEST = 2_147_483_647;

/** @type {Options} */
const DEFAULTS = {
  storeTimeout: 10_000,
  keyMaxAge: DAY,
  maxChannels: 32,
  oneTimeKeys: false,
  onSessionEnd: 'unbind',
  onError: undefined,
};

/** @type {{ [name: string]: [string, (value: any) => boolean] }} */
const RULES = {
  storeTimeout: [`a whole number of ms from 1 to ${LONGEST}`, whole(1, LONGEST)],
  keyMaxAge: ['a whole number of ms from 1000', whole(1000, Number.MAX_SAFE_INTEGER)],
  maxChannels: ['a whole number from 1 to 1000', whole(1, 1000)],
  oneTimeKeys: ['true or false', (value) => typeof value === 'boolean'],
  onSessionEnd: [
    "'unbind', 'disconnect' or a function",
    (value) => value === 'unbind' || value === 'disconnect' || typeof value === 'function',
  ],
  onError: ['a function', (value) => typeof value === 'function'],
};

/**
 * @param {number} least
 * @param {number} most
 */
function whole(least, most) {
  return (/** @type {any} */ value) => Number.isInteger(value) && value >= least && value <= most;
}

/**
 * Checks what an app has set and completes it with the defaults.
 *
 * @param {unknown} given
 * @param {string} where how the app knows the options, for the error
 * @returns {Options}
 * @throws {TypeError} that names the option, its value and what is expected
 */
function readOptions(given, where) {
  if (given === undefined || given === null) return DEFAULTS;
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw new TypeError(`io-session: ${where} must be an object with options, not ${show(given)}.`);
  }
  const options = { ...DEFAULTS };
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(RULES, name)) {
      const known = Object.keys(RULES).join(', ');
      throw new TypeError(`io-session: ${where} has no option '${name}'. There are: ${known}.`);
    }
    if (value === undefined) continue;
    const [expected, accepts] = RULES[name];
    if (!accepts(value)) {
      throw new TypeError(`io-session: ${where}: '${name}' must be ${expected}, not ${show(value)}.`);
    }
    /** @type {any} */ (options)[name] = value;
  }
  return options;
}

/** @param {unknown} value */
function show(value) {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}

module.exports.readOptions = readOptions;
