'use strict';

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { answer } = require('./answer.js');
const { isKnown } = require('./headers.js');

const FILE = path.join(__dirname, '..', '..', 'client', 'index.js');

/** Read when it is first asked for. @type {{ text: Buffer, tag: string } | undefined} */
let module_;

/**
 * Answers with the browser's side of the handshake, an ES module that needs no bundler.
 *
 * @param {any} req
 * @param {any} res
 */
function clientModule(req, res) {
  if (module_ === undefined) {
    const text = fs.readFileSync(FILE);
    module_ = { text, tag: `"${createHash('sha256').update(text).digest('base64url')}"` };
  }
  res.setHeader('Content-Type', 'text/javascript; charset=utf-8');
  // It changes with the package alone, which the tag tells.
  res.setHeader('Cache-Control', 'no-cache');
  res.setHeader('ETag', module_.tag);
  if (isKnown(req.headers, module_.tag)) {
    answer(res, 304);
    return;
  }
  res.setHeader('Content-Length', module_.text.length);
  answer(res, 200, req.method === 'HEAD' ? undefined : module_.text);
}

module.exports.clientModule = clientModule;
