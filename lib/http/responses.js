'use strict';

const { cookies, cookiesOf } = require('./cookies.js');
const { Methods, methodsOverHttp } = require('../session/methods.js');

/** How long at most the news that a session has ended waits for the response that ended it, in ms. */
const PATIENCE = 2000;
/** How long a request may be on its way that a browser has sent before it had the cookie of its login, in ms. */
const ON_ITS_WAY = 5000;

/** The responses of requests that are followed. @type {WeakMap<object, any>} */
const responses = new WeakMap();
/**
 * The responses that are about to end a session: a logout's or a login's. They may bring the browser its next cookie, which
 * has to be there before its sockets are told to share again. No other response is kept: some never close.
 *
 * What is called when the response is out, by the session that it ends. @type {Map<string, (() => void)[]>}
 */
const ending = new Map();
/** The cookies that a login has replaced a moment ago, signed as their browsers had them, and their sessions. @type {Map<string, string>} */
const replaced = new Map();

/** Remembers the response of a request, which may end its session. @param {any} req @param {any} res */
function followResponse(req, res) {
  responses.set(req, res);
}

/** The methods of a session in an HTTP request. */
const httpMethods = new Methods((prototype) => ({
  ...methodsOverHttp(prototype),
  destroy: endingBy(prototype.destroy),
  regenerate: endingBy(prototype.regenerate, replaces),
}));

/** A method by which a request ends its session. @param {Function} method @param {(req: any, sid: string) => void} [note] */
function endingBy(method, note) {
  return /** @this {any} @param {any[]} args */ function (...args) {
    const res = responses.get(this.req);
    if (res !== undefined) {
      ends(this.id, res);
      note?.(this.req, this.id);
    }
    return method.apply(this, args);
  };
}

/** A request is about to replace its session by another one. @param {any} req @param {string} sid */
function replaces(req, sid) {
  for (const [, value] of cookiesOf(req.headers?.cookie, sid)) {
    replaced.set(value, sid);
    setTimeout(() => replaced.delete(value), ON_ITS_WAY).unref();
  }
}

/** The session of a request's cookie, if a login has replaced that a moment ago. @param {any} req @returns {string | undefined} */
function replacedSession(req) {
  if (replaced.size === 0) return undefined;
  const [, value] = [...cookies(req.headers?.cookie)].find(([, one]) => replaced.has(one)) ?? [];
  return value && replaced.get(value);
}

/** A session is about to be ended by a request. @param {string} sid @param {any} res */
function ends(sid, res) {
  // Its client has left: it is out, and will not say so again.
  if (res.closed || res.destroyed || ending.has(sid)) return;
  /** @type {(() => void)[]} */
  const waiting = [];
  ending.set(sid, waiting);
  const out = () => {
    clearTimeout(timer);
    res.removeListener('close', out);
    ending.delete(sid);
    for (const callback of waiting) callback();
  };
  const timer = setTimeout(out, PATIENCE).unref();
  res.once('close', out);
}

/** Calls back when the response that ends a session is out, or now. @param {string} sid @param {() => void} callback */
function whenOut(sid, callback) {
  const waiting = ending.get(sid);
  if (waiting === undefined) callback();
  else waiting.push(callback);
}

module.exports = { followResponse, httpMethods, replacedSession, whenOut };
