'use strict';

const native = require('../../../native.js');
const { failure } = require('../../support/errors.js');
const { LONGEST } = require('../../support/rules.js');
const { sessionOfRecord } = require('../../stores/stored.js');
const { isBrowserSession } = require('../../session/session-data.js');
const { setTimeout } = require('../../support/timers.js');

/** @import { Sharing } from '../sharing/sharing.js' */
/** @import { AdoptedStore } from '../../stores/adopted-store.js' */
/** @import { Stored } from '../../stores/stored.js' */

/**
 * The session that a key leads to, or a cookie, as the store held it when it was read.
 * @typedef {{ sid: string, stored: Stored, clock: number }} Found
 * @typedef {(error: unknown, found?: Found) => void} WhenFound gets `ERR_MISSING_DATA` where there is none
 */

/**
 * Finds the session of a key.
 * @param {Sharing} sharing @param {string} key well-formed
 * @param {(error: unknown, found: Found | undefined, end: (isUsed: boolean) => void) => void} done calls `end` when the key has been used,
 *   or is not going to be: until then nobody else can use a one-time key
 */
function lookUpKey(sharing, key, done) {
  const { channel, keyMaxAge, oneTimeKeys } = sharing.options;
  const adopted = /** @type {AdoptedStore} */ (sharing.adopted);
  if (oneTimeKeys && adopted.claimed.has(key)) return done(failure('ERR_MISSING_DATA'), undefined, () => {});
  if (oneTimeKeys) adopted.claimed.add(key);
  const end = (/** @type {boolean} */ isUsed) => {
    if (!oneTimeKeys) return;
    const forget = () => adopted.claimed.delete(key);
    if (!isUsed) {
      forget();
      return;
    }
    native.revokeKey(adopted.number, key);
    // Where the store fails, its record lives until it expires.
    adopted.discard(key, (failed) =>
      failed ? setTimeout(forget, Math.min(keyMaxAge, LONGEST)).unref() : forget(),
    );
  };
  /** @type {WhenFound} */
  const found = (error, session) => done(error, session, end);
  const vouched = oneTimeKeys ? null : native.vouchedSession(adopted.number, key, channel);
  if (vouched !== null) return lookUp(adopted, vouched, found);
  adopted.load(key, adopted, (error, stored) => {
    const sid = stored === undefined ? null : sessionOfRecord(stored.text, channel);
    if (error) found(error);
    else if (sid === null) found(failure('ERR_MISSING_DATA'));
    // A key is good only while its session exists.
    else lookUp(adopted, sid, found);
  });
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

module.exports = { lookUp, lookUpKey, textOfKey };
