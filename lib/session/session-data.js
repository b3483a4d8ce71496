'use strict';

const { isDeepStrictEqual, types } = require('node:util');
const { attempt, codeOf } = require('../support/errors.js');

/** How a session's text begins, as far as the end in its cookie: such a text need not be parsed. No value before it has braces. */
const BEGINNING = /^\{"cookie":\{"originalMaxAge":[^{}]{1,80}?"expires":(?:null|"([^"\\]*)")/;
/** The mark of a socket's own session and of a key's record. Without its quote: to look for a rare letter is far cheaper. */
const MARK = '__io';
/** The fields that are no content of a session: its cookie, and what io-session remembers of its keys. */
const BESIDES = ['cookie', '__socket'];

/** Types of values that JSON leaves out: a save does not show that their field is there, nor its place among the others. */
const LEFT_OUT = new Set(['undefined', 'function', 'symbol']);
/** A field as an assignment makes it. */
const PLAIN = { configurable: true, enumerable: true, writable: true };

/** @param {any} value */
function isObject(value) {
  return typeof value === 'object' && value !== null;
}

/** What a store answered to a `get`, as session data; undefined for what is no session. @param {any} data @returns {any} */
function sessionData(data) {
  return isObject(data) && !Array.isArray(data) && isObject(data.cookie) ? data : undefined;
}

/**
 * Whether an error of a `get` means that nothing is there (session-file-store), and not that a database's socket file is away.
 *
 * @param {any} error
 */
function meansMissing(error) {
  return codeOf(error) === 'ENOENT' && error.syscall !== 'connect';
}

/** Whether a text is that of a browser's session, and not of a socket's own or of a key's record. @param {string} text */
function isBrowserSession(text) {
  if (BEGINNING.test(text) && !text.includes(MARK)) return true;
  const data = sessionData(JSON.parse(text));
  return data !== undefined && data.cookie.__io !== true && data.__io_session === undefined;
}

/**
 * When a session ends by the date in its cookie.
 *
 * @param {string} text
 * @returns {number} ms since 1970; `Infinity` without a date; `-Infinity` for what is no session
 */
function endOf(text) {
  const found = BEGINNING.exec(text);
  if (found !== null) return endOfCookie({ expires: found[1] });
  const data = sessionData(JSON.parse(text));
  return data === undefined ? Number.NEGATIVE_INFINITY : endOfCookie(data.cookie);
}

/**
 * The same of a cookie. As MemoryStore takes it: `cookie.expires = false` is how an app has one last as long as the browser.
 *
 * @param {any} cookie of a session, or as it is stored
 */
function endOfCookie({ expires }) {
  const end = typeof expires === 'string' ? Date.parse(expires) : Number(expires);
  return !expires || Number.isNaN(end) ? Number.POSITIVE_INFINITY : end;
}

/** Whether the text of what a store holds is that of a session which has not expired. @param {string} text */
function isLive(text) {
  return endOf(text) > Date.now();
}

/** Whether two texts say the same, in whatever spelling. @param {any} text @param {any} other */
function isSameJson(text, other) {
  return text === other || attempt(() => isDeepStrictEqual(JSON.parse(text), JSON.parse(other)), false);
}

/** Whether two texts have the same content: what a touch or a key changes is none. @param {string} text @param {string} other */
function isSameContent(text, other) {
  // It throws where they are nested deeper than the stack of this thread.
  return text === other || attempt(() => isDeepStrictEqual(contentOf(text), contentOf(other)), false);
}

/** @param {string} text @returns {any} the text itself where a store has given no JSON */
function contentOf(text) {
  return attempt(() => {
    const content = JSON.parse(text);
    for (const field of BESIDES) delete content[field];
    return content;
  }, text);
}

/** Whether session data can be made again of its JSON text. A session's cookie always can. @param {any} data */
function isFaithful(data) {
  return data.toJSON === undefined && Object.keys(data).every((key) => key === 'cookie' || isJson(data[key]));
}

/** Whether a value can be made again of its JSON text: a `Date` comes back as a text. @param {any} value @returns {boolean} */
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

/**
 * A value as `JSON.stringify` spells it under its key; undefined if it is left out.
 * @param {string} key @param {any} value @param {(key: string, value: any) => any} [replacer] as it has it @returns {string | undefined}
 */
function spellValue(key, value, replacer) {
  if (typeof value?.toJSON !== 'function') return JSON.stringify(value, replacer);
  // It is told its key.
  const text = JSON.stringify({ [key]: value }, replacer);
  return text === '{}' ? undefined : text.slice(JSON.stringify(key).length + 2, -1);
}

/** A text without some fields. @param {string} text @param {string[]} keys @returns {string} */
function without(text, keys) {
  const data = JSON.parse(text);
  for (const key of keys) delete data[key];
  return JSON.stringify(data);
}

/** The JSON text of session data; undefined where it has none, and its changes cannot be followed. @param {any} data */
function textOf(data) {
  return attempt(() => JSON.stringify(data), undefined);
}

/**
 * What a text says, with copies of what session data have besides in the same place: a `Date` is there as a `Date`. A store may hand
 * out the object that it keeps.
 *
 * @param {any} data @param {string} text the JSON text of the data, or another one: what that says otherwise counts
 */
function copyOfSession(data, text) {
  const copy = JSON.parse(text);
  for (const key of Object.keys(copy)) {
    const isMore = key !== 'cookie' && Object.hasOwn(data, key) && !isJson(data[key]);
    if (isMore && spellValue(key, data[key]) === JSON.stringify(copy[key])) copy[key] = copyOf(data[key]);
  }
  return copy;
}

/** @param {any} object */
function copyOfFields(object) {
  return Object.fromEntries(Object.keys(object).map((key) => [key, copyOf(object[key])]));
}

/** A copy of data, dates, collections and objects of the app's classes. What has a text of its own (`toJSON`) only its class could copy. @param {any} value @returns {any} */
function copyOf(value) {
  if (!isObject(value)) return value;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Date.prototype && !Object.hasOwn(value, 'toJSON')) return new Date(value);
  if (typeof value.toJSON === 'function') return value;
  if (Array.isArray(value)) return value.map(copyOf);
  if (types.isMap(value)) return new Map([...value].map(([key, entry]) => [copyOf(key), copyOf(entry)]));
  if (types.isSet(value)) return new Set([...value].map(copyOf));
  // A `RegExp`, an `ArrayBuffer` and the like are more than their fields.
  const isMore = Object.prototype.toString.call(value) !== '[object Object]';
  return isMore ? value : Object.create(prototype, Object.getOwnPropertyDescriptors(copyOfFields(value)));
}

module.exports = {
  LEFT_OUT,
  PLAIN,
  copyOf,
  copyOfSession,
  endOf,
  endOfCookie,
  isBrowserSession,
  isFaithful,
  isJson,
  isLive,
  isObject,
  isSameContent,
  isSameJson,
  meansMissing,
  sessionData,
  spellValue,
  textOf,
  without,
};
