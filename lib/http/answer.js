'use strict';

/** Ends a response whose other headers are set. @param {any} res @param {number} status @param {string | Buffer} [body] */
function answer(res, status, body) {
  res.statusCode = status;
  if (body !== undefined) res.setHeader('Content-Length', Buffer.byteLength(body));
  // express-session can only save the session of an HTTP/2 request once the head of the response is written.
  if (res.stream !== undefined) res.writeHead(status);
  res.end(body);
}

module.exports.answer = answer;
