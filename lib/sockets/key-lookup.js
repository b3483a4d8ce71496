'use strict';

const native = require('../../native.js');
const { UNREAD } = require('../stores/adopted-store.js');
const { failure } = require('../support/errors.js');
const { sessionOfRecord, sessionOfRecordText } = require('../stores/record.js');
const { UnparsedText } = require('../stores/drivers/redis-load.js');
const { isBrowserSession, isPlainlyBrowsers } = require('../session/session-data.js');

/**
 * The session that a key leads to, or a cookie.
 *
 * @typedef {object} Found
 * @property {string} sid
 * @property {any} data what the store holds; undefined where there is its text
 * @property {string} [text]
 * @property {number} [version] of the text, in an `EmbeddedStore`
 * @property {number} clock when it was read
 */

/** Finds the session of one key. */
class KeyLookup {
  /**
   * @param {import('./sharing.js').Sharing} sharing
   * @param {string} key well-formed
   * @param {(error: unknown, found?: Found) => void} done `ERR_MISSING_DATA` for all that is wrong with a key
   */
  constructor(sharing, key, done) {
    this.adopted = /** @type {import('../stores/adopted-store.js').AdoptedStore} */ (sharing.adopted);
    this.oneTime = sharing.options.oneTimeKeys;
    this.channel = sharing.channel;
    /** Whether the session's text will do. */
    this.takesText = !sharing.tellsExpress;
    this.key = key;
    this.done = done;
    /** Whether this is the one use of a one-time key. */
    this.claims = false;
  }

  begin() {
    const { adopted, key } = this;
    if (this.oneTime) {
      if (adopted.claimed.has(key)) {
        this.miss();
        return;
      }
      this.claims = true;
      adopted.claimed.add(key);
    } else {
      const vouched = native.vouchedSession(adopted.number, key, this.channel);
      if (vouched !== null) {
        this.look(vouched);
        return;
      }
      if (this.takesText && adopted.atOnce) {
        const sid = native.sessionOfKey(adopted.number, key);
        if (sid !== null) {
          this.lookAtOnce(adopted.atOnce, sid);
          return;
        }
      }
    }
    this.lookAtRecord();
  }

  /**
   * Reads the record together with the session that this process remembers it to name. It is the record's word that counts.
   *
   * @param {import('../stores/drivers/redis-pair.js').RedisPair} pair
   * @param {string} sid
   */
  lookAtOnce(pair, sid) {
    const { adopted, key } = this;
    const clock = adopted.clock();
    pair.get(key, sid, (error, texts) => {
      if (error) {
        this.done(error);
        return;
      }
      const [record, text] = texts ?? [];
      if (record === null) {
        this.miss();
        return;
      }
      // Redis refused, or a client is set to give bytes.
      if (typeof record !== 'string') {
        this.lookAtRecord();
        return;
      }
      const named = sessionOfRecordText(record, this.channel);
      if (named === sid && typeof text === 'string' && isPlainlyBrowsers(text)) {
        this.done(null, { sid, data: undefined, text, clock });
      } else this.named(named);
    });
  }

  lookAtRecord() {
    const { adopted, key } = this;
    const record = this.takesText && adopted.isAtHand() ? textAtHand(adopted, key).text : undefined;
    if (record !== undefined) {
      this.named(native.sessionOfRecord(record, this.channel));
      return;
    }
    const answered = (/** @type {unknown} */ error, /** @type {any} */ data) => {
      if (error) this.done(error);
      // As no record of ours is spelled.
      else if (data instanceof UnparsedText) adopted.get(key, answered);
      else this.named(sessionOfRecord(data, this.channel));
    };
    adopted.load(key, answered);
  }

  /** @param {string | null} sid the one that the key's record names */
  named(sid) {
    if (sid === null) this.miss();
    else this.look(sid);
  }

  /** A key is good only while its session exists. @param {string} sid */
  look(sid) {
    lookUp(this.adopted, sid, this.takesText, this.done);
  }

  /** One answer for all that is wrong with a key. */
  miss() {
    this.done(failure('ERR_MISSING_DATA'));
  }

  /** The key has been used: a one-time key is good no more. */
  use() {
    if (!this.oneTime) return;
    native.revokeKey(this.adopted.number, this.key);
    this.adopted.discard(this.key);
  }

  /** The key is nobody's right now. */
  release() {
    if (this.claims) this.adopted.claimed.delete(this.key);
  }
}

/**
 * Reads a browser's session.
 *
 * @param {import('../stores/adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 * @param {boolean} takesText whether its text will do
 * @param {(error: unknown, found?: Found) => void} done `ERR_MISSING_DATA` when there is none; called at once where the store
 *   need not be waited for
 */
function lookUp(adopted, sid, takesText, done) {
  const clock = adopted.clock();
  const stored = takesText && adopted.isAtHand() ? textAtHand(adopted, sid) : undefined;
  if (stored?.text !== undefined && isPlainlyBrowsers(stored.text)) {
    done(null, { sid, data: undefined, ...stored, clock });
    return;
  }
  const answered = (/** @type {unknown} */ error, /** @type {any} */ data) => {
    if (error) done(error);
    else if (data instanceof UnparsedText && isPlainlyBrowsers(data.text)) {
      done(null, { sid, data: undefined, text: data.text, clock });
    }
    // Of a text that is not plainly so, its object tells.
    else if (data instanceof UnparsedText) adopted.get(sid, answered);
    else if (isBrowserSession(data)) done(null, { sid, data, clock });
    else done(failure('ERR_MISSING_DATA'));
  };
  if (takesText) adopted.load(sid, answered);
  else adopted.get(sid, answered);
}

/**
 * @param {import('../stores/adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 * @returns {{ text: string | undefined, version: number }}
 */
function textAtHand(adopted, sid) {
  const text = adopted.peek(sid);
  return text === UNREAD ? adopted.read(sid) : { text, version: 0 };
}

module.exports.KeyLookup = KeyLookup;
module.exports.lookUp = lookUp;
