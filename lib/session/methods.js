'use strict';

const { AsyncResource } = require('node:async_hooks');
const { adoptedBy } = require('../stores/adopted-store.js');
const { commitSession } = require('../stores/commit.js');
const { ask } = require('../stores/tickets.js');
const { noSession } = require('../support/errors.js');
const { holderOf, newestOf, snapshotOf } = require('./snapshot.js');
const { updateSession } = require('./update.js');
const { nextTick } = require('../support/timers.js');

/** @typedef {(this: any, callback: (error?: any) => void) => any} Method of express-session's `Session` */

/** The prototypes that have methods of ours. @type {WeakSet<object>} */
const ours = new WeakSet();

/** Methods that sessions have besides express-session's. */
class Methods {
  /** @param {(prototype: any) => { [name: string]: Function }} make gives them, over those of a prototype */
  constructor(make) {
    this.make = make;
    /** The prototypes with our methods, by those of the copies of express-session. @type {WeakMap<object, any>} */
    this.made = new WeakMap();
  }

  /** Gives them to a session. @param {any} session */
  give(session) {
    if (typeof session !== 'object' || session === null) return;
    const prototype = Object.getPrototypeOf(session);
    if (prototype !== null && !ours.has(prototype)) Object.setPrototypeOf(session, this.over(prototype));
  }

  /** The prototype of sessions that have them, over another one. @param {any} prototype */
  over(prototype) {
    let extended = this.made.get(prototype);
    if (extended === undefined) {
      extended = Object.create(prototype);
      for (const [name, method] of Object.entries(this.make(prototype))) {
        /** @this {any} @param {any[]} args */
        const value = function (...args) {
          return method.apply(newestOf(this), args);
        };
        Object.defineProperty(extended, name, { configurable: true, writable: true, value });
      }
      this.made.set(prototype, extended);
      ours.add(extended);
    }
    return extended;
  }
}

/** Who hears of what is changed right now in a session; undefined where that is known when it is written. @param {any} session */
function tellingOf({ req }) {
  return holderOf(req)?.connection.telling;
}

/** A promise that knows whether somebody waits for it. @extends {Promise<any>} */
class Heard extends Promise {
  isHeard = false;

  static get [Symbol.species]() {
    return Promise;
  }

  /** @param {[any?, any?]} args */
  // biome-ignore lint/suspicious/noThenProperty: it is a promise.
  then(...args) {
    this.isHeard = true;
    return super.then(...args);
  }
}

/**
 * A method that answers by a promise where no callback is given.
 *
 * @param {Method} method
 * @param {(session: any, req: any) => any} result what the promise is fulfilled with
 * @returns {Function}
 */
function promising(method, result) {
  return /** @this {any} @param {unknown} [callback] */ function (callback) {
    if (typeof callback === 'function') return method.call(this, /** @type {any} */ (callback));
    const { req } = this;
    const promise = new Heard((resolve, reject) => {
      if (req === undefined) throw noSession();
      method.call(this, (error) => (error ? reject(error) : resolve(result(this, req))));
    });
    // Nobody has to wait for it: a failure must not end the process then.
    Promise.prototype.then.call(
      promise,
      undefined,
      (error) => promise.isHeard || holderOf(req)?.connection.report(error),
    );
    return promise;
  };
}

/** `regenerate`, of which an answer that comes too late makes no session any more. @type {(regenerate: Method) => Method} */
function regenerateInTime(regenerate) {
  const method = withDeadline(regenerate);
  return function (callback) {
    const wanted = { isOver: false };
    this.req.regenerating = wanted;
    return method.call(this, (error) => {
      wanted.isOver = true;
      callback(error);
    });
  };
}

/** A method that waits for the store no longer than a call to it may take. @type {(method: Method) => Method} */
function withDeadline(method) {
  return function (callback) {
    const adopted = adoptedBy(this.req.sessionStore);
    if (adopted === undefined) return method.call(this, callback);
    ask(callback, adopted, (done) => void method.call(this, done));
    return this;
  };
}

/** `reload` with a deadline. A socket's own session that is not stored is made anew. @type {(reload: Method) => Method} */
function reloading(reload) {
  return function (callback) {
    const { id, req } = this;
    const adopted = adoptedBy(req.sessionStore);
    const holder = holderOf(req);
    if (adopted === undefined) return reload.call(this, callback);
    const done = AsyncResource.bind((/** @type {unknown} */ error) => nextTick(callback, error));
    const snapshot = snapshotOf(this);
    if (snapshot?.stored === null) {
      holder.openAgain();
      done(undefined);
      return this;
    }
    adopted.read(id, (error, found, clock) => {
      try {
        if (error) throw error;
        // The record of a socket's own session goes when the socket leaves.
        const stored =
          found ?? (holder.connection.hasLeft && snapshot?.isOwn ? { text: snapshot.stored } : undefined);
        if (stored === undefined) throw new Error('failed to load session');
        holder.openAgain(stored, clock);
        done(error);
      } catch (failed) {
        done(failed);
      }
    });
    return this;
  };
}

/**
 * Changes what is stored, exactly; see index.d.ts.
 *
 * @this {any}
 * @param {(session: any) => any} change
 * @returns {Promise<any>} what the function gave, the last time it was called
 */
async function update(change) {
  if (this.req === undefined) throw noSession();
  const adopted = adoptedBy(this.req.sessionStore);
  if (adopted === undefined) {
    throw new TypeError(
      'io-session: update(fn): the session store of this session is not the one that shareSession() has.',
    );
  }
  return updateSession(adopted, this.id, this, change, socketMethods, tellingOf(this));
}

/**
 * `save`. Not by the store's `set`: a touch that is under way may call that itself, and has the lock. And the store has its own again
 * when the sharing was closed meanwhile, which would write the whole session, and bring one back that has ended.
 *
 * @param {Method} save @param {boolean} reads whether a store that cannot compare is read before: an HTTP request has loaded the session itself
 * @returns {Method}
 */
function saving(save, reads) {
  return function (callback = () => {}) {
    if (told.has(this)) return this;
    const adopted = adoptedBy(this.req.sessionStore);
    if (adopted === undefined || snapshotOf(this)?.sid !== this.id)
      return withDeadline(save).call(this, callback);
    const done = AsyncResource.bind((/** @type {unknown} */ error) => nextTick(callback, error));
    commitSession(adopted, this, { trusting: true, reads, telling: tellingOf(this) }, done);
    return this;
  };
}

/** The sessions of which express-session is told that they are saved. @type {WeakSet<object>} */
const told = new WeakSet();

/**
 * The same in an HTTP request. At its end express-session saves what is not as it was loaded or saved last, so it is told: a field
 * that is set back after the update has changed.
 *
 * @this {any} @param {(session: any) => any} change
 */
async function updateOverHttp(change) {
  const result = await update.call(this, change);
  const snapshot = snapshotOf(this);
  if (!snapshot?.stored || snapshot.isChanged(snapshot.spell(this))) return result;
  told.add(this);
  try {
    this.save(() => {});
  } finally {
    told.delete(this);
  }
  return result;
}

/** The methods of a session in an HTTP request, over those of a prototype. @param {any} prototype */
const methodsOverHttp = (prototype) => ({ update: updateOverHttp, save: saving(prototype.save, false) });

/** The methods of a session in a socket's events. */
const socketMethods = new Methods((prototype) => ({
  update,
  save: promising(saving(prototype.save, true), (session) => session),
  // It may have been destroyed meanwhile.
  reload: promising(reloading(prototype.reload), (session, req) => req.session ?? session),
  regenerate: promising(regenerateInTime(prototype.regenerate), (_session, req) => req.session),
  destroy: promising(withDeadline(prototype.destroy), () => undefined),
}));

module.exports = { Methods, methodsOverHttp, socketMethods };
