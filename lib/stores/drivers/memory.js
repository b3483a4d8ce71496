'use strict';

const { isLive } = require('../../session/session-data.js');
const { attempt } = require('../../support/errors.js');

/** @import { Driver } from './index.js' */

/** The driver of a MemoryStore, whose `sessions` are JSON texts on this thread. @param {any} store @returns {Driver} */
function memoryDriver(store) {
  return {
    exact: 'processes',
    readText(sid) {
      const text = store.sessions[sid];
      // Somebody may have put something else there, which is no session.
      return text !== undefined && attempt(() => isLive(text), false) ? text : undefined;
    },
    compareAndSet(sid, expected, { text }, callback) {
      const { sessions } = store;
      const isExpected = sessions[sid] === expected;
      if (isExpected) sessions[sid] = text;
      callback(null, isExpected || (sessions[sid] ?? null));
    },
  };
}

module.exports.memoryDriver = memoryDriver;
