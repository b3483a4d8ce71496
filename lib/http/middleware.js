'use strict';

const { createHash } = require('node:crypto');
const debug = require('debug')('io-session');
const clientText = require('./client-text.js');
const { admit } = require('./origins.js');
const { lookAtCookie } = require('./cookies.js');
const { attempt, failure } = require('../support/errors.js');
const { answer, answerKey, refuseKey } = require('./key-route.js');
const { followResponse, httpMethods } = require('./responses.js');
const { lookForMistakes, warn } = require('../support/warnings.js');

/** @import { SocketSharing } from '../sockets/sharing/socket-sharing.js' */

/**
 * The Express middleware: answers `GET <prefix>/socket/:channel_name[/:socket_id]` with a key, and
 * `GET <prefix>/client.js` with the client's module.
 * @param {SocketSharing} sharing @returns {(req: any, res: any, next: (error?: any) => void) => void}
 */
function expressMiddleware(sharing) {
  const { prefix } = sharing.options;
  const keyPath = new RegExp(`^${prefix.replaceAll('.', '\\.')}/socket/([^/]+)(?:/[^/]*)?/?$`);
  return (req, res, next) => {
    // Socket.IO gives it a socket and a callback.
    if (typeof next !== 'function') return res(new TypeError(warn(sharing, 'IO_SESSION_MISPLACED')));
    const path = pathOf(req.url);
    if (!sharing.closed && typeof req.sessionID === 'string') {
      if (req.session && req.sessionStore === sharing.adopted?.store) followResponse(req, res);
      // A new session has not been made by the store.
      httpMethods.give(req.session);
      lookAtCookie(sharing, req);
    }
    // `app.use(prefix, …)` is a natural mistake: then it sees no other request, a logout's either.
    // Express and Connect take the prefix off the URL, and keep the whole one.
    if (keyPath.test(prefix + path) && req.originalUrl === prefix + req.url)
      warn(sharing, 'IO_SESSION_MOUNTED', prefix);
    if (sharing.closed || !path.startsWith(prefix) || !['GET', 'HEAD', 'OPTIONS'].includes(req.method))
      return next();
    if (path === `${prefix}/client.js`) return serve(sharing, req, res, clientModule);
    const [, channel] = keyPath.exec(path) ?? [];
    if (channel === undefined) return next();
    // No channel is empty: what is no percent-encoding.
    const name = attempt(() => decodeURIComponent(channel), '');
    serve(sharing, req, res, () => {
      if (lookForMistakes(sharing, req)) refuseKey(sharing, res, failure('ERR_NO_SESSION'));
      else answerKey(sharing, { req, res }, name);
    });
  };
}

/**
 * Answers pages of this host, and of the origins that the app allows.
 * @param {SocketSharing} sharing @param {any} req @param {any} res @param {(req: any, res: any) => void} give
 */
function serve(sharing, req, res, give) {
  const { allowedOrigins, trustProxy } = sharing.options;
  if (!admit(req, res, allowedOrigins, trustProxy)) {
    const { origin, 'sec-fetch-site': site } = req.headers;
    debug('refused the key route to %j: not one of allowedOrigins', origin ?? site);
    return refuseKey(sharing, res, failure('ERR_BAD_ORIGIN'));
  }
  if (req.method !== 'OPTIONS') return give(req, res);
  res.setHeader('Access-Control-Allow-Methods', 'GET');
  res.setHeader('Access-Control-Allow-Headers', 'Accept, Cache-Control, Pragma');
  answer(res, 204);
}

/** Made when it is first needed. @type {string | undefined} */
let tag;

/** Answers with the browser's side of the handshake, an ES module. @param {any} req @param {any} res */
function clientModule(req, res) {
  tag ??= `"${createHash('sha256').update(clientText).digest('base64url')}"`;
  res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
  // It changes with the package alone, which the tag tells.
  res.setHeader('Cache-Control', 'no-cache');
  res.setHeader('ETag', tag);
  const known = (req.headers['if-none-match'] ?? '').split(',');
  // A proxy that compresses makes a weak tag of it.
  if (known.some((/** @type {string} */ one) => one.trim().replace(/^W\//, '') === tag))
    return answer(res, 304);
  answer(res, 200, clientText);
}

/** The path of a request. One to a proxy has a whole URL in its place. @param {string} url */
function pathOf(url) {
  if (!url.startsWith('/') && URL.canParse(url)) return new URL(url).pathname;
  return url.split('?', 1)[0];
}

module.exports.expressMiddleware = expressMiddleware;
