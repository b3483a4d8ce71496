'use strict';

const { compareAndSet, read } = require('../embedded-store.js');

/** @import { Driver } from './index.js' */

/** The driver of an EmbeddedStore, which compares and sets in one step for all threads. @param {any} store @returns {Driver} */
function embeddedDriver(store) {
  return {
    exact: 'processes',
    readText: (sid) => read(store, sid),
    compareAndSet: (sid, expected, change, callback) =>
      callback(null, compareAndSet(store, sid, expected, change)),
  };
}

module.exports.embeddedDriver = embeddedDriver;
