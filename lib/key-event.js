'use strict';

const native = require('../native.js');
const { failure, words } = require('./failure.js');
const { originOf } = require('./origin.js');
const { commitSession } = require('./commit.js');
const { sessionOfRecord } = require('./record.js');
const { isBrowserSession } = require('./session-data.js');

/** One `__zappa_key` of a socket. */
class KeyEvent {
  /**
   * @param {import('./connection.js').Connection} connection
   * @param {string} key well-formed
   * @param {(answer: { key: string } | { error: string }) => void} ack
   */
  constructor(connection, key, ack) {
    this.connection = connection;
    this.adopted = /** @type {import('./adopted-store.js').AdoptedStore} */ (connection.sharing.adopted);
    this.key = key;
    this.ack = ack;
    /** @type {string} */
    this.sid = '';
    /** Whether this is the one use of a one-time key. */
    this.claims = false;
    this.clock = this.adopted.clock();
  }

  /** Finds the key's session, and binds the socket to it. */
  present() {
    const { adopted, connection, key } = this;
    // Until it has turned out to be good, each key counts as one in vain: they may come all at once.
    connection.failed += 1;
    if (connection.sharing.options.oneTimeKeys) {
      if (adopted.claimed.has(key)) {
        this.miss();
        return;
      }
      this.claims = true;
      adopted.claimed.add(key);
    } else {
      const vouched = native.vouchedSession(adopted.number, key);
      if (vouched !== null) {
        this.look(vouched);
        return;
      }
    }
    this.adopted.get(this.key, (error, record) => {
      if (error) this.fail(error);
      else {
        const sid = sessionOfRecord(record);
        if (sid === null) this.miss();
        else this.look(sid);
      }
    });
  }

  /** A key is good only while its session exists. @param {string} sid */
  look(sid) {
    this.sid = sid;
    this.clock = this.adopted.clock();
    this.adopted.get(sid, (error, data) => {
      if (error) this.fail(error);
      else if (isBrowserSession(data)) this.write(data);
      else this.miss();
    });
  }

  /**
   * Writes down which socket the app's Express side reaches on this channel: this one, since it has shown the key.
   *
   * @param {any} data
   */
  write(data) {
    const { adopted, connection, key, sid } = this;
    const { oneTimeKeys } = connection.sharing.options;
    const request = { sessionID: sid, sessionStore: adopted.store, session: undefined };
    const session = adopted.store.createSession(request, data);
    const memo = memoOf(session.__socket, key);
    if (!memo || !originOf(session) || (memo.id === connection.id && !oneTimeKeys)) {
      this.bind();
      return;
    }
    memo.id = connection.id;
    if (oneTimeKeys) memo.key = undefined;
    commitSession(adopted, session, true, (error) => {
      // The binding does not depend on it; only the messages of the Express side do.
      if (error) connection.sharing.report(error, { socket: connection.socket, event: '__zappa_key' });
      this.bind();
    });
  }

  bind() {
    const { adopted, connection, key, sid } = this;
    // Logged out while we were looking, or the socket has left.
    if (adopted.since(sid, this.clock) === 'gone' || connection.disconnected) {
      this.miss();
      return;
    }
    const error = connection.bind(adopted, sid);
    if (error !== -1) {
      this.fail(failure(error));
      return;
    }
    if (connection.sharing.options.oneTimeKeys) {
      native.revokeKey(adopted.number, key);
      adopted.discard(key);
    }
    connection.failed -= 1;
    this.answer({ key });
  }

  /** One answer for all that is wrong with a key. */
  miss() {
    this.answer({ error: failure('ERR_MISSING_DATA').message });
  }

  /** @param {unknown} error */
  fail(error) {
    // The store's fault, not the client's.
    this.connection.failed -= 1;
    this.answer({ error: words(error) });
  }

  /** @param {{ key: string } | { error: string }} answer */
  answer(answer) {
    if (this.claims) this.adopted.claimed.delete(this.key);
    this.ack(answer);
  }
}

/**
 * What a session remembers under a key.
 *
 * @param {any} memos
 * @param {string} key
 */
function memoOf(memos, key) {
  if (typeof memos !== 'object' || memos === null) return undefined;
  return Object.values(memos).find((memo) => memo?.key === key);
}

/**
 * Handles a `__zappa_key`.
 *
 * @param {import('./sharing.js').Sharing} sharing
 * @param {import('./connection.js').Connection} connection
 * @param {any} data what the client sent
 * @param {any} ack its acknowledgement function; where it is none, nothing is answered and nothing is bound
 */
function presentKey(sharing, connection, data, ack) {
  // Without data, Socket.IO hands the acknowledgement over in its place.
  const hasNoData = typeof data === 'function' && ack === undefined;
  const reply = hasNoData ? data : ack;
  if (typeof reply !== 'function') return;
  const key = hasNoData ? undefined : data?.key;
  const error = native.present(sharing.adopted !== undefined, key, connection.failed);
  if (error === -1) new KeyEvent(connection, key, reply).present();
  else reply({ error: failure(error).message });
}

module.exports.presentKey = presentKey;
