'use strict';

const { cookies, cookiesOf } = require('./cookies.js');
const { Methods, methodsOverHttp } = require('../session/methods.js');

/** How long at most the news that a session has ended waits for the response that ended it, in ms. */
const PATIENCE = 2000;
/** How long a login may take at most before others are answered, in ms. */
const SLOWEST = 30_000;
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
/**
 * The cookies that a login has replaced a moment ago, signed as their browsers had them.
 *
 * What is called when the login is answered; undefined when it is. @type {Map<string, { waiting: (() => void)[] | undefined }>}
 */
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

/** A method by which a request ends its session. @param {Function} method @param {(req: any, sid: string, res: any) => void} [note] */
function endingBy(method, note) {
  return /** @this {any} @param {any[]} args */ function (...args) {
    const res = responses.get(this.req);
    if (res !== undefined) {
      ends(this.id, res);
      note?.(this.req, this.id, res);
    }
    return method.apply(this, args);
  };
}

/** A request is about to replace its session by another one. @param {any} req @param {string} sid @param {any} res */
function replaces(req, sid, res) {
  // Its client has left, and gets no cookie.
  if (res.closed || res.destroyed) return;
  for (const [, value] of cookiesOf(req.headers?.cookie, sid)) {
    /** @type {{ waiting: (() => void)[] | undefined }} */
    const login = { waiting: [] };
    replaced.set(value, login);
    const forget = () => replaced.get(value) === login && replaced.delete(value);
    afterResponse(res, SLOWEST, () => {
      const waiting = login.waiting ?? [];
      login.waiting = undefined;
      for (const callback of waiting) callback();
      setTimeout(forget, ON_ITS_WAY).unref();
    });
  }
}

/**
 * Calls back when a login is answered that has replaced the cookie of a request a moment ago, or now.
 * @param {any} req @param {() => void} callback @returns {boolean} false where none has
 */
function afterLogin(req, callback) {
  if (replaced.size === 0) return false;
  const [, value = ''] = [...cookies(req.headers?.cookie)].find(([, one]) => replaced.has(one)) ?? [];
  const login = replaced.get(value);
  if (login === undefined) return false;
  if (login.waiting === undefined) callback();
  else login.waiting.push(callback);
  return true;
}

/** Calls back when a response is out, or that takes too long. @param {any} res @param {number} patience ms @param {() => void} callback */
function afterResponse(res, patience, callback) {
  const out = () => {
    clearTimeout(timer);
    res.removeListener('close', out);
    callback();
  };
  const timer = setTimeout(out, patience).unref();
  res.once('close', out);
}

/** A session is about to be ended by a request. @param {string} sid @param {any} res */
function ends(sid, res) {
  // Its client has left: it is out, and will not say so again.
  if (res.closed || res.destroyed || ending.has(sid)) return;
  /** @type {(() => void)[]} */
  const waiting = [];
  ending.set(sid, waiting);
  afterResponse(res, PATIENCE, () => {
    ending.delete(sid);
    for (const callback of waiting) callback();
  });
}

/** Calls back when the response that ends a session is out, or now. @param {string} sid @param {() => void} callback */
function whenOut(sid, callback) {
  const waiting = ending.get(sid);
  if (waiting === undefined) callback();
  else waiting.push(callback);
}

module.exports = { afterLogin, followResponse, httpMethods, whenOut };
