'use strict';

// What Express has for headers, for servers of every kind: node:http, HTTP/2, Connect.

/**
 * Says in `Vary` that an answer depends on a header of the request, beside what the app has said there.
 *
 * @param {any} res
 * @param {string} name
 */
function vary(res, name) {
  const said = [res.getHeader('Vary') ?? []].flat().join(', ');
  const names = said.toLowerCase().split(/\s*,\s*/);
  if (names.includes('*') || names.includes(name.toLowerCase())) return;
  res.setHeader('Vary', said === '' ? name : `${said}, ${name}`);
}

/**
 * Whether the client has a text of this tag already. A proxy that compresses makes a weak tag of it.
 *
 * @param {{ [name: string]: any }} headers of the request
 * @param {string} tag
 * @returns {boolean}
 */
function isKnown({ 'if-none-match': known = '' }, tag) {
  return known.split(',').some((/** @type {string} */ one) => one.trim().replace(/^W\//, '') === tag);
}

module.exports.isKnown = isKnown;
module.exports.vary = vary;
