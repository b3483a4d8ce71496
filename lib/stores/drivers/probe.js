'use strict';

const { randomUUID } = require('node:crypto');
const { isSameJson } = require('../../session/session-data.js');
const { ask } = require('../tickets.js');

/** @import { Driver } from './index.js' */
/** @import { StoreCalls } from '../store-calls.js' */

/** How long what a probe writes lives, in ms. */
const LIFE = 60_000;
/** When a store is probed again that has failed, in ms; each time twice as long, up to the last. */
const AGAIN = 1000;
const AGAIN_AT_MOST = 300_000;

/** Finds out whether a driver does what a store does, before it is used. */
class Probe {
  /** @param {StoreCalls} adopted @param {Driver} candidate */
  constructor(adopted, candidate) {
    this.adopted = adopted;
    this.candidate = candidate;
    this.wait = AGAIN;
    /** When it may begin, by `performance.now()`: not while it is running, and never again once it has an answer. */
    this.next = 0;
    /** Its end, while it is running; within the time that a store has for one call. @type {Promise<void> | undefined} */
    this.running = undefined;
    /** When that time is over, by `performance.now()`. */
    this.end = 0;
  }

  /** Somebody uses the store: begins, unless it has begun, or the store failed a moment ago. */
  begin() {
    if (performance.now() < this.next) return;
    this.next = Infinity;
    this.end = performance.now() + this.adopted.timeout;
    this.running = this.run();
  }

  async run() {
    const sid = `io-session-probe:${randomUUID()}`;
    try {
      if (await this.holds(sid)) this.adopted.driver = this.candidate;
    } catch {
      // The store has failed, which says nothing of the driver.
      this.next = performance.now() + this.wait;
      this.wait = Math.min(2 * this.wait, AGAIN_AT_MOST);
    } finally {
      this.running = undefined;
      // Whatever happened: it would go by itself.
      this.ask('destroy', sid).catch(() => {});
    }
  }

  /** Writes a record as the store does, reads it as the driver does, and the other way round. @param {string} sid that nobody has */
  async holds(sid) {
    const { compareAndSet, loadText } = this.candidate;
    const [first, second] = [this.record(), this.record()];
    const [firstText, secondText] = [JSON.stringify(first), JSON.stringify(second)];
    await this.ask('set', sid, first);
    if (!isSameJson(JSON.stringify(await this.ask('get', sid)), firstText)) return false;
    if (loadText) {
      const text = await this.answer((done) => loadText(sid, done));
      if (String(text) !== firstText) return false;
    }
    if (compareAndSet) {
      const change = { text: secondText, session: second, renew: false };
      const compare = (/** @type {string} */ expected) =>
        this.answer((done) => compareAndSet(sid, expected, change, done));
      let outcome = await compare(firstText);
      // A database may spell JSON in its own way.
      if (typeof outcome === 'string' && isSameJson(outcome, firstText)) outcome = await compare(outcome);
      if (outcome !== true) return false;
      if (!isSameJson(JSON.stringify(await this.ask('get', sid)), secondText)) return false;
      if (!isSameJson(await compare(firstText), secondText)) return false;
    }
    await this.ask('destroy', sid);
    if (!loadText) return true;
    const left = await this.answer((done) => loadText(sid, done));
    return left === null || left === undefined;
  }

  /** A record that says nothing. */
  record() {
    const expires = new Date(Date.now() + LIFE).toISOString();
    const cookie = this.adopted.makeCookie({ originalMaxAge: LIFE, expires, httpOnly: true, path: '/' });
    return { cookie, probe: randomUUID() };
  }

  /** Calls one of the store's own methods. @param {string} method @param {...any} args */
  ask(method, ...args) {
    const { original, self } = this.adopted;
    return this.answer((done) => original[method].call(self, ...args, done));
  }

  /** The first answer, in time. @param {(done: (error: unknown, value?: any) => void) => unknown} call @returns {Promise<any>} */
  answer(call) {
    return new Promise((resolve, reject) => {
      const timeout = Math.max(1, this.end - performance.now());
      ask((error, value) => (error ? reject(error) : resolve(value)), { timeout }, call);
    });
  }
}

module.exports.Probe = Probe;
