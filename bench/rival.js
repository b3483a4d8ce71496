'use strict';

// A rival is a module in rivals/: the three functions of a Zappa host's `io-session`, or `share` and `handlers` for any
// app. `binding` says how a socket gets its session (null: not at all), `store` what it runs on in the place of the
// scenario's store.

const fs = require('node:fs');
const path = require('node:path');

const FOLDER = path.join(__dirname, 'rivals');
const NAMES = fs.readdirSync(FOLDER).map((file) => path.basename(file, '.js'));

function loadRival(name) {
  return { binding: 'handshake', ...require(path.join(FOLDER, `${name}.js`)) };
}

// Whether what the rival is made of is here.
function isInstalled(name) {
  try {
    loadRival(name);
    return true;
  } catch (error) {
    if (error.code !== 'ERR_NO_PEER') throw error;
    return false;
  }
}

module.exports = { NAMES, isInstalled, loadRival };
