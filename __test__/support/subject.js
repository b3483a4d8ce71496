'use strict';

const path = require('node:path');

// The module under test. IO_SESSION_SUBJECT=bench/rivals/straight-port.js runs the same tests on the original's
// behaviour: its `keep` rows must pass and its `fix` rows must fail, which is the proof that the host is a true Zappa.
const root = path.join(__dirname, '..', '..');
const file = path.resolve(root, process.env.IO_SESSION_SUBJECT ?? 'index.js');

module.exports = require(file);
