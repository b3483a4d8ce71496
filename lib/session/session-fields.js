'use strict';

const { Imprint } = require('./imprint.js');
const { Origin } = require('./snapshot.js');
const { Slices } = require('./slices.js');

/** @type {string[]} */
const NONE = [];
/** Of values that cannot change. */
const NOTHING = new Imprint();
/** Of no session: they are made again of its text. */
const NO_SLICES = new Slices('');

/**
 * The fields of a session that is still its stored text: each is parsed at the first look at it, and only what was looked
 * at is spelled and compared afterwards.
 */
class SessionFields extends Origin {
  /**
   * @param {string} sid
   * @param {Slices} slices
   * @param {number} clock
   * @param {number} version
   * @param {any} target a `Session` without data
   * @param {(cookie: any) => any} makeCookie
   */
  constructor(sid, slices, clock, version, target, makeCookie) {
    super(sid, slices.text, clock);
    this.version = version;
    this.slices = slices;
    this.target = target;
    this.makeCookie = makeCookie;
    /** What was looked at, and what was put in. Undefined once the session is whole. @type {Map<string, any> | undefined} */
    this.values = new Map();
    /** Whether something was put in: if not, only objects can have changed. */
    this.written = false;
    /** Its text when it was spelt last, before it was whole. */
    this.spelt = slices.text;
    /** What those values were then that can change; undefined where something was put in since. @type {Imprint | undefined} */
    this.imprint = NOTHING;
    /** What the stored session has, and a whole one has not: names that its prototype has. @type {string[]} */
    this.leftOut = NONE;
  }

  /** Parses a field at the first look at it. @param {string} key */
  look(key) {
    const at = this.place(key);
    // Made whole on the way, or no such field.
    if (this.values === undefined) return this.target[key];
    if (at === -1) return undefined;
    let value = JSON.parse(this.slices.value(at));
    if (key === 'cookie') value = this.cookieOf(value);
    this.values.set(key, value);
    if (key !== 'cookie') this.imprint = withValue(this.imprint, value);
    return value;
  }

  /**
   * Where a field is in the text; -1 when it is not. Makes the session whole when the text cannot be taken apart.
   *
   * @param {string} key
   */
  place(key) {
    // A save has given it another text.
    if (this.slices.text !== this.base) this.slices = new Slices(this.base, this.isForeign);
    const at = this.slices.find(key);
    if (this.slices.failed) this.whole();
    return at;
  }

  settle() {
    super.settle();
    this.slices = NO_SLICES;
    if (this.imprint !== NOTHING) this.imprint = undefined;
  }

  /** @param {any} raw the stored cookie */
  cookieOf(raw) {
    const cookie = this.makeCookie(raw);
    this.rawCookie = raw;
    this.expires = cookie.expires?.getTime?.();
    return cookie;
  }

  /** Gives the `Session` all of its data, as express-session does: save what its prototype has. */
  whole() {
    const { target, values } = this;
    if (values === undefined) return;
    const data = JSON.parse(this.base);
    this.values = undefined;
    this.imprint = undefined;
    this.leftOut = Object.keys(data).filter((key) => key in target);
    super.saved(this.without(this.base));
    for (const key in data) {
      if (key in target) continue;
      if (values.has(key)) target[key] = values.get(key);
      else target[key] = key === 'cookie' ? this.cookieOf(data[key]) : data[key];
    }
    for (const [key, value] of values) if (!(key in target)) target[key] = value;
  }

  /** @param {string} text */
  saved(text) {
    // Spelt before it was whole.
    super.saved(text === this.spelt ? this.without(text) : text);
  }

  /** A text without what a whole session leaves out: that is no change. @param {string} text */
  without(text) {
    if (this.leftOut.length === 0) return text;
    const data = JSON.parse(text);
    for (const key of this.leftOut) delete data[key];
    return JSON.stringify(data);
  }

  /** @param {any} session */
  hasCookie(session) {
    const { values } = this;
    return (values !== undefined && !values.has('cookie')) || super.hasCookie(session);
  }

  /** @param {any} session */
  renews(session) {
    return !this.hasCookie(session);
  }

  /** @param {string} text */
  isChanged(text) {
    if (this.values === undefined) return super.isChanged(text);
    // What has only another spelling, `spell` leaves as it was.
    return text !== (this.saving > 0 ? this.pending : this.base);
  }

  /** Whether it would be spelt as it was the last time. @param {any} session */
  isSpelt(session) {
    const { imprint, values } = this;
    if (imprint === undefined || values === undefined) return false;
    return (imprint === NOTHING || imprint.fits()) && (!values.has('cookie') || super.hasCookie(session));
  }

  /**
   * The text now: what was not looked at is copied as it was.
   *
   * @param {any} session
   * @returns {string}
   */
  spell(session) {
    if (this.isSpelt(session)) return this.spelt;
    const { values } = this;
    /** @type {{ at: number, value: string }[]} */
    const changes = [];
    let added = '';
    /** @type {Imprint | undefined} */
    let imprint = NOTHING;
    for (const [key, value] of values ?? []) {
      if (key !== 'cookie') imprint = withValue(imprint, value);
      else if (!super.hasCookie(session)) imprint = undefined;
      if (!this.written && (typeof value !== 'object' || value === null)) continue;
      if (key === 'cookie' && super.hasCookie(session)) continue;
      const text = spellValue(key, value);
      const at = this.place(key);
      // Left out, where it was before.
      if (text === undefined && at !== -1) this.whole();
      if (text === undefined) continue;
      if (at === -1) added += `,${JSON.stringify(key)}:${text}`;
      else if (this.differs(this.slices.value(at), text)) changes.push({ at, value: text });
    }
    if (this.values === undefined) return super.spell(this.target);
    const isSame = changes.length === 0 && added === '';
    this.spelt = isSame ? this.base : this.slices.replace(changes, added);
    this.imprint = imprint;
    return this.spelt;
  }
}

/**
 * An imprint of one value more, as it is now; undefined where there is none.
 *
 * @param {Imprint | undefined} imprint of those before
 * @param {unknown} value
 * @returns {Imprint | undefined}
 */
function withValue(imprint, value) {
  if (imprint === undefined || typeof value === 'bigint') return undefined;
  if (typeof value !== 'object' || value === null) return imprint;
  const more = imprint === NOTHING ? new Imprint() : imprint;
  return more.take(value) ? more : undefined;
}

/**
 * A value as `JSON.stringify` spells it under its key; undefined where it leaves it out.
 *
 * @param {string} key
 * @param {any} value
 * @returns {string | undefined}
 */
function spellValue(key, value) {
  if (typeof value?.toJSON !== 'function') return JSON.stringify(value);
  // It is told its key.
  const text = JSON.stringify({ [key]: value });
  return text === '{}' ? undefined : text.slice(JSON.stringify(key).length + 2, -1);
}

module.exports.SessionFields = SessionFields;
