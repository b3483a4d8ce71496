'use strict';

const { copies } = require('../../session/express-session.js');
const { isLive } = require('../../session/session-data.js');

/** The methods that a subclass or an app may have put its own in place of. */
const METHODS = ['get', 'set', 'destroy', 'touch', 'createSession'];

/**
 * Whether a store is the MemoryStore of a copy of express-session, with all of that class's methods.
 *
 * @param {any} store
 * @returns {boolean}
 */
function isMemoryStore(store) {
  for (const { MemoryStore } of copies()) {
    if (
      store instanceof MemoryStore &&
      METHODS.every((method) => store[method] === MemoryStore.prototype[method])
    )
      return typeof store.sessions === 'object' && store.sessions !== null;
  }
  return false;
}

/**
 * The driver of a MemoryStore, which keeps JSON texts under `sessions`: they are read, compared and set on this thread.
 *
 * @param {any} store
 * @returns {import('./index.js').Driver}
 */
function memoryDriver(store) {
  return {
    exact: 'processes',
    readText(sid) {
      const text = store.sessions[sid];
      return text !== undefined && isLive(text) ? text : undefined;
    },
    compareAndSet(sid, expected, { text }, callback) {
      const { sessions } = store;
      const current = sessions[sid];
      if (current !== expected) {
        callback(null, current ?? null);
        return;
      }
      sessions[sid] = text;
      callback(null, true);
    },
  };
}

module.exports.isMemoryStore = isMemoryStore;
module.exports.memoryDriver = memoryDriver;
