'use strict';

const { isAnyArrayBuffer, isBoxedPrimitive, isDate, isMap, isSet } = require('node:util').types;

/**
 * A copy of what is sent later, as it is now: a handler may change it until then, or use one object for the answers to all. What
 * Socket.IO's own parser sends of it is the same, and what that cannot send throws.
 * @param {any} value @param {string | number} key under which it is sent @param {boolean} isJson whether it is sent by Socket.IO's own
 *   parser @returns {any}
 */
function asSentNow(value, key, isJson) {
  const isSpelt = typeof value?.toJSON === 'function' && value.toJSON !== Date.prototype.toJSON;
  const spelt = isSpelt && !Buffer.isBuffer(value) ? value.toJSON(String(key)) : value;
  const sent = isBoxedPrimitive(spelt) ? spelt.valueOf() : spelt;
  if (typeof sent === 'bigint' && isJson)
    throw new TypeError('io-session: an acknowledgement cannot have a BigInt: JSON has none.');
  if (typeof sent !== 'object' || sent === null || sent instanceof Blob) return sent;
  if (Array.isArray(sent)) return sent.map((inner, at) => asSentNow(inner, at, isJson));
  if (Buffer.isBuffer(sent)) return Buffer.from(sent);
  if (ArrayBuffer.isView(sent) || isAnyArrayBuffer(sent)) return structuredClone(sent);
  // Parsers of other kinds may know these; JSON shows nothing of what is in a map or a set.
  if (isDate(sent)) return new Date(sent);
  if (isMap(sent)) return new Map(asSentNow([...sent], key, false));
  if (isSet(sent)) return new Set(asSentNow([...sent], key, false));
  return Object.fromEntries(
    Object.entries(sent).map(([name, inner]) => [name, asSentNow(inner, name, isJson)]),
  );
}

module.exports.asSentNow = asSentNow;
