'use strict';

const { createHash } = require('node:crypto');
const { answer } = require('./answer.js');
const text = require('./client-text.js');
const { isKnown } = require('./headers.js');

/** Made when it is first needed. @type {string | undefined} */
let tag;

/**
 * Answers with the browser's side of the handshake, an ES module that needs no bundler.
 *
 * @param {any} req
 * @param {any} res
 */
function clientModule(req, res) {
  tag ??= `"${createHash('sha256').update(text).digest('base64url')}"`;
  res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
  // It changes with the package alone, which the tag tells.
  res.setHeader('Cache-Control', 'no-cache');
  res.setHeader('ETag', tag);
  if (isKnown(req.headers, tag)) {
    answer(res, 304);
    return;
  }
  res.setHeader('Content-Length', Buffer.byteLength(text));
  answer(res, 200, req.method === 'HEAD' ? undefined : text);
}

module.exports.clientModule = clientModule;
