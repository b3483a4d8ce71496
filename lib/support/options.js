'use strict';

const native = require('../../native.js');
const { FLAG, LONGEST, check, showNames, whole } = require('./rules.js');

/** @import { Rules, Test } from './rules.js' */

/**
 * What an app may set, completed with the defaults; index.d.ts has the documentation of each.
 *
 * @typedef {import('../../index.js').IoSessionOptions} Given
 * @typedef {import('../../index.js').ShareSessionOptions} GivenToShare
 * @typedef {'allowedOrigins' | 'onSessionChange' | 'rooms' | 'onError'} WithoutDefault
 * @typedef {'unbind' | 'disconnect' | ((end: { socket: any, reason: string }) => void)} Ending
 * @typedef {{ channel: string | undefined, maxFailedKeys: number, maxKeysPerMinute: number, keepAlive: 'events' | 'connected', touchInterval: number | undefined }} OfSharing what only an app that calls `shareSession` may set
 * @typedef {Omit<Required<Given>, WithoutDefault> & Pick<Given, WithoutDefault> & { onSessionEnd: Ending }} OfBoth
 * @typedef {OfBoth & OfSharing} Options
 *
 * @typedef {{ name: string, secrets: string[] }} CookieOptions
 * @typedef {{ allowedOrigins: string[], store: any, cookie: CookieOptions | undefined, touchInterval: number | undefined, emitter: any[] }} Read
 * @typedef {Omit<Required<Omit<GivenToShare, keyof Given>> & Options, keyof Read> & Read & { channel: string }} ShareOptions
 */

const DAY = 86_400_000;
/** What browsers and app shells send as the origin of a page that has no host: a file, a sandboxed frame. */
const HOSTLESS = new Set(['null', 'file://']);
/** Each name that a version of express-session can set and read. */
const COOKIE_NAME = /^(?! )[ -:<>-~\x80-\xff]+(?<! )$/;
/** More than any count is: no limit, for the native side. */
const NO_LIMIT = 4_294_967_295;

/** @type {Test} */
const FUNCTION = ['a function', (value) => typeof value === 'function'];
/** @type {Test} */
const ORIGINS = [
  "an array of origins as browsers send them, such as 'https://app.example': small letters, no default port, no slash at the end, no path, no *",
  isOrigins,
];

/** What a Zappa app has: its keys are for any channel, and as many as its clients ask for. @type {OfSharing} */
const OF_ZAPPA = {
  channel: undefined,
  maxFailedKeys: 64,
  maxKeysPerMinute: NO_LIMIT,
  keepAlive: 'events',
  touchInterval: undefined,
};

/** @type {Rules<OfBoth>} */
const RULES = {
  storeTimeout: [10_000, `a whole number of ms from 1 to ${LONGEST}`, whole(1, LONGEST)],
  keyMaxAge: [DAY, 'a whole number of ms from 1000', whole(1000, Number.MAX_SAFE_INTEGER)],
  maxChannels: [32, 'a whole number from 1 to 1000', whole(1, 1000)],
  oneTimeKeys: [false, ...FLAG],
  allowedOrigins: [undefined, ...ORIGINS],
  onSessionEnd: [
    'unbind',
    "'unbind', 'disconnect' or a function",
    (value) => value === 'unbind' || value === 'disconnect' || typeof value === 'function',
  ],
  checkInterval: [
    30_000,
    `a whole number of ms from 1000 to ${LONGEST}, or false`,
    (value) => value === false || whole(1000, LONGEST)(value),
  ],
  onSessionChange: [undefined, ...FUNCTION],
  rooms: [undefined, ...FUNCTION],
  onError: [undefined, ...FUNCTION],
};

/** @type {Rules<ShareOptions>} */
const SHARE_RULES = {
  store: [undefined, 'an express-session store', isStore],
  prefix: [
    '/io-session',
    "a path such as '/io-session': with a slash in front and none at its end",
    (value) => typeof value === 'string' && /^(?:\/(?!\.{1,2}(?:\/|$))[\w.~-]+)+$/.test(value),
  ],
  channel: [
    '__local',
    "a text of 1 to 128 characters, none of them a control character, and not '__proto__', '.' or '..'",
    (value) => typeof value === 'string' && native.isChannel(value),
  ],
  cookie: [
    undefined,
    "{ name, secret } or { name, secrets }, as express-session has them ('connect.sid')",
    isCookie,
    showNames,
  ],
  required: [false, ...FLAG],
  trustProxy: [false, ...FLAG],
  touchInterval: [undefined, `a whole number of ms from 1000 to ${LONGEST}`, whole(1000, LONGEST)],
  keepAlive: ['events', "'events' or 'connected'", (value) => value === 'events' || value === 'connected'],
  maxKeysPerMinute: [300, 'a whole number from 1 to 1000000', whole(1, 1_000_000)],
  maxFailedKeys: [64, 'a whole number from 1 to 1000000', whole(1, 1_000_000)],
  emitter: [
    [],
    'an Emitter of @socket.io/redis-emitter, or an array of them',
    (value) => [value].flat().every(isEmitter),
  ],
  ...RULES,
  allowedOrigins: [[], ...ORIGINS],
};

/** Its methods are looked at when it is adopted. @param {any} value */
function isStore(value) {
  return typeof value === 'object' && value !== null && typeof value.then !== 'function';
}

/** @param {any} value */
function isEmitter(value) {
  return typeof value?.serverSideEmit === 'function' && typeof value.of === 'function';
}

/** @param {any} value */
function isOrigins(value) {
  return Array.isArray(value) && value.every((origin) => HOSTLESS.has(origin) || isOrigin(origin));
}

/**
 * Whether this is how a browser writes an origin: no path, no `*`, the default port left out. The pages of apps and extensions
 * have schemes of their own, whose origins `URL` does not know.
 * @param {string} text
 */
function isOrigin(text) {
  if (!URL.canParse(text)) return false;
  const { origin, protocol } = new URL(text);
  if (origin !== 'null') return origin === text && !text.includes('*');
  return protocol !== 'file:' && /^[a-z][a-z\d+.-]*:\/\/[a-z\d.-]+(?::\d+)?$/.test(text);
}

/** @param {any} value */
function isCookie(value) {
  if (typeof value !== 'object' || value === null) return false;
  const { name, secrets } = readCookie(value);
  const known = Object.keys(value).every((key) => ['name', 'secret', 'secrets'].includes(key));
  if (value.secret !== undefined && value.secrets !== undefined) return false;
  const isName = typeof name === 'string' && COOKIE_NAME.test(name);
  const isSigned = secrets.length > 0 && secrets.every((text) => typeof text === 'string' && text !== '');
  return known && isName && isSigned;
}

/** @param {any} given @returns {CookieOptions} */
function readCookie({ name = 'connect.sid', secret, secrets = secret }) {
  return { name, secrets: Array.isArray(secrets) ? secrets : [secrets] };
}

/** Checks what a Zappa app has set. @param {unknown} given @param {string} where @returns {OfBoth} */
function readOptions(given, where) {
  return check(given ?? undefined, where, RULES);
}

/** Checks what `shareSession` was called with. @param {any} given @returns {ShareOptions} */
function readShareOptions(given) {
  if (typeof given?.get === 'function' && typeof given.set === 'function') {
    throw new TypeError(
      'io-session: shareSession takes an object with options, not a store: shareSession({ store }).',
    );
  }
  const checked = check(given, 'shareSession', SHARE_RULES);
  if (checked.keepAlive === 'connected' && checked.touchInterval === undefined) {
    throw new TypeError(
      "io-session: shareSession: keepAlive: 'connected' needs 'touchInterval', which says how often a session is touched.",
    );
  }
  const { cookie, emitter } = checked;
  return { ...checked, emitter: [emitter].flat(), cookie: cookie && readCookie(cookie) };
}

module.exports = { OF_ZAPPA, readOptions, readShareOptions };
