'use strict';

const { commitByComparing } = require('./comparing.js');
const { commitToEmbedded, isEmbeddedStore } = require('./embedded.js');
const { commitToMemory, isMemoryStore } = require('./memory.js');
const { compareAndSetInPostgres, isPostgresStore } = require('./postgres.js');
const { isRedisStore, redisCompareAndSet, showsClient } = require('./redis.js');
const { commitByReading } = require('./read-then-write.js');

/**
 * One commit: compare what is stored with what was loaded, and write. Every kind of store has its way to do it.
 *
 * @typedef {object} Commit
 * @property {string} sid
 * @property {string | null} expected the text that was loaded; null when nothing is stored yet
 * @property {string} text the text to write
 * @property {string} mine the session's own text, which `text` was merged of
 * @property {string} base what the session's own text was when it was loaded
 * @property {number} version the version of what was loaded, in an `EmbeddedStore`; 0 where it is not known
 * @property {any} session an object for stores that take one: it serializes to `text`
 * @property {boolean} renew whether the cookie was changed, so that the store's time to live follows it
 * @property {boolean} trusting whether it is the app that saves: then an unchanged clock is enough to write without reading
 * @property {boolean} merges whether the store may merge by itself; else it gives `current` on a conflict
 * @property {number} attempt 1, and one more after each conflict
 * @property {number} clock
 *
 * How a commit ended: `written` (with the text and version, where they are not known beforehand); `gone` when there is nothing stored any more; or `current`, the text that another
 * writer stored meanwhile (and its version, in an `EmbeddedStore`), to be merged with.
 *
 * @typedef {{ written?: true, text?: string, version?: number, gone?: true, current?: string }} Outcome
 *
 * @typedef {(adopted: import('../adopted-store.js').AdoptedStore, commit: Commit,
 *   done: (error: unknown, outcome: Outcome) => void) => void} CommitTo
 */

/**
 * Chooses how sessions are committed to a store, and says between whom that is exact: between all `processes` that use
 * it, or only within a `process`.
 *
 * @param {any} store
 * @returns {{ commitTo: CommitTo, exact: 'processes' | 'process' }}
 */
function commitFor(store) {
  if (isEmbeddedStore(store)) return { commitTo: commitToEmbedded, exact: 'processes' };
  if (isMemoryStore(store)) return { commitTo: commitToMemory, exact: 'processes' };
  if (typeof store.compareAndSet === 'function') {
    const commitTo = commitByComparing((...args) => store.compareAndSet(...args));
    return { commitTo, exact: 'processes' };
  }
  if (isRedisStore(store) && showsClient(store)) {
    return { commitTo: commitByComparing(redisCompareAndSet(store.client)), exact: 'processes' };
  }
  if (isPostgresStore(store)) {
    return { commitTo: commitByComparing(compareAndSetInPostgres), exact: 'processes' };
  }
  return { commitTo: commitByReading, exact: 'process' };
}

module.exports.commitFor = commitFor;
