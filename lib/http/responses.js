'use strict';

/** How long at most the news that a session has ended waits for the response that ended it, in ms. */
const PATIENCE = 2000;

/**
 * The responses that are about to end a session: a logout's or a login's. They may bring the browser its next cookie, which
 * has to be there before its sockets are told to share again. No other response is kept: some never close.
 */
class Responses {
  constructor() {
    /** What is called when the response is out, by the session that it ends. @type {Map<string, (() => void)[]>} */
    this.ending = new Map();
    /** The responses of requests that are followed. @type {WeakMap<object, any>} */
    this.of = new WeakMap();
  }

  /** Sees it when a request ends its session. @param {any} req @param {any} res */
  follow(req, res) {
    this.of.set(req, res);
    this.opened(req);
  }

  /** A request has another session object: it has reloaded its session, or made another one. @param {any} req */
  opened(req) {
    const { session } = req;
    const res = this.of.get(req);
    if (res === undefined || !session) return;
    for (const name of ['destroy', 'regenerate']) {
      const method = session[name];
      // On the instance and not enumerable, as express-session has its own `save` and `reload`.
      Object.defineProperty(session, name, {
        configurable: true,
        writable: true,
        value: (/** @type {any[]} */ ...args) => {
          this.ends(session.id, res);
          return method.apply(session, args);
        },
      });
    }
  }

  /** A session is about to be ended by a request. @param {string} sid @param {any} res */
  ends(sid, res) {
    // Its client has left: it is out, and will not say so again.
    if (res.closed || res.destroyed || this.ending.has(sid)) return;
    /** @type {(() => void)[]} */
    const waiting = [];
    this.ending.set(sid, waiting);
    const out = () => {
      clearTimeout(timer);
      res.removeListener('close', out);
      this.ending.delete(sid);
      for (const callback of waiting) callback();
    };
    const timer = setTimeout(out, PATIENCE).unref();
    res.once('close', out);
  }

  /** Calls back when the response that ends a session is out, or now. @param {string} sid @param {() => void} callback */
  whenOut(sid, callback) {
    const waiting = this.ending.get(sid);
    if (waiting === undefined) callback();
    else waiting.push(callback);
  }
}

module.exports.Responses = Responses;
