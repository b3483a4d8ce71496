'use strict';

const cookie = require('cookie');
const signature = require('cookie-signature');

/** How express-session marks a cookie that is signed. */
const SIGNED = 's:';

/** The sharings that have seen a cookie of the session middleware. @type {WeakSet<object>} */
const seen = new WeakSet();

/**
 * What is wrong with the option `cookie`, by the cookie of an HTTP request which the session middleware has accepted: it has
 * another name, or is signed with none of the option's secrets. Then no socket will ever be bound by it. Looks at one cookie
 * of each sharing.
 *
 * @param {import('../sockets/socket-sharing.js').SocketSharing} sharing
 * @param {any} req
 * @returns {'name' | 'secret' | undefined}
 */
function wrongWithCookie(sharing, req) {
  const { cookie: options } = sharing.options;
  if (options === undefined || seen.has(sharing) || typeof req.headers.cookie !== 'string') return undefined;
  const cookies = cookie.parse(req.headers.cookie);
  const isAccepted = (/** @type {string | undefined} */ value) =>
    value?.startsWith(`${SIGNED}${req.sessionID}.`);
  const value = cookies[options.name];
  if (!isAccepted(value)) {
    // Where there is none at all, this request has a session that is new.
    if (!Object.values(cookies).some(isAccepted)) return undefined;
    seen.add(sharing);
    return 'name';
  }
  seen.add(sharing);
  return signedId(/** @type {string} */ (value), options.secrets) === undefined ? 'secret' : undefined;
}

/**
 * The session id in the value of a session cookie.
 *
 * @param {string} value
 * @param {string[]} secrets
 * @returns {string | undefined} undefined where it is signed with none of the secrets
 */
function signedId(value, secrets) {
  if (!value.startsWith(SIGNED)) return undefined;
  for (const secret of secrets) {
    const sid = signature.unsign(value.slice(SIGNED.length), secret);
    if (sid !== false) return sid;
  }
  return undefined;
}

module.exports.signedId = signedId;
module.exports.wrongWithCookie = wrongWithCookie;
