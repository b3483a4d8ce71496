'use strict';

const { admit, isCrossOrigin, isCrossOriginLoad } = require('./http/origins.js');
const { answerKey, refuseKey } = require('./http/key-route.js');
const { failure } = require('./support/errors.js');
const { isObject } = require('./session/session-data.js');
const { HostEvent, hostConnection } = require('./sockets/host-event.js');
const { Sharing } = require('./sockets/sharing/sharing.js');
const { KEY_EVENT, presentKey } = require('./sockets/binding/key-event.js');
const { OF_ZAPPA, readOptions } = require('./support/options.js');

const WHERE = 'context.session_store';

/** What each app shares, by its context. @type {WeakMap<object, Sharing>} */
const sharings = new WeakMap();

/** Gives the checked context. @param {string} caller @param {any} host @param {string} method it calls */
function checkContext(caller, host, method) {
  const context = host?.context;
  const need = (/** @type {boolean} */ there, /** @type {string} */ what) => {
    if (!there) throw new TypeError(`io-session: ${caller}({ context }): ${what}.`);
  };
  need(isObject(context), 'context is missing');
  const { app, session } = context;
  need(typeof app === 'function' || isObject(app), 'context.app is missing');
  need(isObject(app.settings), 'context.app is not an Express app: no settings');
  need(
    [session, session?.Session, session?.Store].every((one) => typeof one === 'function'),
    'context.session is not the express-session module',
  );
  need(typeof context[method] === 'function', `context.${method} is not a function`);
  return context;
}

/**
 * What an app shares. From the first call on, the store that the app assigns to `context.session_store` is adopted.
 * @param {any} context @returns {Sharing}
 */
function sharingOf(context) {
  const known = sharings.get(context);
  if (known) return known;
  const read = () => readOptions(context.app.settings.io_session, "the setting 'io_session'");
  const sharing = new Sharing(() => ({ ...OF_ZAPPA, ...read() }));
  sharings.set(context, sharing);
  let store = context.session_store;
  sharing.use(store, WHERE);
  Object.defineProperty(context, 'session_store', {
    configurable: true,
    enumerable: true,
    get: () => store,
    set: (value) => {
      sharing.use(value, WHERE);
      store = value;
    },
  });
  return sharing;
}

/** Installs `GET <zappa_prefix>/socket/:channel_name/:socket_id`; see index.d.ts. @param {{ context: any }} host */
function bind_express(host) {
  const context = checkContext('bind_express', host, 'get');
  const sharing = sharingOf(context);
  // Wrong options are said at set-up: the app's own function has run by now.
  const { allowedOrigins } = sharing.options;
  const prefix = context.app.settings.zappa_prefix ?? '/zappa';
  context.get(
    `${prefix}/socket/:channel_name/:socket_id`,
    /** @this {any} */ function () {
      const { params, req, res } = this;
      // Without the option a page of another origin may ask by `fetch`, as with the original: whether it can read the answer
      // is the app's CORS.
      const isAdmitted = allowedOrigins
        ? admit(req, res, allowedOrigins)
        : !isCrossOriginLoad(req.headers ?? {});
      if (isAdmitted) answerKey(sharing, this, String(params.channel_name));
      else refuseKey(sharing, res, failure('ERR_BAD_ORIGIN'));
    },
  );
}

/** Installs the event `__zappa_key`; see index.d.ts. @param {{ context: any }} host */
function bind_io(host) {
  const context = checkContext('bind_io', host, 'on');
  const sharing = sharingOf(context);
  const { allowedOrigins } = sharing.options;
  context.on(
    KEY_EVENT,
    /** @this {any} @param {any} data @param {any} ack */ function (data, ack) {
      const { client, socket } = this;
      // As with `shareSession`: only with at least one, since a page may be of another port than its sockets.
      const isRefused =
        allowedOrigins?.length && isCrossOrigin(socket.handshake?.headers ?? {}, allowedOrigins);
      const refused = isRefused ? failure('ERR_BAD_ORIGIN') : undefined;
      presentKey(hostConnection(sharing, socket, client), data, ack, refused);
    },
  );
}

/** Installs the middleware that gives each event its session; see index.d.ts. @param {{ context: any }} host */
function bind_middleware(host) {
  const context = checkContext('bind_middleware', host, 'io_use');
  const sharing = sharingOf(context);
  context.io_use(
    (/** @type {any} */ ctx, /** @type {any} */ _res, /** @type {(error?: unknown) => any} */ next) => {
      if (sharing.adopted === undefined || ctx.event === KEY_EVENT) return next();
      return new HostEvent(hostConnection(sharing, ctx.socket, ctx.client), ctx, next).dispatch();
    },
  );
}

module.exports = { bind_express, bind_io, bind_middleware };
