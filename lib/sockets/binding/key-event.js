'use strict';

const native = require('../../../native.js');
const { commitSession } = require('../../stores/commit.js');
const { failure } = require('../../support/errors.js');
const { KeyLookup } = require('./key-lookup.js');
const { snapshotOf } = require('../../session/snapshot.js');

/** @typedef {import('../connection.js').Connection} Connection */
/** @typedef {import('./key-lookup.js').Found} Found */
/** @typedef {import('../sharing/sharing.js').Sharing} Sharing */

/** The event by which a client presents its key. */
const KEY_EVENT = '__zappa_key';

/** One `__zappa_key` of a socket. */
class KeyEvent {
  /**
   * @param {Connection} connection
   * @param {string} key well-formed
   * @param {(answer: { key: string } | { error: string }) => void} ack
   */
  constructor(connection, key, ack) {
    this.connection = connection;
    this.adopted = /** @type {import('../../stores/adopted-store.js').AdoptedStore} */ (
      connection.sharing.adopted
    );
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

  /**
   * Writes down which socket the app's Express side reaches on this channel: this one, since it has shown the key.
   *
   * @param {Found} found
   */
  write(found) {
    const { adopted, connection, key } = this;
    const { oneTimeKeys } = connection.sharing.options;
    if (!connection.sharing.tellsExpress) {
      this.bind(found);
      return;
    }
    const request = { sessionID: found.sid, sessionStore: adopted.store, session: undefined };
    const session = adopted.openSession(request, found.stored, found.clock, undefined);
    const memo = memoOf(session.__socket, key);
    if (!memo || !snapshotOf(session) || (memo.id === connection.id && !oneTimeKeys)) {
      this.bind(found);
      return;
    }
    memo.id = connection.id;
    if (oneTimeKeys) memo.key = undefined;
    commitSession(adopted, session, { trusting: true }, (error) => {
      // The binding does not depend on it; only the messages of the Express side do.
      if (error) connection.sharing.report(error, { socket: connection.socket, event: KEY_EVENT });
      const { stored } = /** @type {import('../../session/snapshot.js').Snapshot} */ (snapshotOf(session));
      this.bind(typeof stored === 'string' ? { ...found, stored: { text: stored } } : found);
    });
  }

  /** @param {Found} found */
  bind(found) {
    const { connection } = this;
    // Logged out while we were looking, or the socket has left.
    if (connection.sharing.isOver(found) || connection.hasLeft) {
      this.refuse(failure('ERR_MISSING_DATA'));
      return;
    }
    const error = connection.bind(found.sid, found.stored, found.clock);
    if (error !== -1) {
      this.refuse(failure(error));
      return;
    }
    this.lookup.use();
    connection.failed -= 1;
    this.answer({ key: this.key });
  }

  /** @param {any} error */
  refuse(error) {
    const { connection } = this;
    // Anything else is the store's fault, not the client's.
    if (error?.code !== 'ERR_MISSING_DATA') {
      connection.failed -= 1;
      connection.sharing.refused(error, { socket: connection.socket, event: KEY_EVENT });
    }
    this.answer(connection.sharing.answerTo(error));
  }

  /** @param {{ key: string } | { error: string }} answer */
  answer(answer) {
    this.lookup.release();
    this.ack(answer);
  }
}

/** What a session remembers under a key. @param {any} memos @param {string} key */
function memoOf(memos, key) {
  if (typeof memos !== 'object' || memos === null) return undefined;
  return Object.values(memos).find((memo) => memo?.key === key);
}

/**
 * Handles a `__zappa_key`.
 *
 * @param {Sharing} sharing
 * @param {Connection} connection
 * @param {any} data what the client sent
 * @param {any} ack its acknowledgement function; where it is none, nothing is answered and nothing is bound
 */
function presentKey(sharing, connection, data, ack) {
  const reply = replyOf(data, ack);
  if (reply === undefined) return;
  const key = reply === data ? undefined : data?.key;
  const left = Math.max(0, sharing.maxFailedKeys - connection.failed);
  const error = native.present(sharing.adopted !== undefined, key, left);
  if (error === -1) new KeyEvent(connection, key, reply).present();
  else reply(sharing.answerTo(failure(error)));
}

/**
 * How a `__zappa_key` is answered: without data, Socket.IO hands the acknowledgement over in its place.
 *
 * @param {any} data
 * @param {any} ack
 * @returns {((answer: { key: string } | { error: string }) => void) | undefined} undefined where nobody waits for an answer
 */
function replyOf(data, ack) {
  const reply = typeof data === 'function' && ack === undefined ? data : ack;
  return typeof reply === 'function' ? reply : undefined;
}

/**
 * Refuses the `__zappa_key` of a socket that a page of another origin has opened, whatever the key.
 *
 * @param {Sharing} sharing
 * @param {any} data
 * @param {any} ack
 */
function refuseKey(sharing, data, ack) {
  replyOf(data, ack)?.(sharing.answerTo(failure('ERR_BAD_ORIGIN')));
}

module.exports.KEY_EVENT = KEY_EVENT;
module.exports.presentKey = presentKey;
module.exports.refuseKey = refuseKey;
