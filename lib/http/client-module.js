'use strict';

const { createHash } = require('node:crypto');
const { answer } = require('./answer.js');
const text = require('./client-text.js');

/** Made when it is first needed. @type {string | undefined} */
let tag;

/** Answers with the browser's side of the handshake, an ES module. @param {any} req @param {any} res */
function clientModule(req, res) {
  tag ??= `"${createHash('sha256').update(text).digest('base64url')}"`;
  res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
  // It changes with the package alone, which the tag tells.
  res.setHeader('Cache-Control', 'no-cache');
  res.setHeader('ETag', tag);
  const known = (req.headers['if-none-match'] ?? '').split(',');
  // A proxy that compresses makes a weak tag of it.
  if (known.some((/** @type {string} */ one) => one.trim().replace(/^W\//, '') === tag))
    return answer(res, 304);
  res.setHeader('Content-Length', Buffer.byteLength(text));
  answer(res, 200, req.method === 'HEAD' ? undefined : text);
}

module.exports.clientModule = clientModule;
