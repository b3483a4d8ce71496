'use strict';

const { isDeepStrictEqual } = require('node:util');

/**
 * What a store answered to a `get`, as session data; undefined when there is none, or what is there is no session.
 *
 * @param {any} data
 * @returns {any}
 */
function sessionData(data) {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined;
  return typeof data.cookie === 'object' && data.cookie !== null ? data : undefined;
}

/**
 * Whether an error of a store's `get` only says that there is nothing (session-file-store). That a database is away, whose
 * socket is a file, has the same code, and is a failure.
 *
 * @param {any} error
 * @returns {boolean}
 */
function meansMissing(error) {
  return error?.code === 'ENOENT' && error.syscall !== 'connect';
}

/** How a session's text begins where express-session has written it. */
const OPENING = '{"cookie":{"originalMaxAge":';
const EXPIRES = ',"expires":';
/** So far the date is from there at most: `originalMaxAge`, `partitioned` and `priority` come before it. */
const NEAR = 80;
/** The length of a date as `Date.prototype.toISOString` writes it. */
const ISO_LENGTH = 24;

/** How what is no browser's session is marked, a socket's own and the record of a key. Without its quote: to look for a letter that is rare is far cheaper. */
const MARK = '__io';

/**
 * Whether a text is that of a browser's session, and not of a socket's own or of a key's record.
 *
 * @param {string} text
 * @returns {boolean}
 */
function isBrowserSession(text) {
  // As express-session writes a session: it need not be parsed.
  if (text.startsWith(OPENING) && !text.includes(MARK)) return true;
  const data = sessionData(JSON.parse(text));
  return data !== undefined && data.cookie.__io !== true && data.__io_session === undefined;
}

let nowMs = 0;
let nowText = '';

/** Now, as such a date. Those compare as texts, which costs far less than to parse one per event. */
function isoNow() {
  const now = Date.now();
  if (now !== nowMs) {
    nowMs = now;
    nowText = new Date(now).toISOString();
  }
  return nowText;
}

/**
 * The date in the cookie of a session that express-session has written, found without `JSON.parse`.
 *
 * @param {string} text
 * @returns {string | undefined} as `toISOString` writes it; empty for none; undefined where the text has to be parsed
 */
function isoEnd(text) {
  if (!text.startsWith(OPENING)) return undefined;
  const at = text.indexOf(EXPIRES, OPENING.length);
  if (at === -1 || at >= OPENING.length + NEAR) return undefined;
  const value = at + EXPIRES.length;
  if (text.startsWith('null', value)) return '';
  const end = value + 1 + ISO_LENGTH;
  // Another form of a date (beyond the year 9999, say) has to be parsed.
  const isIso = text[value] === '"' && text[end] === '"' && text[end - 1] === 'Z';
  return isIso ? text.slice(value + 1, end) : undefined;
}

/**
 * When a session ends by the date in its cookie.
 *
 * @param {string} text
 * @returns {number} ms since 1970; `Infinity` without a date; `-Infinity` for what is no session
 */
function endOf(text) {
  const iso = isoEnd(text);
  if (iso !== undefined) return iso === '' ? Number.POSITIVE_INFINITY : Date.parse(iso);
  const data = sessionData(JSON.parse(text));
  return data === undefined ? Number.NEGATIVE_INFINITY : endOfCookie(data.cookie);
}

/**
 * The same of a cookie.
 *
 * @param {any} cookie of a session, or as it is stored
 * @returns {number}
 */
function endOfCookie({ expires }) {
  // As MemoryStore takes it: `cookie.expires = false` is how an app has a cookie last as long as the browser.
  const end = typeof expires === 'string' ? Date.parse(expires) : Number(expires);
  return end || Number.POSITIVE_INFINITY;
}

/**
 * Whether the text of what a store holds is that of a session which has not expired.
 *
 * @param {string} text
 * @returns {boolean}
 */
function isLive(text) {
  const iso = isoEnd(text);
  if (iso !== undefined) return iso === '' || iso > isoNow();
  return endOf(text) > Date.now();
}

/** The fields that are no content of a session: its cookie, and what io-session remembers of its keys. */
const BESIDES = ['cookie', '__socket'];

/**
 * Whether two texts of a session have the same content: what a touch or a new key changes is none.
 *
 * @param {string} text
 * @param {string} other
 * @returns {boolean}
 */
function isSameContent(text, other) {
  return text === other || isDeepStrictEqual(contentOf(text), contentOf(other));
}

/** @param {string} text @returns {any} the text itself where a store has given no JSON */
function contentOf(text) {
  try {
    const content = JSON.parse(text);
    for (const field of BESIDES) delete content[field];
    return content;
  } catch {
    return text;
  }
}

/** Whether a value can be made again of its JSON text. @param {any} value @returns {boolean} */
function isJson(value) {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== 'object') return typeof value === 'string' || typeof value === 'boolean';
  if (value === null) return true;
  if (value.toJSON !== undefined) return false;
  // Not `every`: that passes over holes.
  if (Array.isArray(value)) return Object.keys(value).length === value.length && value.every(isJson);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every(isJson);
}

module.exports.endOf = endOf;
module.exports.endOfCookie = endOfCookie;
module.exports.isSameContent = isSameContent;
module.exports.isBrowserSession = isBrowserSession;
module.exports.isJson = isJson;
module.exports.isLive = isLive;
module.exports.meansMissing = meansMissing;
module.exports.sessionData = sessionData;
