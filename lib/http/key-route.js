'use strict';

const { answerJson } = require('./answer.js');
const { SessionKey } = require('./session-key.js');

/** @typedef {import('../sockets/sharing/sharing.js').Sharing} Sharing */

/**
 * Answers a GET of a key, after what has to be stored is stored.
 *
 * @param {Sharing} sharing
 * @param {{ req: any, res: any, session?: any }} context the host's context of the request
 * @param {string} channel
 */
function answerKey(sharing, { req, res, session }, channel) {
  if (req.method === 'HEAD') end(res, 200);
  else {
    new SessionKey(sharing, session ?? req.session, channel, (error, key) => {
      if (error) refuseKey(sharing, res, error);
      else end(res, 200, { key });
    }).find();
  }
}

/** @param {Sharing} sharing @param {any} res @param {unknown} error */
function refuseKey(sharing, res, error) {
  end(res, sharing.statusOf(error), sharing.answerTo(error));
}

/** Ends the response, once; express-session saves the session before. @param {any} res @param {number} status @param {object} [body] */
function end(res, status, body) {
  if (res.headersSent) return;
  // A credential: no cache keeps it.
  res.setHeader('Cache-Control', 'no-store');
  answerJson(res, status, body);
}

module.exports.answerKey = answerKey;
module.exports.refuseKey = refuseKey;
