'use strict';

/** An origin that has a host of the web: other schemes call what they like by the names of hosts. */
const WEB = /^https?:/;

/**
 * Whether a page of another origin has the browser load this: as a picture, a script, a frame, or by a link. There is no
 * `Origin` then, but browsers of today say by themselves where it comes from.
 *
 * @param {{ [name: string]: any }} headers
 * @returns {boolean}
 */
function isForeignLoad({ origin, 'sec-fetch-site': site }) {
  return origin === undefined && (site === 'cross-site' || site === 'same-site');
}

/**
 * Whether a request comes from a page of another origin that the app does not allow. Browsers send an `Origin` with each
 * WebSocket and each `fetch` across origins.
 *
 * @param {{ [name: string]: any }} headers
 * @param {string[]} allowed
 * @returns {boolean}
 */
function isForeign(headers, allowed) {
  const { host, origin } = headers;
  if (origin === undefined) return isForeignLoad(headers);
  if (allowed.includes(origin)) return false;
  return !isOfHost(origin, host);
}

/**
 * Whether a page of an origin is this host's. By its host alone: behind a proxy that ends TLS, the server does not know the
 * page's scheme. In `Host` some proxies name the default port, which an origin leaves out.
 *
 * @param {string} origin
 * @param {unknown} host
 */
function isOfHost(origin, host) {
  if (typeof host !== 'string' || !WEB.test(origin) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const own = `${page.protocol}//${host}`;
  return URL.canParse(own) && new URL(own).host === page.host;
}

/**
 * Answers as CORS wants it: to pages of this host, and of the origins that the app allows.
 *
 * @param {any} req
 * @param {any} res
 * @param {string[]} allowed
 * @returns {boolean} false for a page of another origin
 */
function admit({ headers }, res, allowed) {
  res.vary('Origin');
  if (isForeign(headers, allowed)) return false;
  if (allowed.includes(headers.origin)) {
    res.setHeader('Access-Control-Allow-Origin', headers.origin);
    res.setHeader('Access-Control-Allow-Credentials', 'true');
  }
  return true;
}

module.exports.admit = admit;
module.exports.isForeign = isForeign;
module.exports.isForeignLoad = isForeignLoad;
