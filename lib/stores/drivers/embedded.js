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
 * One native call compares and writes; where somebody has written meanwhile, worker threads included, a second one merges
 * and writes, in one step that nobody comes between.
 *
 * @type {import('./index.js').CommitTo}
 */
function commitToEmbedded(adopted, commit, done) {
  /** @type {import('../embedded-table.js').EmbeddedTable} */
  const table = adopted.store[TABLE];
  const { sid, version, text } = commit;
  // What HTTP saves, express-session would have touched: its time to live begins anew.
  const renew = commit.renew || commit.trusting;
  const outcome = table.replace(sid, version, text, renew);
  if (outcome === 'written') done(null, { written: true, version: table.version() });
  else if (outcome === 'gone') {
    if (commit.expected !== null) {
      done(null, { gone: true });
      return;
    }
    table.set(sid, text);
    done(null, { written: true, version: table.version() });
  } else if (adopted.since(sid, commit.clock) === 'gone') done(null, { gone: true });
  else if (!commit.merges) {
    const current = table.get(sid);
    done(null, current === undefined ? { gone: true } : { current, version: table.version() });
  } else {
    const merged = table.merge(sid, version, commit.base, commit.mine, renew);
    if (merged) done(null, { written: true, text: merged.text, version: merged.version });
    else done(null, { gone: true });
  }
}

module.exports.commitToEmbedded = commitToEmbedded;
module.exports.isEmbeddedStore = isEmbeddedStore;
