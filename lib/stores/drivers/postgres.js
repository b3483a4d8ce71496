'use strict';

/** How long a session without a date lives where the store was given no `ttl`, in s: connect-pg-simple's own default. */
const DAY = 86_400;
/** The methods that a subclass or an app may have put its own in place of. */
const METHODS = ['get', 'set', 'destroy', 'query', 'quotedTable'];

/**
 * connect-pg-simple, untouched by subclass or app, over whatever it was given: a pool, pg-promise, or a pool of its own.
 *
 * @param {any} store
 * @returns {boolean}
 */
function isPostgresStore(store) {
  const prototype = Object.getPrototypeOf(store);
  return (
    prototype?.constructor?.name === 'PGStore' &&
    METHODS.every((method) => typeof store[method] === 'function' && store[method] === prototype[method])
  );
}

/**
 * Compares and sets in one statement. The row is locked first: whoever waits for another's write sees what that has
 * written. `json` keeps the text that was written, byte for byte; `jsonb` spells it in its own way, always the same, so
 * that a first comparison may fail and a second one does not.
 *
 * @param {string} table quoted
 */
function statement(table) {
  return `WITH found AS (
  SELECT sid, sess::text AS text FROM ${table} WHERE sid = $1 AND expire >= to_timestamp($2) FOR UPDATE
), written AS (
  UPDATE ${table} AS stored
  SET sess = $4, expire = coalesce(to_timestamp($5::double precision), stored.expire)
  FROM found
  WHERE stored.sid = found.sid AND found.text = $3::text
  RETURNING stored.sid
)
SELECT EXISTS (SELECT FROM written) AS written,
  CASE WHEN found.text = $3::text THEN NULL ELSE found.text END AS text
FROM found`;
}

/** When a session ends, as connect-pg-simple takes it: in s. @param {any} store @param {any} session */
function endOf(store, session) {
  const { expires } = session.cookie ?? {};
  return Math.ceil(expires ? new Date(expires).getTime() / 1000 : Date.now() / 1000 + (store.ttl || DAY));
}

/**
 * @this {any}
 * @param {string} sid
 * @param {string} expected
 * @param {import('./comparing.js').Change} change
 * @param {(error: unknown, outcome?: true | string | null) => void} callback
 */
function compareAndSetInPostgres(sid, expected, change, callback) {
  const { text, session, renew } = change;
  const end = renew ? endOf(this, session) : null;
  const now = Math.ceil(Date.now() / 1000);
  this.query(
    statement(this.quotedTable()),
    [sid, now, expected, text, end],
    (/** @type {unknown} */ error, /** @type {any} */ row) => {
      if (error) callback(error);
      else if (!row) callback(null, null);
      else callback(null, row.written ? true : row.text);
    },
  );
}

module.exports.compareAndSetInPostgres = compareAndSetInPostgres;
module.exports.isPostgresStore = isPostgresStore;
