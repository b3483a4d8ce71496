'use strict';

const { isLive } = require('../../session/session-data.js');
const { attempt } = require('../../support/errors.js');

/** @import { Driver } from './index.js' */

/** The driver of a MemoryStore, whose `sessions` are JSON texts on this thread. @param {any} store @returns {Driver} */
function memoryDriver(store) {
  /** A session that has expired stays there until its store's `get` sees it. @param {string} sid @returns {string | undefined} */
  const readText = (sid) => {
    const text = store.sessions[sid];
    // Somebody may have put something else there, which is no session.
    return text !== undefined && attempt(() => isLive(text), false) ? text : undefined;
  };
  return {
    exact: 'processes',
    readText,
    compareAndSet(sid, expected, { text }, callback) {
      const isExpected = readText(sid) === expected;
      if (isExpected) store.sessions[sid] = text;
      callback(null, isExpected || (readText(sid) ?? null));
    },
  };
}

module.exports.memoryDriver = memoryDriver;
