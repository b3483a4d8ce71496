'use strict';

/** How long at most the end of a session waits for the responses under way, in ms. */
const PATIENCE = 2000;

/** The responses under way, by the session that their request came with. */
class Responses {
  constructor() {
    /** @type {Map<string, Set<any>>} */
    this.open = new Map();
  }

  /**
   * A request has come.
   *
   * @param {string} sid
   * @param {any} res
   */
  begin(sid, res) {
    let responses = this.open.get(sid);
    if (responses === undefined) {
      responses = new Set();
      this.open.set(sid, responses);
    }
    responses.add(res);
    res.once('close', () => {
      responses.delete(res);
      if (responses.size === 0 && this.open.get(sid) === responses) this.open.delete(sid);
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
    const waiting = new Set(this.open.get(sid));
    if (waiting.size === 0) {
      callback();
      return;
    }
    const finish = () => {
      clearTimeout(timer);
      callback();
    };
    const timer = setTimeout(() => {
      waiting.clear();
      callback();
    }, PATIENCE);
    timer.unref();
    for (const res of waiting) {
      res.once('close', () => {
        if (waiting.delete(res) && waiting.size === 0) finish();
      });
    }
  }
}

module.exports.Responses = Responses;
