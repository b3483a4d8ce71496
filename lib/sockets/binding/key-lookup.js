'use strict';

const native = require('../../../native.js');
const { failure } = require('../../support/errors.js');
const { sessionOfRecord } = require('../../stores/record.js');
const { isBrowserSession } = require('../../session/session-data.js');

/**
 * The session that a key leads to, or a cookie.
 *
 * @typedef {object} Found
 * @property {string} sid
 * @property {import('../../stores/stored.js').Stored} stored what the store holds
 * @property {number | undefined} clock when it was read
 */

/** Finds the session of one key. */
class KeyLookup {
  /**
   * @param {import('../sharing/sharing.js').Sharing} sharing
   * @param {string} key well-formed
   * @param {(error: unknown, found?: Found) => void} done `ERR_MISSING_DATA` for all that is wrong with a key
   */
  constructor(sharing, key, done) {
    this.adopted = /** @type {import('../../stores/adopted-store.js').AdoptedStore} */ (sharing.adopted);
    this.oneTime = sharing.options.oneTimeKeys;
    this.channel = sharing.channel;
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
    }
    this.lookAtRecord();
  }

  lookAtRecord() {
    this.adopted.load(this.key, {}, (error, stored) => {
      if (error) this.done(error);
      else this.named(stored === undefined ? null : sessionOfRecord(stored.text, this.channel));
    });
  }

  /** @param {string | null} sid the one that the key's record names */
  named(sid) {
    if (sid === null) this.miss();
    else this.look(sid);
  }

  /** A key is good only while its session exists. @param {string} sid */
  look(sid) {
    lookUp(this.adopted, sid, this.done);
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
 * @param {import('../../stores/adopted-store.js').AdoptedStore} adopted
 * @param {string} sid
 * @param {(error: unknown, found?: Found) => void} done `ERR_MISSING_DATA` when there is none; called before this returns if
 *   the session is at hand
 */
function lookUp(adopted, sid, done) {
  /** @type {number | undefined} */
  let clock;
  const answered = (
    /** @type {unknown} */ error,
    /** @type {import('../../stores/stored.js').Stored | undefined} */ stored,
  ) => {
    if (error) done(error);
    else if (stored !== undefined && isBrowserSession(stored.text)) done(null, { sid, stored, clock });
    else done(failure('ERR_MISSING_DATA'));
  };
  if (adopted.isAtHand()) {
    clock = adopted.clock();
    const text = adopted.readText(sid);
    answered(null, text === undefined ? undefined : { text });
  } else clock = adopted.load(sid, {}, answered);
}

module.exports.KeyLookup = KeyLookup;
module.exports.lookUp = lookUp;
