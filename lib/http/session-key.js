'use strict';

const native = require('../../native.js');
const { failure, isFailure } = require('../support/errors.js');
const { snapshotOf } = require('../session/snapshot.js');
const { sessionOfRecord } = require('../stores/stored.js');
const { lookForMistakes } = require('../support/warnings.js');

/** @import { Sharing } from '../sockets/sharing/sharing.js' */
/** @import { SocketSharing } from '../sockets/sharing/socket-sharing.js' */
/** @import { AdoptedStore } from '../stores/adopted-store.js' */

/** The last moment whose year has four digits, in ms since 1970. */
const LAST = 253_402_300_799_999;
/** Keys whose records are being set, and the requests that wait for them. @type {Map<string, ((error: unknown) => void)[]>} */
const making = new Map();

/**
 * Finds the key of a session for a channel: the one that the session remembers, if it is good still, else a new one.
 * @param {Sharing} sharing @param {any} session undefined for a request without one @param {string} channel
 * @param {(error: unknown, key?: string, isNoted?: boolean) => void} done called once; `isNoted`: the key has been written into
 *   the session, which has to be saved
 */
function findKey(sharing, session, channel, done) {
  const adopted = /** @type {AdoptedStore} */ (sharing.adopted);

  /** @param {string | undefined} memo the key that the session remembers for this channel */
  const visit = (memo) => {
    const memos = memosOf(session);
    const isNew = !memos || !Object.hasOwn(memos, channel);
    const { step, key, error } = native.visit({
      store: adopted?.number,
      sid: session?.id,
      channel,
      memo,
      channels: memos && isNew ? Object.keys(memos).length : 0,
      maxChannels: sharing.options.maxChannels,
      maxKeys: sharing.options.maxKeysPerMinute,
      oneTime: sharing.options.oneTimeKeys,
    });
    if (step === 'check') check(key);
    else if (step === 'make') make(key);
    else if (step === 'join') making.get(key)?.push((failed) => made(key, failed));
    else if (step === 'share') made(key, null);
    else done(failure(error));
  };

  /** The session remembers a key: it is good if its record is still there. @param {string} key */
  const check = (key) => {
    adopted.load(key, adopted, (error, stored) => {
      if (error) {
        sharing.refused(error, {});
        return done(error);
      }
      const sid = stored === undefined ? null : sessionOfRecord(stored.text);
      if (sid !== null && sid === session.id) {
        native.vouchKey(adopted.number, key, sid, channel);
        done(null, key);
      } else {
        native.revokeKey(adopted.number, key);
        visit(undefined);
      }
    });
  };

  /** @param {string} key */
  const make = (key) => {
    making.set(key, []);
    const { keyMaxAge } = sharing.options;
    const left = session.cookie?.maxAge;
    // No record outlives its session.
    const age = typeof left === 'number' && left > 0 ? Math.min(left, keyMaxAge) : keyMaxAge;
    const expires = new Date(Math.min(Date.now() + age, LAST)).toISOString();
    adopted.putRecord(key, JSON.parse(native.recordText(session.id, channel, age, expires)), (error) => {
      if (error) {
        native.revokeKey(adopted.number, key);
        // Once, though others may have joined.
        sharing.refused(error, {});
      } else native.keyMade(adopted.number, key, age);
      const joined = making.get(key) ?? [];
      making.delete(key);
      made(key, error);
      for (const join of joined) join(error);
    });
  };

  /** @param {string} key @param {unknown} error */
  const made = (key, error) => {
    if (error) return done(error);
    session.__socket ??= {};
    const memos = memosOf(session);
    const isNoted = memos !== undefined && memos[channel]?.key !== key;
    if (isNoted) memos[channel] = { key };
    done(null, key, isNoted);
  };

  const memos = memosOf(session);
  // Own properties only: a channel may be called `constructor`.
  const key = memos && Object.hasOwn(memos, channel) ? memos[channel]?.key : undefined;
  visit(typeof key === 'string' ? key : undefined);
}

/** What a session remembers of its channels; undefined when the app keeps something else there. @param {any} session */
function memosOf(session) {
  const memos = session?.__socket;
  return typeof memos === 'object' && memos !== null && !Array.isArray(memos) ? memos : undefined;
}

/**
 * Gives a session's key to the app, for a page that is rendered on the server; see index.d.ts.
 * @param {SocketSharing} sharing @param {any} session of a request @param {unknown} channel
 * @returns {Promise<string>}
 */
async function giveKey(sharing, session, channel) {
  if (typeof channel !== 'string') throw failure('ERR_BAD_CHANNEL');
  if (sharing.closed) throw failure('ERR_NO_SESSION_STORE');
  // Each session of express-session has its request.
  const request = { session: session ?? undefined, sessionStore: session?.req?.sessionStore };
  if (lookForMistakes(sharing, request) || typeof session?.save !== 'function')
    throw failure('ERR_NO_SESSION');
  const snapshot = snapshotOf(session);
  if (snapshot && sharing.adopted?.since(snapshot.sid, snapshot.clock) === 'gone')
    throw failure('ERR_SESSION_GONE');
  try {
    return await new Promise((resolve, reject) => {
      findKey(sharing, session, channel, (error, key = '', isNoted = false) => {
        const given = (/** @type {unknown} */ failed) => (failed ? reject(failed) : resolve(key));
        // Before the page has the key: its socket may be there before the response has ended, and with it the session is saved.
        if (isNoted) session.save(given);
        else given(error);
      });
    });
  } catch (error) {
    if (isFailure(error)) throw error;
    throw Object.assign(failure('ERR_STORE_UNAVAILABLE'), { cause: error });
  }
}

module.exports = { findKey, giveKey };
