'use strict';

const { AsyncResource } = require('node:async_hooks');
const debug = require('debug')('io-session');
const native = require('../../../native.js');
const { isCrossOrigin } = require('../../http/origins.js');
const { sessionIdOfCookie } = require('../../http/cookies.js');
const { failure } = require('../../support/errors.js');
const { lookUp, lookUpKey, textOfKey } = require('./key-lookup.js');
const { PREFIX } = require('../rooms.js');
const { hideRooms } = require('../socket-io.js');
const { leaveSessionRooms, recoverSessionRooms } = require('../watch/session-rooms.js');
const { setImmediate } = require('../../support/timers.js');

/** @import { WhenFound } from './key-lookup.js' */
/** @import { SharedConnection } from '../shared-connection.js' */
/** @import { SocketSharing } from '../sharing/socket-sharing.js' */
/** @import { AdoptedStore } from '../../stores/adopted-store.js' */

/** Longer than any session id that a cookie carries: a cookie is 4 KB at most. */
const LONGEST_SID = 1024;

/** What is wrong with a key or a cookie, and no fault of the store's. */
const CLIENTS = ['ERR_MISSING_KEY', 'ERR_MISSING_DATA'];

/**
 * Finds the session of a socket that is connecting: by the key in its `auth`, else by the signed cookie of its handshake.
 * @param {SocketSharing} sharing @param {any} socket @param {WhenFound} done
 */
function find(sharing, socket, done) {
  const key = presented(socket);
  if (key === undefined) {
    const sid = sidOfCookie(sharing, socket.handshake.headers ?? {});
    if (sid === undefined) return done(failure('ERR_MISSING_KEY'));
    return lookUp(/** @type {AdoptedStore} */ (sharing.adopted), sid, done);
  }
  const error = native.present(true, textOfKey(key), sharing.options.maxFailedKeys);
  if (error !== null) return done(failure(error));
  lookUpKey(sharing, key, (failed, found, end) => {
    end(found !== undefined);
    done(failed, found);
  });
}

/**
 * Finds out whose socket it is, and binds it.
 * @param {SharedConnection} connection
 * @param {(error?: any) => void} done with what is wrong with its key or cookie
 */
function authenticate(connection, done) {
  const { sharing, socket } = connection;
  // Its session is loaded together with others, and it must not go on in their async context.
  const caller = new AsyncResource('io-session');
  // It has the rooms again that it had before. It may be another session's by now.
  if (socket.recovered) {
    connection.formerRooms = hideRooms(socket, PREFIX);
    recoverSessionRooms(connection, connection.formerRooms);
  }
  find(sharing, socket, (error, found) => {
    connection.isUnknown = false;
    // Closed while we were looking: a socket like any other.
    if (sharing.adopted === undefined) return caller.runInAsyncScope(done);
    let failed = /** @type {any} */ (error);
    // Logged out while we were looking.
    if (found && sharing.isOver(found)) failed = failure('ERR_MISSING_DATA');
    // It may have presented a key since.
    else if (found && !connection.hasLeft && connection.sid === undefined) failed = connection.bind(found);
    connection.leaveFormerRooms();
    if (connection.sid === undefined) leaveSessionRooms(connection);
    // What a recovered socket has shown was good once: that session has ended. One that shows nothing may have shared by
    // `__zappa_key`.
    if (socket.recovered) connection.isLost = failed?.code === 'ERR_MISSING_DATA';
    if (failed && !CLIENTS.includes(failed.code) && connection.sid === undefined) connection.unknown(failed);
    connection.isFresh = true;
    setImmediate(() => {
      connection.isFresh = false;
    });
    caller.runInAsyncScope(done, undefined, failed ?? undefined);
  });
}

/** The key that a client has sent with the connection, if any. @param {any} socket @returns {any} */
function presented({ conn, handshake }) {
  const { auth, query } = handshake;
  if (typeof auth === 'object' && auth !== null && Object.hasOwn(auth, 'key')) return auth.key ?? undefined;
  // Clients that speak Socket.IO 2's protocol have no `auth`, and send it in the query.
  const hasAuth = auth !== undefined && conn?.protocol !== 3;
  return hasAuth ? undefined : query?.key;
}

/** The session id in the handshake's own cookie. @param {SocketSharing} sharing @param {{ [name: string]: any }} headers */
function sidOfCookie(sharing, headers) {
  const { cookie: options, allowedOrigins, trustProxy } = sharing.options;
  if (options === undefined || typeof headers.cookie !== 'string') return undefined;
  // The browser sends the cookie, whatever page opens the connection.
  if (isCrossOrigin(headers, allowedOrigins, trustProxy)) {
    const { host, origin = headers['sec-fetch-site'] } = headers;
    debug('took no cookie from %j: neither of this host, %j, nor one of allowedOrigins', origin, host);
    return undefined;
  }
  const sid = sessionIdOfCookie(headers.cookie, options);
  // A string of its own: it is kept for as long as the socket lives, and a slice would keep the whole cookie.
  return sid && sid.length <= LONGEST_SID ? Buffer.from(sid).toString() : undefined;
}

module.exports.authenticate = authenticate;
