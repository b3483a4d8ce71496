'use strict';

const { LEFT_OUT } = require('./snapshot.js');

/**
 * Makes an object what another one is. The objects in it stay the same ones where they can: app code may hold them.
 *
 * @param {any} target
 * @param {any} source plain data: what is taken over is the target's own from now on
 * @param {object} [options]
 * @param {(key: string) => boolean} [options.isFree] whether a field may be another one
 * @param {boolean} [options.isExact] whether a `Date` gives way to its text. If not, it stays where it has that
 */
function patchObject(target, source, { isFree = () => true, isExact = false } = {}) {
  for (const key of Object.keys(target)) {
    const isGone = isFree(key) && !Object.hasOwn(source, key);
    if (isGone && (isExact || !LEFT_OUT.has(typeof target[key]))) delete target[key];
  }
  const names = Object.keys(source).filter(isFree);
  // In the order of the source, so that both have one JSON text.
  const known = Object.keys(target).filter((key) => Object.hasOwn(source, key) && isFree(key));
  const isOrdered = known.every((key, at) => key === names[at]);
  for (const key of names) {
    const theirs = source[key];
    const isField = Object.hasOwn(target, key);
    const mine = isField ? target[key] : undefined;
    const stays = patchValue(mine, theirs, isExact) || (!isExact && isSpeltAlike(mine, theirs));
    const value = stays ? mine : theirs;
    if (isField && isOrdered) {
      if (!stays) target[key] = value;
      continue;
    }
    delete target[key];
    // Not by an assignment: of `__proto__` that makes no field.
    Object.defineProperty(target, key, { configurable: true, enumerable: true, value, writable: true });
  }
}

/** The same of any value. @param {any} mine @param {any} theirs @param {boolean} isExact @returns {boolean} false where it cannot be */
function patchValue(mine, theirs, isExact) {
  const areArrays = Array.isArray(mine) && Array.isArray(theirs);
  if (!areArrays && !(isPlain(mine) && isPlain(theirs))) return false;
  if (!Object.isExtensible(mine)) return false;
  patchObject(mine, theirs, { isExact });
  if (areArrays) mine.length = theirs.length;
  return true;
}

/** @param {any} mine @param {any} theirs */
function isSpeltAlike(mine, theirs) {
  return JSON.stringify(mine) === JSON.stringify(theirs);
}

/** @param {any} value */
function isPlain(value) {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

module.exports = { patchObject, patchValue };
