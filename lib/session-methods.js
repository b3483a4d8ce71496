'use strict';

/**
 * The prototypes with our methods, by those of express-session's that they inherit from: an app may have several copies
 * of express-session.
 */
class Methods {
  /** @param {(prototype: any) => { [name: string]: Function }} make gives the methods, over those of a prototype */
  constructor(make) {
    this.make = make;
    /** @type {WeakMap<object, object>} */
    this.made = new WeakMap();
    /** @type {WeakSet<object>} */
    this.ours = new WeakSet();
  }

  /** Gives a session our methods. @param {any} session */
  give(session) {
    if (typeof session !== 'object' || session === null) return;
    const prototype = Object.getPrototypeOf(session);
    if (prototype === null || this.ours.has(prototype)) return;
    let extended = this.made.get(prototype);
    if (extended === undefined) {
      extended = Object.create(prototype);
      for (const [name, value] of Object.entries(this.make(prototype))) {
        Object.defineProperty(extended, name, { configurable: true, writable: true, value });
      }
      this.made.set(prototype, /** @type {object} */ (extended));
      this.ours.add(/** @type {object} */ (extended));
    }
    Object.setPrototypeOf(session, /** @type {object} */ (extended));
  }
}

/**
 * A method of express-session's `Session` that answers by a promise where no callback is given.
 *
 * @param {(this: any, callback: (error?: any) => void) => any} method
 * @param {(session: any, req: any) => any} result what the promise is fulfilled with
 * @returns {Function}
 */
function promising(method, result) {
  return /** @this {any} @param {unknown} [callback] */ function (callback) {
    if (typeof callback === 'function') return method.call(this, /** @type {any} */ (callback));
    const { req } = this;
    const promise = new Promise((resolve, reject) => {
      method.call(this, (error) => (error ? reject(error) : resolve(result(this, req))));
    });
    // Nobody has to wait for it: a failure must not end the process then.
    promise.catch((error) => req.report?.(error));
    return promise;
  };
}

/** The methods of a session in a socket's events. */
const socketMethods = new Methods((prototype) => ({
  save: promising(prototype.save, (session) => session),
  reload: promising(prototype.reload, (_session, req) => req.session),
  regenerate: promising(prototype.regenerate, (_session, req) => req.session),
  destroy: promising(prototype.destroy, () => undefined),
}));

module.exports.socketMethods = socketMethods;
