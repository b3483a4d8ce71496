'use strict';

const native = require('../../native.js');
const { failure } = require('../support/errors.js');
const { sessionOfRecord } = require('../stores/record.js');

/** Keys whose records are being set, and the requests that wait for them. @type {Map<string, ((error: unknown) => void)[]>} */
const making = new Map();

/** The key of a session for a channel: the one that the session remembers, if it is good still, else a new one. */
class SessionKey {
  /**
   * @param {import('../sockets/sharing/sharing.js').Sharing} sharing
   * @param {any} session undefined for a request without one
   * @param {string} channel
   * @param {(error: unknown, key?: string, isNoted?: boolean) => void} done called once; `isNoted`: the key has been written into
   *   the session, which has to be saved
   */
  constructor(sharing, session, channel, done) {
    this.sharing = sharing;
    this.adopted = sharing.adopted;
    this.session = session;
    this.channel = channel;
    this.done = done;
  }

  /** Finds the key, or makes it. */
  find() {
    this.visit(this.memo());
  }

  /** What the session remembers of its channels; undefined when the app keeps something else there. */
  memos() {
    const memos = this.session?.__socket;
    return typeof memos === 'object' && memos !== null && !Array.isArray(memos) ? memos : undefined;
  }

  /** The key that the session remembers for this channel. @returns {string | undefined} */
  memo() {
    const memos = this.memos();
    // Own properties only: a channel may be called `constructor`.
    const memo = memos && Object.hasOwn(memos, this.channel) ? memos[this.channel] : undefined;
    return typeof memo?.key === 'string' ? memo.key : undefined;
  }

  /** @param {string | undefined} memo */
  visit(memo) {
    const memos = this.memos();
    const isNew = !memos || !Object.hasOwn(memos, this.channel);
    const { step, key, error } = native.visit({
      store: this.adopted?.number,
      sid: this.session?.id,
      channel: this.channel,
      memo,
      channels: memos && isNew ? Object.keys(memos).length : 0,
      maxChannels: this.sharing.options.maxChannels,
      maxKeys: this.sharing.maxKeysPerMinute,
      oneTime: this.sharing.options.oneTimeKeys,
    });
    if (step === 'check') this.check(key);
    else if (step === 'make') this.make(key);
    else if (step === 'join') making.get(key)?.push((failed) => this.made(key, failed));
    else if (step === 'share') this.made(key, null);
    else this.done(failure(error));
  }

  /** The session remembers a key: it is good if its record is still there. @param {string} key */
  check(key) {
    const adopted = /** @type {import('../stores/adopted-store.js').AdoptedStore} */ (this.adopted);
    adopted.load(key, {}, (error, stored) => {
      if (error) {
        this.sharing.refused(error, {});
        this.done(error);
        return;
      }
      const sid = stored === undefined ? null : sessionOfRecord(stored.text);
      if (sid !== null && sid === this.session.id) {
        native.vouchKey(adopted.number, key, sid, this.channel);
        this.done(null, key);
      } else {
        native.revokeKey(adopted.number, key);
        this.visit(undefined);
      }
    });
  }

  /** @param {string} key */
  make(key) {
    const adopted = /** @type {import('../stores/adopted-store.js').AdoptedStore} */ (this.adopted);
    making.set(key, []);
    const age = this.maxAge();
    const record = JSON.parse(
      /** @type {string} */ (native.recordText(this.session.id, this.channel, age, Date.now())),
    );
    adopted.putRecord(key, record, (error) => {
      if (error) {
        native.revokeKey(adopted.number, key);
        // Once, though others may have joined.
        this.sharing.refused(error, {});
      } else native.keyMade(adopted.number, key, age);
      const joined = making.get(key) ?? [];
      making.delete(key);
      this.made(key, error);
      for (const join of joined) join(error);
    });
  }

  /** How long the record lives, in ms: no longer than its session. */
  maxAge() {
    const { keyMaxAge } = this.sharing.options;
    const left = this.session.cookie?.maxAge;
    return typeof left === 'number' && left > 0 ? Math.min(left, keyMaxAge) : keyMaxAge;
  }

  /**
   * @param {string} key
   * @param {unknown} error
   */
  made(key, error) {
    if (error) {
      this.done(error);
      return;
    }
    this.session.__socket ??= {};
    const memos = this.memos();
    const isNoted = memos !== undefined && memos[this.channel]?.key !== key;
    if (isNoted) memos[this.channel] = { key };
    this.done(null, key, isNoted);
  }
}

module.exports.SessionKey = SessionKey;
