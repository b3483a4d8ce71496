'use strict';

const native = require('../../../native.js');
const { commitSession } = require('../../stores/commit.js');
const { failure } = require('../../support/errors.js');
const { ask } = require('../../stores/tickets.js');
const { lookUpKey, textOfKey } = require('./key-lookup.js');
const { snapshotOf } = require('../../session/snapshot.js');

/** @import { Found } from './key-lookup.js' */
/** @import { Connection } from '../connection.js' */

/** The event by which a client presents its key. */
const KEY_EVENT = '__zappa_key';

/**
 * Binds a socket to the session of its key.
 * @param {Connection} connection @param {string} key well-formed @param {(answer: object) => void} ack
 */
function bindByKey(connection, key, ack) {
  const { sharing, socket } = connection;
  // Until it has turned out to be good, each key counts as one in vain: they may come all at once.
  connection.failedKeys += 1;
  lookUpKey(sharing, key, (error, found, end) => {
    const refuse = (/** @type {any} */ refused) => {
      // Anything else is the store's fault, not the client's.
      if (refused?.code !== 'ERR_MISSING_DATA') {
        connection.failedKeys -= 1;
        sharing.refused(refused, { socket, event: KEY_EVENT });
      }
      end(false);
      ack(sharing.answerTo(refused));
    };
    const bind = (/** @type {Found} */ session) => {
      // Logged out while we were looking, or the socket has left.
      const isLate = sharing.isOver(session) || connection.hasLeft;
      const failed = isLate ? failure('ERR_MISSING_DATA') : connection.bind(session);
      if (failed !== undefined) return refuse(failed);
      connection.failedKeys -= 1;
      end(true);
      ack({ key });
    };
    const bindInOrder = (/** @type {Found} */ session) => {
      const { queue, sid, waiting } = connection;
      if (waiting === 0 || sid === undefined || sid === session.sid) return bind(session);
      // What came before it, and waits for the store, is of the session of before.
      connection.waiting += 1;
      const run = () => {
        bind(session);
        connection.stopWaiting();
      };
      ask(run, { queue, timeout: sharing.options.storeTimeout }, (done) => done(undefined));
    };
    if (found === undefined) refuse(error);
    else if (sharing.tellsExpress) tellExpress(connection, key, found, bindInOrder);
    else bindInOrder(found);
  });
}

/**
 * Writes down that the app's Express side reaches this socket on the key's channel.
 * @param {Connection} connection @param {string} key @param {Found} found
 * @param {(found: Found) => void} done gets what is stored then
 */
function tellExpress(connection, key, found, done) {
  const { adopted, sharing } = connection;
  const { oneTimeKeys } = sharing.options;
  const session = adopted.openSession(adopted.requestFor(found.sid), found.stored, found.clock);
  const memo = Object.values(session.__socket ?? {}).find((one) => one?.key === key);
  if (!memo || !snapshotOf(session) || (memo.id === connection.id && !oneTimeKeys)) return done(found);
  memo.id = connection.id;
  if (oneTimeKeys) memo.key = undefined;
  commitSession(adopted, session, { trusting: true }, (error) => {
    // The binding does not depend on it; only the messages of the Express side do.
    if (error) connection.report(error, KEY_EVENT);
    const stored = snapshotOf(session)?.stored;
    done(typeof stored === 'string' ? { ...found, stored: { text: stored } } : found);
  });
}

/**
 * Handles a `__zappa_key`.
 * @param {Connection} connection @param {any} data what the client sent
 * @param {any} ack its acknowledgement function; where it is none, nothing is answered and nothing is bound
 * @param {Error} [refused] why it is refused, whatever the key
 */
function presentKey(connection, data, ack, refused) {
  const { failedKeys, sharing } = connection;
  // Without data, Socket.IO hands the acknowledgement over in its place.
  const reply = typeof data === 'function' && ack === undefined ? data : ack;
  if (typeof reply !== 'function') return;
  const key = reply === data ? undefined : data?.key;
  const left = Math.max(0, sharing.options.maxFailedKeys - failedKeys);
  const error = native.present(sharing.adopted !== undefined, textOfKey(key), left);
  if (refused !== undefined) reply(sharing.answerTo(refused));
  else if (error !== null) reply(sharing.answerTo(failure(error)));
  else bindByKey(connection, key, reply);
}

module.exports = { KEY_EVENT, presentKey };
