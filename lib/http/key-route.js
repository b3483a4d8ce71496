'use strict';

const { findKey } = require('./session-key.js');
const { afterLogin } = require('./responses.js');
const { setTimeout } = require('../support/timers.js');

/** The status of a session that has asked for too many keys, and when it may ask again: in the next minute, in s. */
const [TOO_MANY, RETRY_AFTER] = [429, 60];
/** The status of a request that is to be sent again, and where to. */
const [AGAIN, QUERY] = [307, '?again'];
/** How long the cookie of a login may be on its way, in ms: this answer may overtake it. */
const GRACE = 250;

/** @import { Sharing } from '../sockets/sharing/sharing.js' */

/**
 * Answers a GET of a key, after what has to be stored is stored.
 * @param {Sharing} sharing
 * @param {{ req: any, res: any, session?: any }} context the host's context of the request
 * @param {string} channel
 */
function answerKey(sharing, { req, res, session }, channel) {
  if (req.method === 'HEAD') return end(res, 200);
  if (askAgain(req, res)) return;
  findKey(sharing, session ?? req.session, channel, (error, key) => {
    // The login may have been quicker.
    if (askAgain(req, res)) return;
    if (error) refuseKey(sharing, res, error);
    else end(res, 200, { key });
  });
}

/**
 * Has a browser ask again, once, that has sent its cookie when a login was about to replace that. The answer itself would bring
 * the cookie of another session, and with it the browser would be logged out.
 * @param {any} req @param {any} res @returns {boolean} whether it does
 */
function askAgain(req, res) {
  if (req.url?.endsWith(QUERY)) return false;
  const again = () => {
    res.setHeader('Location', QUERY);
    end(res, AGAIN);
  };
  const isReplaced = afterLogin(req, () => setTimeout(again, GRACE));
  // No cookie.
  if (isReplaced) req.session = null;
  return isReplaced;
}

/** @param {Sharing} sharing @param {any} res @param {unknown} error */
function refuseKey(sharing, res, error) {
  end(res, sharing.statusOf(error), sharing.answerTo(error));
}

/** Ends the response, once; express-session saves the session before. @param {any} res @param {number} status @param {object} [body] */
function end(res, status, body) {
  if (res.headersSent) return;
  if (status === TOO_MANY) res.setHeader('Retry-After', RETRY_AFTER);
  // A credential: no cache keeps it. Not by `res.json`: only Express has it, and it would make a 304 of this.
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  answer(res, status, body && JSON.stringify(body));
}

/** Ends a response whose other headers are set. @param {any} res @param {number} status @param {string | Buffer} [body] */
function answer(res, status, body) {
  res.statusCode = status;
  if (body !== undefined) res.setHeader('Content-Length', Buffer.byteLength(body));
  // express-session can only save the session of an HTTP/2 request once the head of the response is written.
  if (res.stream !== undefined) res.writeHead(status);
  res.end(body);
}

module.exports = { answer, answerKey, refuseKey };
