'use strict';

const [QUOTE, COMMA, COLON, BACKSLASH] = [34, 44, 58, 92];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];

/** From so many characters on, a search for a key that is not there is cheaper than to pass over all fields. */
const LONG = 2048;

/** The top-level fields of a session's text, as places in it. Found one after the other, as far as they are asked for. */
class Fields {
  /**
   * @param {string} text a JSON object, spelt as `JSON.stringify` does at its top level
   * @param {boolean} [maySpellOtherwise] whether another program may have spelt it otherwise
   */
  constructor(text, maySpellOtherwise = false) {
    this.text = text;
    this.maySpellOtherwise = maySpellOtherwise;
    /** Of each field passed: where its key, its value and whatever is behind it begin. @type {number[]} */
    this.marks = [];
    /** Where the next field begins. */
    this.next = 1;
    /** Whether the text has turned out to be spelt in another way. */
    this.failed = text.charCodeAt(0) !== OPEN_OBJECT;
  }

  /** The place of a field in `marks`: -1 when there is none, or the text cannot be taken apart (`failed`). @param {string} key */
  find(key) {
    const { marks, text } = this;
    const name = JSON.stringify(key);
    const at = this.placeOf(name);
    if (!this.maySpellOtherwise) return at;
    // Seen without passing over all of the text: no other field has the name, in whatever spelling.
    const isOnly = !text.includes('\\') && (at === -1 || !text.includes(tailOf(name), marks[at + 2]));
    if (isOnly) return at;
    this.failed = !this.isPlain();
    this.maySpellOtherwise = false;
    return at;
  }

  /** @param {string} name the key as it is spelt, with its quotes */
  placeOf(name) {
    const { marks, text } = this;
    let at = 0;
    for (; at < marks.length; at += 3) if (this.isNamed(at, name)) return at;
    if (text.length - this.next > LONG && !text.includes(tailOf(name), this.next)) return -1;
    for (; this.pass(); at += 3) if (this.isNamed(at, name)) return at;
    return -1;
  }

  /** @param {number} at @param {string} name */
  isNamed(at, name) {
    const { marks, text } = this;
    const start = marks[at];
    return marks[at + 1] - start === name.length + 1 && text.startsWith(name, start);
  }

  /** The text of a field's value. @param {number} at */
  value(at) {
    return this.text.slice(this.marks[at + 1], this.marks[at + 2]);
  }

  /**
   * The fields with other values in some places, and with more fields behind all others.
   *
   * @param {{ at: number, value: string }[]} changes
   * @param {string} added each with a comma in front
   * @returns {Fields}
   */
  replace(changes, added) {
    const { marks, next, text } = this;
    let replaced = '';
    let from = 0;
    for (const { at, value } of changes.sort((one, other) => one.at - other.at)) {
      replaced += text.slice(from, marks[at + 1]) + value;
      from = marks[at + 2];
    }
    replaced += added === '' ? text.slice(from) : `${text.slice(from, -1)}${added}}`;
    const fields = new Fields(replaced, this.maySpellOtherwise);
    // Up to the first change they are where they were.
    const first = changes.length === 0 ? marks.length : changes[0].at;
    fields.marks = marks.slice(0, first);
    fields.next = first < marks.length ? marks[first] : next;
    return fields;
  }

  /** Passes over one field more. Whether there was one. */
  pass() {
    const { next, text } = this;
    if (this.failed || next >= text.length) return false;
    const colon = text.charCodeAt(next) === QUOTE ? endOfString(text, next) : -1;
    const end = colon !== -1 && text.charCodeAt(colon) === COLON ? endOfValue(text, colon + 1) : -1;
    const behind = end === -1 ? -1 : text.charCodeAt(end);
    // A session has a cookie: `{}` is none, and is not expected here.
    this.failed = !(behind === COMMA || (behind === CLOSE_OBJECT && end === text.length - 1));
    if (this.failed) return false;
    this.marks.push(next, colon + 1, end);
    this.next = end + 1;
    return true;
  }

  /** Whether another program's text can be taken apart here: no key is there twice, or escaped. */
  isPlain() {
    while (this.pass());
    if (this.failed) return false;
    const { marks, text } = this;
    const names = new Set();
    for (let at = 0; at < marks.length; at += 3) {
      const name = text.slice(marks[at], marks[at + 1]);
      if (name.includes('\\')) return false;
      names.add(name);
    }
    return names.size * 3 === marks.length;
  }
}

/** A name to search for: a text is full of quotes, and a search that begins with one stops at each. @param {string} name */
function tailOf(name) {
  return name.slice(1);
}

/** Where the string that begins at a place ends; -1 when it does not. @param {string} text @param {number} at */
function endOfString(text, at) {
  for (let quote = text.indexOf('"', at + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1;
    if ((quote - first) % 2 === 0) return quote + 1;
  }
  return -1;
}

/** The same of a value. @param {string} text @param {number} start */
function endOfValue(text, start) {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (at === -1 || depth === 0) return at;
      continue;
    }
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth += 1;
    else if (depth === 0) {
      if (code === COMMA || code === CLOSE_OBJECT) return at;
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
    at += 1;
  }
  return -1;
}

module.exports.Fields = Fields;
