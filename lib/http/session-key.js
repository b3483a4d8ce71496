'use strict';

const native = require('../../native.js');
const { failure, isFailure } = require('../support/errors.js');
const { snapshotOf } = require('../session/snapshot.js');
const { sessionOfRecord } = require('../stores/stored.js');
const { lookForMistakes } = require('../support/warnings.js');

/** @import { Sharing } from '../sockets/sharing/sharing.js' */
/** @import { SocketSharing } from '../sockets/sharing/socket-sharing.js' */
/** @import { AdoptedStore } from '../stores/adopted-store.js' */

/** Keys whose records are being set, and the requests that wait for them. @type {Map<string, ((error: unknown) => void)[]>} */
const making = new Map();

/** The key of a session for a channel: the one that the session remembers, if it is good still, else a new one. */
class SessionKey {
  /**
   * @param {Sharing} sharing @param {any} session undefined for a request without one @param {string} channel
   * @param {(error: unknown, key?: string, isNoted?: boolean) => void} done called once; `isNoted`: the key has been
   *   written into the session, which has to be saved
   */
  constructor(sharing, session, channel, done) {
    this.sharing = sharing;
    this.adopted = /** @type {AdoptedStore} */ (sharing.adopted);
    this.session = session;
    this.channel = channel;
    this.done = done;
  }

  /** What the session remembers of its channels; undefined when the app keeps something else there. */
  get memos() {
    const memos = this.session?.__socket;
    return typeof memos === 'object' && memos !== null && !Array.isArray(memos) ? memos : undefined;
  }

  /** Finds the key, or makes it. */
  find() {
    const { channel, memos } = this;
    // Own properties only: a channel may be called `constructor`.
    const key = memos && Object.hasOwn(memos, channel) ? memos[channel]?.key : undefined;
    this.visit(typeof key === 'string' ? key : undefined);
  }

  /** @param {string | undefined} memo the key that the session remembers for this channel */
  visit(memo) {
    const { adopted, channel, memos, session, sharing } = this;
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
    if (step === 'check') this.check(key);
    else if (step === 'make') this.make(key);
    else if (step === 'join') making.get(key)?.push((failed) => this.made(key, failed));
    else if (step === 'share') this.made(key, null);
    else this.done(failure(error));
  }

  /** The session remembers a key: it is good if its record is still there. @param {string} key */
  check(key) {
    const { adopted, channel, session } = this;
    adopted.load(key, adopted, (error, stored) => {
      if (error) {
        this.sharing.refused(error, {});
        return this.done(error);
      }
      const sid = stored === undefined ? null : sessionOfRecord(stored.text);
      if (sid !== null && sid === session.id) {
        native.vouchKey(adopted.number, key, sid, channel);
        this.done(null, key);
      } else {
        native.revokeKey(adopted.number, key);
        this.visit(undefined);
      }
    });
  }

  /** @param {string} key */
  make(key) {
    const { adopted, session, sharing } = this;
    making.set(key, []);
    const { keyMaxAge } = sharing.options;
    const left = session.cookie?.maxAge;
    // No record outlives its session.
    const age = typeof left === 'number' && left > 0 ? Math.min(left, keyMaxAge) : keyMaxAge;
    const text = native.recordText(session.id, this.channel, age, Date.now());
    adopted.putRecord(key, JSON.parse(/** @type {string} */ (text)), (error) => {
      if (error) {
        native.revokeKey(adopted.number, key);
        // Once, though others may have joined.
        sharing.refused(error, {});
      } else native.keyMade(adopted.number, key, age);
      const joined = making.get(key) ?? [];
      making.delete(key);
      this.made(key, error);
      for (const join of joined) join(error);
    });
  }

  /** @param {string} key @param {unknown} error */
  made(key, error) {
    if (error) return this.done(error);
    this.session.__socket ??= {};
    const { channel, memos } = this;
    const isNoted = memos !== undefined && memos[channel]?.key !== key;
    if (isNoted) memos[channel] = { key };
    this.done(null, key, isNoted);
  }
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
      new SessionKey(sharing, session, channel, (error, key = '', isNoted = false) => {
        const given = (/** @type {unknown} */ failed) => (failed ? reject(failed) : resolve(key));
        // Before the page has the key: its socket may be there before the response has ended, and with it the session is saved.
        if (isNoted) session.save(given);
        else given(error);
      }).find();
    });
  } catch (error) {
    if (isFailure(error)) throw error;
    throw Object.assign(failure('ERR_STORE_UNAVAILABLE'), { cause: error });
  }
}

module.exports = { SessionKey, giveKey };
