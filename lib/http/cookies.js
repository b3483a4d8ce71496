'use strict';

const signature = require('cookie-signature');
const { attempt } = require('../support/errors.js');
const { warn } = require('../support/warnings.js');

/** @import { SocketSharing } from '../sockets/sharing/socket-sharing.js' */
/** @import { CookieOptions } from '../support/options.js' */

/** How express-session marks a cookie that is signed. */
const SIGNED = 's:';

/** The sharings that have seen a cookie of the session middleware. @type {WeakSet<object>} */
const seen = new WeakSet();

/**
 * The session id in a `Cookie` header, by the rules of express-session, whatever version of the `cookie` package it has: of
 * several cookies of one name the first counts, quotes around a value are no part of it, and a percent sign that encodes
 * nothing is a percent sign.
 * @param {unknown} header @param {CookieOptions} options
 * @returns {string | undefined} undefined where there is none, or it is signed with none of the secrets
 */
function sessionIdOfCookie(header, { name, secrets }) {
  const [, value] = [...cookies(header)].find(([found]) => found === name) ?? [];
  if (!value?.startsWith(SIGNED)) return undefined;
  for (const secret of secrets) {
    const sid = signature.unsign(value.slice(SIGNED.length), secret);
    if (sid !== false) return sid;
  }
  return undefined;
}

/** The cookies of a `Cookie` header. @param {unknown} header @returns {Generator<[name: string, value: string]>} */
function* cookies(header) {
  if (typeof header !== 'string') return;
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1) continue;
    const name = pair.slice(0, equals).trim();
    const given = pair.slice(equals + 1).trim();
    const value = given.replace(/^"(.*)"$/, '$1');
    yield [name, attempt(() => decodeURIComponent(value), value)];
  }
}

/** The cookies of a `Cookie` header that name a session, signed. @param {unknown} header @param {string} sid */
function cookiesOf(header, sid) {
  return [...cookies(header)].filter(([, value]) => value.startsWith(`${SIGNED}${sid}.`));
}

/**
 * Warns where the option `cookie` is wrong, by the cookie of an HTTP request which the session middleware has accepted: it has
 * another name, or is signed with none of the option's secrets. Then no socket will ever be bound by it. Looks at one cookie
 * of each sharing.
 * @param {SocketSharing} sharing @param {any} req
 */
function lookAtCookie(sharing, req) {
  const { cookie: options } = sharing.options;
  if (options === undefined || seen.has(sharing)) return;
  const { cookie: header } = req.headers;
  // Where there is none, this request has a session that is new.
  const names = cookiesOf(header, req.sessionID).map(([name]) => name);
  if (names.length === 0) return;
  seen.add(sharing);
  // Another session middleware's, beside one that sockets are bound by.
  if (sessionIdOfCookie(header, options) !== undefined) return;
  const isNamed = names.includes(options.name);
  warn(sharing, isNamed ? 'IO_SESSION_COOKIE_SECRET' : 'IO_SESSION_COOKIE_NAME', options.name);
}

module.exports = { cookies, cookiesOf, lookAtCookie, sessionIdOfCookie };
