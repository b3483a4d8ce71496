'use strict';

const native = require('../../../native.js');
const { failure } = require('../../support/errors.js');
const { sessionOfRecord } = require('../../stores/record.js');
const { isBrowserSession } = require('../../session/session-data.js');

/** @typedef {import('../../stores/adopted-store.js').AdoptedStore} AdoptedStore */
/** @typedef {import('../../stores/stored.js').Stored} Stored */
/** @typedef {import('../sharing/sharing.js').Sharing} Sharing */

/**
 * The session that a key leads to, or a cookie.
 *
 * @typedef {object} Found
 * @property {string} sid
 * @property {Stored} stored what the store holds
 * @property {number} clock when it was read
 *
 * @typedef {(error: unknown, found?: Found) => void} WhenFound gets `ERR_MISSING_DATA` where there is none
 */

/** Finds the session of one key. */
class KeyLookup {
  /** @param {Sharing} sharing @param {string} key well-formed @param {WhenFound} done */
  constructor(sharing, key, done) {
    this.adopted = /** @type {AdoptedStore} */ (sharing.adopted);
    this.isOneTime = sharing.options.oneTimeKeys;
    this.channel = sharing.channel;
    this.key = key;
    this.done = done;
    /** Whether this is the one use of a one-time key. */
    this.claims = false;
  }

  begin() {
    const { adopted, channel, done, isOneTime, key } = this;
    if (isOneTime && adopted.claimed.has(key)) {
      done(failure('ERR_MISSING_DATA'));
      return;
    }
    this.claims = isOneTime;
    if (isOneTime) adopted.claimed.add(key);
    const vouched = isOneTime ? null : native.vouchedSession(adopted.number, key, channel);
    if (vouched !== null) {
      lookUp(adopted, vouched, done);
      return;
    }
    adopted.load(key, adopted, (error, stored) => {
      const sid = stored === undefined ? null : sessionOfRecord(stored.text, channel);
      if (error) done(error);
      else if (sid === null) done(failure('ERR_MISSING_DATA'));
      // A key is good only while its session exists.
      else lookUp(adopted, sid, done);
    });
  }

  /** The key has been used: a one-time key is good no more. */
  use() {
    if (!this.isOneTime) return;
    native.revokeKey(this.adopted.number, this.key);
    this.adopted.discard(this.key);
  }

  /** The key is nobody's right now. */
  release() {
    if (this.claims) this.adopted.claimed.delete(this.key);
  }
}

/** What a client has presented as its key, as a text: empty for what is none; undefined where it sent nothing. @param {unknown} presented */
function textOfKey(presented) {
  if (presented === undefined || presented === null) return undefined;
  return typeof presented === 'string' ? presented : '';
}

/** Looks a browser's session up. @param {AdoptedStore} adopted @param {string} sid @param {WhenFound} done */
function lookUp(adopted, sid, done) {
  adopted.read(sid, (error, stored, clock) => {
    if (error) done(error);
    else if (stored !== undefined && isBrowserSession(stored.text)) done(null, { sid, stored, clock });
    else done(failure('ERR_MISSING_DATA'));
  });
}

module.exports.KeyLookup = KeyLookup;
module.exports.lookUp = lookUp;
module.exports.textOfKey = textOfKey;
