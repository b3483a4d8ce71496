'use strict';

const { ask } = require('./tickets.js');

/** @import { AdoptedStore, Done } from './adopted-store.js' */

/** @typedef {{ session: any, run: (done: Done) => any, callbacks: Done[] }} Touch */

/**
 * Touches of a store that may read and write for each: what is committed in between would be undone, so they take the session's
 * lock. Those that wait for it are one: what counts is the latest end.
 */
class Touches {
  /** @param {AdoptedStore} adopted */
  constructor(adopted) {
    this.adopted = adopted;
    /** Those that wait, by session. @type {Map<string, Touch>} */
    this.waiting = new Map();
    /** What is being touched, and how the lock of it is given back. @type {Map<string, { session: any, leave: () => void }>} */
    this.held = new Map();
  }

  /** @param {string} sid @param {any} session @param {Done} callback @param {Touch['run']} run calls the store */
  add(sid, session, callback, run) {
    const known = this.waiting.get(sid);
    if (known !== undefined) {
      Object.assign(known, { run, session }).callbacks.push(callback);
      return;
    }
    const touch = { run, session, callbacks: [callback] };
    this.waiting.set(sid, touch);
    const { adopted } = this;
    // Those who wait for the lock are to have time left.
    const timeout = adopted.timeout / 2;
    adopted.commits.enter(sid, adopted.timeout, (failed, _stored, leave) => {
      this.waiting.delete(sid);
      const touched = (/** @type {unknown} */ error) => {
        if (this.held.get(sid)?.leave === leave) this.letIn(sid, touch.session);
        for (const done of touch.callbacks) done(error);
      };
      if (failed) {
        leave();
        touched(failed);
        return;
      }
      this.held.set(sid, { session: touch.session, leave });
      ask(touched, { timeout }, touch.run);
    });
  }

  /** A touch has ended, or the store's own calls its `set`: the next one may write. @param {string} sid @param {any} session */
  letIn(sid, session) {
    const held = this.held.get(sid);
    if (held === undefined || held.session !== session) return;
    this.held.delete(sid);
    held.leave();
  }
}

module.exports.Touches = Touches;
