'use strict';

/** Ends a response whose other headers are set. @param {any} res @param {number} status @param {string | Buffer} [body] */
function answer(res, status, body) {
  res.statusCode = status;
  if (body !== undefined) res.setHeader('Content-Length', Buffer.byteLength(body));
  // express-session can only save the session of an HTTP/2 request once the head of the response is written.
  if (res.stream !== undefined) res.writeHead(status);
  res.end(body);
}

/** Ends a response with JSON. @param {any} res @param {number} status @param {object} [body] */
function answerJson(res, status, body) {
  // Not `res.json`: only Express has it, and it would make a 304 of a credential.
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  answer(res, status, body && JSON.stringify(body));
}

module.exports.answer = answer;
module.exports.answerJson = answerJson;
