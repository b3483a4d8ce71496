'use strict';

/** @import { Driver } from './index.js' */

/** How long a session without a date lives where the store was given no `ttl`, in s: connect-pg-simple's own default. */
const DAY = 86_400;
/**
 * Compares and sets in one statement. The row is locked first: whoever waits for another's write sees what that has written.
 * `json` keeps a text byte for byte; `jsonb` always spells it in its own way: a first comparison may fail, and no second one.
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

/** Whether a store has what connect-pg-simple has. Only a probe can tell whether it is one. @param {any} store */
function looksLikePostgres(store) {
  return typeof store.query === 'function' && typeof store.quotedTable === 'function';
}

/** The driver of a connect-pg-simple store, by its `query`: over a pool or pg-promise. @param {any} store @returns {Driver} */
function postgresDriver(store) {
  return {
    exact: 'processes',
    compareAndSet(sid, expected, { text, session, renew }, callback) {
      const end = renew ? endOf(store, session) : null;
      const now = Math.ceil(Date.now() / 1000);
      const answered = (/** @type {any} */ error, /** @type {any} */ row) => {
        if (error) callback(error);
        else if (!row) callback(null, null);
        else callback(null, row.written ? true : row.text);
      };
      store.query(statement(store.quotedTable()), [sid, now, expected, text, end], answered);
    },
  };
}

module.exports = { looksLikePostgres, postgresDriver };
