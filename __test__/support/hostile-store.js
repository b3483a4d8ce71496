'use strict';

// A store over MemoryStore that misbehaves on demand and remembers what it was asked.
//
//   store.next('get', 'error')                   the next get
//   store.always('set', 'never', (sid) => …)     every set, of the ids that match
//   const hold = store.hold('get', (sid) => …)   the next get answers when told: await hold.reached; hold.release()
//
// It wraps MemoryStore instead of inheriting from it, so that nobody takes it for one.

const session = require('express-session');
const { deferred } = require('./deferred.js');

const BEHAVIOURS = {
  // With a status, as an HTTP client's or http-errors' have one: it is not meant for a client.
  error: (_run, answer) => setImmediate(answer, Object.assign(new Error('scripted'), { status: 418 })),
  'error string': (_run, answer) => setImmediate(answer, 'scripted string'),
  enoent: (_run, answer) =>
    setImmediate(answer, Object.assign(new Error('no such file'), { code: 'ENOENT' })),
  throw: () => {
    throw Object.assign(new Error('scripted throw'), { status: 418 });
  },
  never: () => {},
  twice: (run, answer) =>
    run((...args) => {
      answer(...args);
      setImmediate(answer, ...args);
    }),
  'twice at once': (run, answer) =>
    run((...args) => {
      answer(...args);
      answer(...args);
    }),
};

class HostileStore extends session.Store {
  constructor() {
    super();
    this.inner = new session.MemoryStore();
    this.calls = [];
    this.scripts = [];
  }

  always(method, behaviour, match = () => true) {
    this.scripts.push({ method, behaviour, match, once: false });
  }

  next(method, behaviour, match = () => true) {
    this.scripts.push({ method, behaviour, match, once: true });
  }

  hold(method, match) {
    const reached = deferred();
    const released = deferred();
    this.next(
      method,
      (run, answer) => {
        reached.resolve();
        released.promise.then(() => run(answer));
      },
      match,
    );
    return { reached: reached.promise, release: released.resolve };
  }

  // The stale read: the store looks now, and its answer travels until it is released.
  holdAnswer(method, match) {
    const reached = deferred();
    const released = deferred();
    this.next(
      method,
      (run, answer) =>
        run((...args) => {
          reached.resolve();
          released.promise.then(() => answer(...args));
        }),
      match,
    );
    return { reached: reached.promise, release: released.resolve };
  }

  behave() {
    this.scripts = [];
  }

  // What was asked since the last time this was called.
  taken() {
    return this.calls.splice(0);
  }

  count(method) {
    return this.calls.filter((call) => call.method === method).length;
  }

  text(sid) {
    return this.inner.sessions[sid];
  }

  read(sid) {
    const text = this.text(sid);
    return text && JSON.parse(text);
  }

  plant(sid, value) {
    this.inner.sessions[sid] = JSON.stringify(value);
  }

  remove(sid) {
    delete this.inner.sessions[sid];
  }

  ids() {
    return Object.keys(this.inner.sessions);
  }

  act(method, sid, args, callback = () => {}) {
    this.calls.push({ method, sid });
    const given = sid === undefined ? args : [sid, ...args];
    const run = (answer) => this.inner[method](...given, answer);
    const index = this.scripts.findIndex((script) => script.method === method && script.match(sid, ...args));
    if (index < 0) {
      run(callback);
      return;
    }
    const { behaviour, once } = this.scripts[index];
    if (once) {
      this.scripts.splice(index, 1);
    }
    const act = typeof behaviour === 'function' ? behaviour : BEHAVIOURS[behaviour];
    act(run, callback);
  }

  get(sid, callback) {
    this.act('get', sid, [], callback);
  }

  set(sid, value, callback) {
    this.act('set', sid, [value], callback);
  }

  destroy(sid, callback) {
    this.act('destroy', sid, [], callback);
  }

  touch(sid, value, callback) {
    this.act('touch', sid, [value], callback);
  }

  clear(callback) {
    this.act('clear', undefined, [], callback);
  }
}

// better-sqlite3-session-store and its like: every answer comes before the call returns.
class SynchronousStore extends HostileStore {
  act(method, sid, args, callback = () => {}) {
    this.calls.push({ method, sid });
    if (method === 'get') {
      const text = this.inner.sessions[sid];
      callback(null, text && JSON.parse(text));
      return;
    }
    this.inner[method](sid, ...args);
    callback(null);
  }
}

module.exports = { HostileStore, SynchronousStore };
