'use strict';

// What `DEBUG=io-session*` writes during a test, line by line.

const { format } = require('node:util');
const debug = require('debug');

function debugLines(t) {
  const lines = [];
  const { log } = debug;
  t.after(() => {
    debug.disable();
    debug.log = log;
  });
  debug.enable('io-session*');
  debug.log = (...args) => lines.push(format(...args));
  return lines;
}

module.exports = { debugLines };
