'use strict';

const cookie = require('cookie');
const signature = require('cookie-signature');

/** The sharings that have seen a cookie of the session middleware. @type {WeakSet<object>} */
const seen = new WeakSet();

/**
 * Whether the cookie of an HTTP request, which the session middleware has accepted, is signed with none of the secrets that
 * the option `cookie` has: then no socket will ever be bound by it. Looks at one cookie of each sharing.
 *
 * @param {import('./socket-sharing.js').SocketSharing} sharing
 * @param {any} req
 * @returns {boolean}
 */
function isOfAnotherSecret(sharing, req) {
  const { cookie: options } = sharing.options;
  if (options === undefined || seen.has(sharing) || typeof req.headers.cookie !== 'string') return false;
  const value = cookie.parse(req.headers.cookie)[options.name];
  // Another one has not been accepted: this request has a session that is new.
  if (!value?.startsWith(`s:${req.sessionID}.`)) return false;
  seen.add(sharing);
  return options.secrets.every((secret) => signature.unsign(value.slice(2), secret) === false);
}

module.exports.isOfAnotherSecret = isOfAnotherSecret;
