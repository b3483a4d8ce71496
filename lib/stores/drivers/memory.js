'use strict';

/**
 * express-session's own MemoryStore, untouched by subclass or app: it keeps JSON texts under `sessions`, and a commit
 * to it compares and sets in one go, on this thread.
 *
 * @param {any} store
 * @returns {boolean}
 */
function isMemoryStore(store) {
  const prototype = Object.getPrototypeOf(store);
  return (
    prototype?.constructor?.name === 'MemoryStore' &&
    typeof store.sessions === 'object' &&
    store.sessions !== null &&
    ['get', 'set', 'destroy', 'touch', 'createSession'].every((method) => store[method] === prototype[method])
  );
}

/** @type {import('./index.js').CommitTo} */
function commitToMemory(adopted, commit, done) {
  const { sessions } = adopted.store;
  const current = sessions[commit.sid];
  if (current === undefined && commit.expected !== null) done(null, { gone: true });
  else if (current !== undefined && current !== commit.expected) done(null, { current });
  else {
    sessions[commit.sid] = commit.text;
    done(null, { written: true });
  }
}

module.exports.commitToMemory = commitToMemory;
module.exports.isMemoryStore = isMemoryStore;
