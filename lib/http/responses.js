'use strict';

/** How long at most the end of a session waits for the responses under way, in ms. */
const PATIENCE = 2000;
/** Most responses are waited for by nobody. @type {(() => void)[]} */
const NOBODY = [];

/** The responses under way, by the session that their request came with. */
class Responses {
  constructor() {
    /** Of each, what is called when it is out. @type {Map<string, Map<any, (() => void)[]>>} */
    this.open = new Map();
  }

  /**
   * A request has come.
   *
   * @param {string} sid
   * @param {any} res
   */
  begin(sid, res) {
    // Its client has not waited for the store: it is out, and will not say so again.
    if (res.closed || res.destroyed) return;
    let responses = this.open.get(sid);
    if (responses === undefined) {
      responses = new Map();
      this.open.set(sid, responses);
    }
    if (responses.has(res)) return;
    responses.set(res, NOBODY);
    // One listener, however many sockets wait for it: more than ten, and Node.js takes them for a leak.
    res.once('close', () => {
      const waiting = responses.get(res) ?? NOBODY;
      responses.delete(res);
      if (responses.size === 0 && this.open.get(sid) === responses) this.open.delete(sid);
      for (const callback of waiting) callback();
    });
  }

  /**
   * Calls back once those of a session are out that are under way now, one of which may bring the browser its next
   * cookie; at once where there are none.
   *
   * @param {string} sid
   * @param {() => void} callback
   */
  afterThose(sid, callback) {
    const responses = this.open.get(sid);
    if (responses === undefined) {
      callback();
      return;
    }
    let left = responses.size;
    const timer = setTimeout(() => {
      left = 0;
      callback();
    }, PATIENCE);
    timer.unref();
    const out = () => {
      left -= 1;
      if (left !== 0) return;
      clearTimeout(timer);
      callback();
    };
    for (const [res, waiting] of responses) {
      if (waiting === NOBODY) responses.set(res, [out]);
      else waiting.push(out);
    }
  }
}

module.exports.Responses = Responses;
