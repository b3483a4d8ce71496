'use strict';

const { EmbeddedStore, TABLE } = require('../../embedded-store.js');

/** The methods that a subclass or an app may have put its own in place of. */
const METHODS = /** @type {const} */ (['get', 'set', 'destroy', 'touch', 'createSession']);

/**
 * Our own EmbeddedStore, untouched by subclass or app: its sessions can be looked at and committed on this thread.
 *
 * @param {any} store
 * @returns {boolean}
 */
function isEmbeddedStore(store) {
  return (
    store[TABLE] !== undefined && METHODS.every((method) => store[method] === EmbeddedStore.prototype[method])
  );
}

/**
 * One native call compares and writes; where somebody has written meanwhile, worker threads included, it gives what is there.
 *
 * @type {import('./index.js').CommitTo}
 */
function commitToEmbedded(adopted, commit, done) {
  /** @type {import('../embedded-table.js').EmbeddedTable} */
  const table = adopted.store[TABLE];
  const { sid, expected, text } = commit;
  if (expected === null) {
    const current = table.get(sid);
    if (current === undefined) table.set(sid, text);
    done(null, current === undefined ? { written: true } : { current });
    return;
  }
  // What HTTP saves, express-session would have touched: its time to live begins anew.
  const outcome = table.compareAndSet(sid, expected, text, commit.renew || commit.trusting);
  if (outcome === true) done(null, { written: true });
  else done(null, outcome === null ? { gone: true } : { current: outcome });
}

module.exports.commitToEmbedded = commitToEmbedded;
module.exports.isEmbeddedStore = isEmbeddedStore;
