'use strict';

/** Where a method of ours has the store's own. Every copy of this package knows it by this name. */
const ORIGINAL = Symbol.for('io-session original');

/** A store's method as it was before any copy of this package has followed it. @param {any} method */
function originalOf(method) {
  let found = method;
  while (found?.[ORIGINAL] !== undefined) found = found[ORIGINAL];
  return found;
}

module.exports = { ORIGINAL, originalOf };
