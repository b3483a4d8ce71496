'use strict';

const { answerJson } = require('./answer.js');
const { SessionKey } = require('./session-key.js');

/** One GET of a key. */
class KeyRequest {
  /**
   * @param {import('../sockets/sharing/sharing.js').Sharing} sharing
   * @param {{ req: any, res: any, params: any, session?: any }} context the host's context of the request
   */
  constructor(sharing, { req, res, params, session }) {
    this.sharing = sharing;
    this.res = res;
    this.isHead = req.method === 'HEAD';
    const done = (/** @type {unknown} */ error, /** @type {string} */ key = '') => {
      if (error) this.refuse(error);
      else this.end(200, { key });
    };
    this.key = new SessionKey(sharing, session ?? req.session, String(params.channel_name), done);
  }

  /** Answers, after what has to be stored is stored. */
  answer() {
    if (this.isHead) this.end(200);
    else this.key.find();
  }

  /** @param {unknown} error */
  refuse(error) {
    this.end(this.sharing.statusOf(error), this.sharing.answerTo(error));
  }

  /**
   * Ends the response, once; express-session saves the session before it goes out.
   *
   * @param {number} status
   * @param {{ [name: string]: string }} [body]
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
