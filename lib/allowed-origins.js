'use strict';

/**
 * Whether a request comes from a page of another origin that the app does not allow. A request without an `Origin` does not
 * come from another page: browsers send it with each WebSocket and each request across origins.
 *
 * @param {{ [name: string]: any }} headers
 * @param {string[]} allowed
 * @returns {boolean}
 */
function isForeign(headers, allowed) {
  const { host, origin } = headers;
  if (origin === undefined || allowed.includes(origin)) return false;
  // By its host alone: behind a proxy that ends TLS, the server does not know the page's scheme.
  return !(URL.canParse(origin) && new URL(origin).host === host);
}

module.exports.isForeign = isForeign;
