'use strict';

/** @typedef {{ [name: string]: any }} Headers of a request */

/** An origin that has a host of the web: other schemes call what they like by the names of hosts. */
const WEB = /^https?:/;

/** Whether a page of another origin has the browser load this: a picture, a frame, a link. @param {Headers} headers */
function isCrossOriginLoad({ origin, 'sec-fetch-site': site }) {
  // There is no `Origin` then, but browsers of today say by themselves where it comes from.
  return origin === undefined && (site === 'cross-site' || site === 'same-site');
}

/**
 * Whether a request comes from a page of another origin that the app does not allow. Browsers send an `Origin` with each
 * WebSocket and each `fetch` across origins.
 * @param {Headers} headers @param {string[]} allowed
 * @param {boolean} [trustProxy] whether a proxy says by `X-Forwarded-Host` which host the page has asked
 */
function isCrossOrigin(headers, allowed, trustProxy = false) {
  const { origin } = headers;
  if (origin === undefined) return isCrossOriginLoad(headers);
  if (allowed.includes(origin)) return false;
  return !isOfHost(origin, hostOf(headers, trustProxy));
}

/** The host that a request was sent to. @param {Headers} headers @param {boolean} trustProxy @returns {unknown} */
function hostOf(headers, trustProxy) {
  const forwarded = trustProxy ? headers['x-forwarded-host'] : undefined;
  // Several proxies make a list of it, of which the first is the page's. As Express reads it.
  if (typeof forwarded === 'string' && forwarded !== '') return forwarded.split(',', 1)[0].trim();
  // HTTP/2 calls it `:authority`.
  return headers.host ?? headers[':authority'];
}

/** Whether Express trusts the proxy that a request has come by: its setting `trust proxy`. @param {any} req @returns {boolean} */
function isProxyTrusted({ app, socket }) {
  const trust = app?.settings?.['trust proxy fn'];
  return typeof trust === 'function' && trust(socket?.remoteAddress, 0) === true;
}

/**
 * Whether a page of an origin is this host's. By its host alone: behind a proxy that ends TLS, the server does not know the
 * page's scheme. In `Host` some proxies name the default port, which an origin leaves out.
 * @param {string} origin @param {unknown} host
 */
function isOfHost(origin, host) {
  if (typeof host !== 'string' || !WEB.test(origin) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const own = `${page.protocol}//${host}`;
  return URL.canParse(own) && new URL(own).host === page.host;
}

/** Adds `Origin` to what the app has said in `Vary`. @param {any} res */
function varyByOrigin(res) {
  const said = [res.getHeader('Vary') ?? []].flat().join(', ');
  const names = said.toLowerCase().split(/\s*,\s*/);
  if (!names.includes('*') && !names.includes('origin'))
    res.setHeader('Vary', said === '' ? 'Origin' : `${said}, Origin`);
}

/**
 * Answers as CORS wants it: to pages of this host, and of the origins that the app allows.
 * @param {any} req @param {any} res @param {string[]} allowed @param {boolean} [trustProxy] the app's option
 * @returns {boolean} false for a page of another origin
 */
function admit(req, res, allowed, trustProxy = false) {
  const { headers } = req;
  varyByOrigin(res);
  if (isCrossOrigin(headers, allowed, trustProxy || isProxyTrusted(req))) return false;
  if (allowed.includes(headers.origin)) {
    res.setHeader('Access-Control-Allow-Origin', headers.origin);
    res.setHeader('Access-Control-Allow-Credentials', 'true');
  }
  return true;
}

module.exports = { admit, isCrossOrigin, isCrossOriginLoad };
