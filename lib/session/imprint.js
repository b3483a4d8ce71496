'use strict';

/** Deeper than that values are spelt: whoever calls itself as often runs out of stack. */
const DEEPEST = 64;
/** Behind the last field of an object. */
const END = Symbol('io-session end');

const { hasOwnProperty: hasOwn } = Object.prototype;

/**
 * What values were when they were looked at, as a list of all that is in them: to see that they still are takes a tenth of
 * what it takes to spell them, and no memory.
 */
class Imprint {
  constructor() {
    /** Of each value itself, of an object then its fields, each with its name in front. @type {unknown[]} */
    this.marks = [];
  }

  /**
   * Takes a value's imprint.
   *
   * @param {unknown} value
   * @returns {boolean} whether it has one: its text must follow from what is in it
   */
  take(value) {
    return this.mark(value, 0);
  }

  /** Whether all of them are what they were, so that `JSON.stringify` gives the same. */
  fits() {
    const { marks } = this;
    let at = 0;
    while (at !== -1 && at < marks.length) at = compare(marks, at, marks[at]);
    return at !== -1;
  }

  /**
   * @param {any} value
   * @param {number} depth
   * @returns {boolean}
   */
  mark(value, depth) {
    const { marks } = this;
    marks.push(value);
    if (typeof value !== 'object' || value === null) {
      return typeof value !== 'bigint' && typeof value !== 'function';
    }
    if (value.toJSON !== undefined || depth === DEEPEST) return false;
    if (Array.isArray(value)) {
      const { length } = value;
      marks.push(length);
      for (let index = 0; index < length; index += 1) if (!this.mark(value[index], depth + 1)) return false;
      return true;
    }
    for (const name in value) {
      if (!hasOwn.call(value, name)) continue;
      marks.push(name);
      if (!this.mark(value[name], depth + 1)) return false;
    }
    marks.push(END);
    return true;
  }
}

/**
 * @param {unknown[]} marks
 * @param {number} at
 * @param {any} value
 * @returns {number} where the marks of the next value begin; -1 when this one is not what it was
 */
function compare(marks, at, value) {
  if (marks[at] !== value) return -1;
  let next = at + 1;
  if (typeof value !== 'object' || value === null) return next;
  if (value.toJSON !== undefined) return -1;
  if (Array.isArray(value)) {
    const { length } = value;
    if (marks[next++] !== length) return -1;
    for (let index = 0; index < length && next !== -1; index += 1) next = compare(marks, next, value[index]);
    return next;
  }
  for (const name in value) {
    if (!hasOwn.call(value, name)) continue;
    if (marks[next] !== name) return -1;
    next = compare(marks, next + 1, value[name]);
    if (next === -1) return -1;
  }
  return marks[next] === END ? next + 1 : -1;
}

module.exports.Imprint = Imprint;
