'use strict';

const native = require('../../../native.js');
const { commitSession } = require('../../stores/commit.js');
const { failure } = require('../../support/errors.js');
const { KeyLookup, textOfKey } = require('./key-lookup.js');
const { snapshotOf } = require('../../session/snapshot.js');

/** @typedef {import('../connection.js').Connection} Connection */
/** @typedef {import('./key-lookup.js').Found} Found */

/** The event by which a client presents its key. */
const KEY_EVENT = '__zappa_key';

/** One `__zappa_key` of a socket. */
class KeyEvent {
  /** @param {Connection} connection @param {string} key well-formed @param {(answer: object) => void} ack */
  constructor(connection, key, ack) {
    this.connection = connection;
    this.key = key;
    this.ack = ack;
    this.lookup = new KeyLookup(connection.sharing, key, (error, found) => {
      if (error) this.refuse(error);
      else this.write(/** @type {Found} */ (found));
    });
  }

  /** Finds the key's session, and binds the socket to it. */
  present() {
    // Until it has turned out to be good, each key counts as one in vain: they may come all at once.
    this.connection.failed += 1;
    this.lookup.begin();
  }

  /** Writes down that the app's Express side reaches this socket on the key's channel. @param {Found} found */
  write(found) {
    const { connection, key } = this;
    const { adopted } = this.lookup;
    const { options, tellsExpress } = connection.sharing;
    if (!tellsExpress) {
      this.bind(found);
      return;
    }
    const session = adopted.openSession(adopted.requestFor(found.sid), found.stored, found.clock);
    const memo = Object.values(session.__socket ?? {}).find((one) => one?.key === key);
    if (!memo || !snapshotOf(session) || (memo.id === connection.id && !options.oneTimeKeys)) {
      this.bind(found);
      return;
    }
    memo.id = connection.id;
    if (options.oneTimeKeys) memo.key = undefined;
    commitSession(adopted, session, { trusting: true }, (error) => {
      // The binding does not depend on it; only the messages of the Express side do.
      if (error) connection.report(error, KEY_EVENT);
      const stored = snapshotOf(session)?.stored;
      this.bind(typeof stored === 'string' ? { ...found, stored: { text: stored } } : found);
    });
  }

  /** @param {Found} found */
  bind(found) {
    const { connection, key, lookup } = this;
    // Logged out while we were looking, or the socket has left.
    const isLate = connection.sharing.isOver(found) || connection.hasLeft;
    const error = isLate ? failure('ERR_MISSING_DATA') : connection.bind(found);
    if (error !== undefined) {
      this.refuse(error);
      return;
    }
    lookup.use();
    connection.failed -= 1;
    this.answer({ key });
  }

  /** @param {any} error */
  refuse(error) {
    const { connection } = this;
    const { sharing, socket } = connection;
    // Anything else is the store's fault, not the client's.
    if (error?.code !== 'ERR_MISSING_DATA') {
      connection.failed -= 1;
      sharing.refused(error, { socket, event: KEY_EVENT });
    }
    this.answer(sharing.answerTo(error));
  }

  /** @param {{ key: string } | { error: string }} answer */
  answer(answer) {
    this.lookup.release();
    this.ack(answer);
  }
}

/**
 * Handles a `__zappa_key`.
 *
 * @param {Connection} connection
 * @param {any} data what the client sent
 * @param {any} ack its acknowledgement function; where it is none, nothing is answered and nothing is bound
 * @param {Error} [refused] why it is refused, whatever the key
 */
function presentKey(connection, data, ack, refused) {
  const { failed, sharing } = connection;
  // Without data, Socket.IO hands the acknowledgement over in its place.
  const reply = typeof data === 'function' && ack === undefined ? data : ack;
  if (typeof reply !== 'function') return;
  const key = reply === data ? undefined : data?.key;
  const left = Math.max(0, sharing.maxFailedKeys - failed);
  const error = native.present(sharing.adopted !== undefined, textOfKey(key), left);
  if (refused !== undefined) reply(sharing.answerTo(refused));
  else if (error !== -1) reply(sharing.answerTo(failure(error)));
  else new KeyEvent(connection, key, reply).present();
}

module.exports.KEY_EVENT = KEY_EVENT;
module.exports.presentKey = presentKey;
