'use strict';

// What is measured beside this module and is no dependency of the repository: `npm install --prefix bench/peers`, or
// in the folder that BENCH_PEERS names.

const path = require('node:path');

function peer(name) {
  const paths = [path.join(__dirname, 'peers'), process.env.BENCH_PEERS ?? __dirname];
  let file;
  try {
    file = require.resolve(name, { paths });
  } catch {
    const error = new Error(`${name} is not installed: npm install --prefix bench/peers`);
    throw Object.assign(error, { code: 'ERR_NO_PEER' });
  }
  return require(file);
}

module.exports = { peer };
