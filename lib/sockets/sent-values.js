'use strict';

const { isAnyArrayBuffer, isBoxedPrimitive, isDate, isMap, isSet } = require('node:util').types;

/**
 * A copy of a value that is sent later, as it is now: a handler may change it until then, or use one object for the answers to all.
 * What Socket.IO's own parser sends of it is the same.
 * @param {any} value @param {string | number} key under which it is sent @returns {any}
 */
function asSentNow(value, key) {
  const isSpelt = typeof value?.toJSON === 'function' && value.toJSON !== Date.prototype.toJSON;
  const sent = isSpelt && !Buffer.isBuffer(value) ? value.toJSON(String(key)) : value;
  if (typeof sent !== 'object' || sent === null || sent instanceof Blob) return sent;
  if (Array.isArray(sent)) return sent.map(asSentNow);
  if (Buffer.isBuffer(sent)) return Buffer.from(sent);
  if (ArrayBuffer.isView(sent) || isAnyArrayBuffer(sent)) return structuredClone(sent);
  // Parsers of other kinds may know these.
  if (isDate(sent)) return new Date(sent);
  if (isMap(sent)) return new Map([...sent].map(asSentNow));
  if (isSet(sent)) return new Set([...sent].map(asSentNow));
  if (isBoxedPrimitive(sent)) return sent.valueOf();
  return Object.fromEntries(Object.entries(sent).map(([name, inner]) => [name, asSentNow(inner, name)]));
}

module.exports.asSentNow = asSentNow;
