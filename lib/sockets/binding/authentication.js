'use strict';

const { AsyncResource } = require('node:async_hooks');
const debug = require('debug')('io-session');
const native = require('../../../native.js');
const { isCrossOrigin } = require('../../http/origins.js');
const { sessionIdOfCookie } = require('../../http/cookies.js');
const { failure } = require('../../support/errors.js');
const { KeyLookup, lookUp } = require('./key-lookup.js');
const { formerRooms } = require('../rooms.js');
const { leaveSessionRooms, recoverSessionRooms } = require('../watch/session-rooms.js');

/** @typedef {import('../sharing/socket-sharing.js').SocketSharing} SocketSharing */

/** Longer than any session id that a cookie carries: a cookie is 4 KB at most. */
const LONGEST_SID = 1024;

/**
 * Finds the session of a socket that is connecting: by the key in its `auth`, else by the signed cookie of its
 * handshake.
 *
 * @param {SocketSharing} sharing
 * @param {any} socket
 * @param {(error: any, found?: import('./key-lookup.js').Found) => void} done
 */
function find(sharing, socket, done) {
  const { handshake } = socket;
  const key = presented(socket);
  if (key !== undefined) {
    const error = native.present(true, key, sharing.maxFailedKeys);
    if (error !== -1) {
      done(failure(error));
      return;
    }
    const lookup = new KeyLookup(sharing, key, (failed, found) => {
      if (found) lookup.use();
      lookup.release();
      done(failed, found);
    });
    lookup.begin();
    return;
  }
  const adopted = /** @type {import('../../stores/adopted-store.js').AdoptedStore} */ (sharing.adopted);
  const sid = sidOfCookie(sharing, handshake.headers ?? {});
  if (sid === undefined) done(failure('ERR_MISSING_KEY'));
  else lookUp(adopted, sid, done);
}

/**
 * Finds out whose socket it is, and binds it.
 *
 * @param {import('../shared-connection.js').SharedConnection} connection
 * @param {(error?: any) => void} done with what is wrong with its key or cookie
 */
function authenticate(connection, done) {
  const { sharing, socket } = connection;
  // Its session is loaded together with others, and it must not go on in their async context.
  const caller = new AsyncResource('io-session');
  const rooms = socket.recovered ? formerRooms(socket) : undefined;
  if (rooms) recoverSessionRooms(connection, rooms.former);
  find(sharing, socket, (error, found) => {
    // Closed while we were looking: a socket like any other.
    if (sharing.adopted === undefined) {
      caller.runInAsyncScope(done);
      return;
    }
    let failed = error;
    // Logged out while we were looking.
    if (found && sharing.isOver(found)) failed = failure('ERR_MISSING_DATA');
    else if (found && !connection.hasLeft) {
      const index = connection.bind(found.sid, found.stored, found.clock);
      if (index !== -1) failed = failure(index);
    }
    rooms?.leave(connection.sid);
    if (connection.sid === undefined) leaveSessionRooms(connection);
    // What a recovered socket has shown was good once: that session has ended. One that shows nothing may have shared by
    // `__zappa_key`.
    if (socket.recovered) connection.isLost = failed?.code === 'ERR_MISSING_DATA';
    if (failed && sharing.isFault(failed)) sharing.report(failed, { socket, event: 'connection' });
    caller.runInAsyncScope(done, undefined, failed ?? undefined);
  });
}

/**
 * What a client has sent as its key with the connection. Clients that speak Socket.IO 2's protocol have no `auth`, and send
 * it in the query.
 *
 * @param {any} socket
 * @returns {any} undefined for nothing
 */
function presented({ conn, handshake }) {
  const { auth, query } = handshake;
  if (typeof auth === 'object' && auth !== null && Object.hasOwn(auth, 'key')) return auth.key ?? undefined;
  const hasAuth = auth !== undefined && conn?.protocol !== 3;
  return hasAuth ? undefined : query?.key;
}

/**
 * The session id in the handshake's own cookie. A page of another origin that is not allowed gets nothing by it: the
 * browser sends the cookie, whatever page opens the connection.
 *
 * @param {SocketSharing} sharing
 * @param {{ [name: string]: any }} headers
 * @returns {string | undefined}
 */
function sidOfCookie(sharing, headers) {
  const { cookie: options, allowedOrigins, trustProxy } = sharing.options;
  if (options === undefined || typeof headers.cookie !== 'string') return undefined;
  if (isCrossOrigin(headers, allowedOrigins, trustProxy)) {
    const { host, origin, 'sec-fetch-site': site } = headers;
    debug(
      'took no cookie from %j: neither of this host, %j, nor one of allowedOrigins',
      origin ?? site,
      host,
    );
    return undefined;
  }
  const sid = sessionIdOfCookie(headers.cookie, options);
  return sid && sid.length <= LONGEST_SID ? flat(sid) : undefined;
}

/**
 * The same text as a string of its own: it is kept for as long as the socket lives, and a slice would keep the whole cookie.
 *
 * @param {string} text
 */
function flat(text) {
  return Buffer.from(text).toString();
}

module.exports.authenticate = authenticate;
