'use strict';

const { commitToEmbedded, isEmbeddedStore } = require('./embedded-commit.js');
const { commitToMemory, isMemoryStore } = require('./memory-commit.js');
const { commitToRedis, isRedisStore } = require('./redis-commit.js');
const { commitByReading } = require('./reading-commit.js');

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
 * @property {boolean} trusting whether an unchanged clock is enough to write without reading again
 * @property {number} clock
 *
 * How a commit ended: `written` (with the text and version, where they are not known beforehand); `gone` when there is nothing stored any more; or `current`, the text that another
 * writer stored meanwhile, to be merged with.
 *
 * @typedef {{ written?: true, text?: string, version?: number, gone?: true, current?: string }} Outcome
 *
 * @typedef {(adopted: import('./adopted-store.js').AdoptedStore, commit: Commit,
 *   done: (error: unknown, outcome: Outcome) => void) => void} CommitTo
 */

/**
 * Chooses how sessions are committed to a store.
 *
 * @param {any} store
 * @returns {CommitTo}
 */
function commitFor(store) {
  if (isEmbeddedStore(store)) return commitToEmbedded;
  if (isMemoryStore(store)) return commitToMemory;
  if (isRedisStore(store)) return commitToRedis;
  return commitByReading;
}

module.exports.commitFor = commitFor;
