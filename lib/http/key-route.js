'use strict';

const native = require('../../native.js');
const { answerJson } = require('./answer.js');
const { failure } = require('../support/errors.js');
const { sessionOfRecord } = require('../stores/record.js');

/** Keys whose records are being set, and the requests that wait for them. @type {Map<string, ((error: unknown) => void)[]>} */
const making = new Map();

/** One GET of a key. */
class KeyRequest {
  /**
   * @param {import('../sockets/sharing.js').Sharing} sharing
   * @param {{ req: any, res: any, params: any, session?: any }} context the host's context of the request
   */
  constructor(sharing, context) {
    this.sharing = sharing;
    this.adopted = sharing.adopted;
    this.req = context.req;
    this.res = context.res;
    this.session = context.session ?? context.req.session;
    /** @type {string} */
    this.channel = String(context.params.channel_name);
  }

  /** Answers, after what has to be stored is stored. */
  answer() {
    if (this.req.method === 'HEAD') this.end(200, undefined);
    else this.visit(this.memo());
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
    else this.refuse(failure(error));
  }

  /** The session remembers a key: it is good if its record is still there. @param {string} key */
  check(key) {
    const adopted = /** @type {import('../stores/adopted-store.js').AdoptedStore} */ (this.adopted);
    adopted.get(key, (error, record) => {
      if (error) {
        this.sharing.refused(error, {});
        this.refuse(error);
        return;
      }
      const sid = sessionOfRecord(record);
      if (sid !== null && sid === this.session.id) {
        native.vouchKey(adopted.number, key, sid, this.channel);
        this.give(key);
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
      this.refuse(error);
      return;
    }
    this.session.__socket ??= {};
    const memos = this.memos();
    if (memos && memos[this.channel]?.key !== key) memos[this.channel] = { key };
    this.give(key);
  }

  /** @param {string} key */
  give(key) {
    this.end(200, { key });
  }

  /** @param {unknown} error */
  refuse(error) {
    this.end(this.sharing.statusOf(error), this.sharing.answerTo(error));
  }

  /**
   * Ends the response, once; express-session saves the session before it goes out.
   *
   * @param {number} status
   * @param {{ [name: string]: string } | undefined} body
   */
  end(status, body) {
    const { res } = this;
    if (res.headersSent) return;
    // A credential: no cache keeps it.
    res.setHeader('Cache-Control', 'no-store');
    answerJson(res, status, body);
  }
}

module.exports.KeyRequest = KeyRequest;
