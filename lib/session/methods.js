'use strict';

const { adoptedBy } = require('../stores/adopted-store.js');
const { SNAPSHOT } = require('./snapshot.js');
const { updateSession } = require('./update.js');

/** The prototypes that have methods of ours. @type {WeakSet<object>} */
const ours = new WeakSet();

/** Methods that sessions have besides express-session's. */
class Methods {
  /** @param {(prototype: any) => { [name: string]: Function }} make gives them, over those of a prototype */
  constructor(make) {
    this.make = make;
    /** The prototypes with our methods, by those that they inherit from: an app may have several copies of express-session. @type {WeakMap<object, any>} */
    this.made = new WeakMap();
    /** @type {WeakMap<object, any>} */
    this.classes = new WeakMap();
  }

  /** Gives them to a session. @param {any} session */
  give(session) {
    // A lazy session has them by its class.
    if (typeof session !== 'object' || session === null || session[SNAPSHOT] !== undefined) return;
    const prototype = Object.getPrototypeOf(session);
    if (prototype === null || ours.has(prototype)) return;
    let extended = this.made.get(prototype);
    if (extended === undefined) {
      extended = this.add(Object.create(prototype), prototype);
      this.made.set(prototype, extended);
      ours.add(extended);
    }
    Object.setPrototypeOf(session, extended);
  }

  /** A class of sessions that have them. @param {any} Class @returns {any} */
  over(Class) {
    let Extended = this.classes.get(Class);
    if (Extended === undefined) {
      Extended = class extends Class {};
      // To whoever asks, it is the class that it was.
      Reflect.deleteProperty(Extended.prototype, 'constructor');
      this.add(Extended.prototype, Class.prototype);
      this.classes.set(Class, Extended);
    }
    return Extended;
  }

  /**
   * @param {any} object
   * @param {any} prototype
   */
  add(object, prototype) {
    for (const [name, value] of Object.entries(this.make(prototype))) {
      Object.defineProperty(object, name, { configurable: true, writable: true, value });
    }
    return object;
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

/**
 * Changes what is stored, exactly; see index.d.ts.
 *
 * @this {any}
 * @param {(session: any) => any} change
 * @returns {Promise<any>} what the function gave, the last time it was called
 */
async function update(change) {
  const adopted = adoptedBy(this.req.sessionStore);
  if (adopted === undefined) {
    throw new TypeError('io-session: update(fn): the session store of this session is not shared any more.');
  }
  /** @type {any} */
  let result;
  const changing =
    typeof change === 'function'
      ? async (/** @type {any} */ session) => {
          result = await change(session);
        }
      : change;
  await updateSession(adopted, this.id, this, changing);
  return result;
}

/** The methods of a session in an HTTP request. */
const requestMethods = new Methods(() => ({ update }));

/** The methods of a session in a socket's events. */
const socketMethods = new Methods((prototype) => ({
  update,
  save: promising(prototype.save, (session) => session),
  reload: promising(prototype.reload, (_session, req) => req.session),
  regenerate: promising(prototype.regenerate, (_session, req) => req.session),
  destroy: promising(prototype.destroy, () => undefined),
}));

module.exports.Methods = Methods;
module.exports.requestMethods = requestMethods;
module.exports.socketMethods = socketMethods;
