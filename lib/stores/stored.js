'use strict';

const native = require('../../native.js');
const { copyOfSession, isFaithful, sessionData } = require('../session/session-data.js');
const { attempt, failure } = require('../support/errors.js');

/**
 * A session or a key's record as the store has it.
 *
 * @typedef {object} Stored
 * @property {string} text its JSON text
 * @property {any} [data] a copy of the object that the store handed out, only where the text does not say all of it (a `Date`, a `Map`)
 */

/** A session that its text says all of. Not a literal: those V8 may make in old space, where even a dead one keeps its text alive until the next full collection. */
class StoredText {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** What a load has found. Not a literal either. */
class Loaded {
  /** @param {string | undefined} sid @param {Stored | undefined} stored @param {number | undefined} clock when the load began */
  constructor(sid, stored, clock) {
    this.sid = sid;
    this.stored = stored;
    this.clock = clock;
  }
}

/** How express-session spells a session. What begins so is parsed when a handler looks at it. */
const OPENING = '{"cookie":{';

/**
 * What a store handed out; undefined for what is no session and no record. Throws where it has no JSON text.
 *
 * @param {any} given @returns {Stored | undefined}
 */
function storedOf(given) {
  const data = sessionData(given);
  if (data === undefined) return undefined;
  const text = JSON.stringify(data);
  return isFaithful(data) ? new StoredText(text) : { text, data: copyOfSession(data, text) };
}

/** The same of a text. Throws where it is no JSON. @param {any} given @returns {Stored | undefined} */
function storedOfText(given) {
  if (given === null || given === undefined || given === '') return undefined;
  // A client may be set to give bytes.
  const text = String(given);
  if (text.startsWith(OPENING) && text.endsWith('}')) return new StoredText(text);
  return sessionData(JSON.parse(text)) === undefined ? undefined : new StoredText(text);
}

/**
 * The session that a key's record names; null when it is no record, or one that a store has kept beyond its time.
 *
 * @param {string} text what the store holds under the key
 * @param {string} [channel] the one that the key has to be made for; any without it
 * @returns {string | null}
 */
function sessionOfRecord(text, channel) {
  return attempt(() => {
    const ended = Date.parse(JSON.parse(text).cookie?.expires) <= Date.now();
    return ended ? null : native.sessionOfRecord(text, channel);
  }, null);
}

/**
 * What takes a store's answer.
 *
 * @param {(given: any) => Stored | undefined} make `storedOf` or `storedOfText`
 * @param {(error: unknown, stored?: Stored) => void} callback gets undefined for what is missing
 */
function converting(make, callback) {
  return (/** @type {unknown} */ error, /** @type {any} */ given) => {
    let failed = error;
    let stored;
    try {
      if (!error) stored = make(given);
    } catch (thrown) {
      failed = thrown;
    }
    callback(failed, stored);
  };
}

/** Session data to be changed at will. Throws where it is no JSON. @param {Stored} stored */
function dataOf({ text, data }) {
  if (data !== undefined) return copyOfSession(data, text);
  try {
    return JSON.parse(text);
  } catch {
    throw failure('ERR_INVALID_DOCUMENT');
  }
}

module.exports = { Loaded, converting, dataOf, sessionOfRecord, storedOf, storedOfText };
