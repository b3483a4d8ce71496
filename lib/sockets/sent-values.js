'use strict';

const { isAnyArrayBuffer, isBoxedPrimitive, isDate, isMap, isSet } = require('node:util').types;

/**
 * A copy of a value that is sent later, as it is now: a handler may change it until then, or use one object for the answers to all.
 * What Socket.IO's own parser sends of it is the same.
 * @param {any} value @param {string | number} key under which it is sent @returns {any}
 */
function asSentNow(value, key) {
  const isOwn = typeof value?.toJSON === 'function' && value.toJSON !== Date.prototype.toJSON;
  return copyOf(isOwn && !Buffer.isBuffer(value) ? value.toJSON(String(key)) : value);
}

/** @param {any} value @returns {any} */
function copyOf(value) {
  if (typeof value !== 'object' || value === null || value instanceof Blob) return value;
  if (Array.isArray(value)) return value.map(asSentNow);
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  if (ArrayBuffer.isView(value) || isAnyArrayBuffer(value)) return structuredClone(value);
  // Parsers of other kinds may know these.
  if (isDate(value)) return new Date(value);
  if (isMap(value)) return new Map([...value].map(asSentNow));
  if (isSet(value)) return new Set([...value].map(asSentNow));
  if (isBoxedPrimitive(value)) return value.valueOf();
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asSentNow(inner, key)]));
}

module.exports.asSentNow = asSentNow;
