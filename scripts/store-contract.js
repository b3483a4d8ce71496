'use strict';

// `IO_SESSION_STORE=./my-store.js npm run store-contract`: express-session's contract of a session store, and what io-session does
// on it, on the store that this module makes. docs/stores.md says what the module exports.

const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { StepError, script, step } = require('./step');

/** The module's file, as an absolute path. @returns {string} */
function moduleFile() {
  const { INIT_CWD = process.cwd(), IO_SESSION_STORE = '' } = process.env;
  const [, , name = IO_SESSION_STORE] = process.argv;
  if (name === '') {
    throw new StepError('Which store? IO_SESSION_STORE=./my-store.js npm run store-contract');
  }
  // npm runs scripts in the folder of the package: a path is meant from where the command was given.
  const file = path.resolve(INIT_CWD, name);
  if (!fs.existsSync(file)) throw new StepError(`There is no ${file}.`);
  return file;
}

/** @param {string} file */
async function check(file) {
  const { default: make } = await import(pathToFileURL(file).href);
  if (typeof make !== 'function') {
    throw new StepError(
      `${file} exports no function. It has to export one that makes a store: module.exports = (session) => new MyStore().`,
    );
  }
}

async function main() {
  const file = moduleFile();
  await check(file);
  const suite = path.join('__test__', 'store-contract.test.js');
  step('the store contract', process.execPath, [path.join(__dirname, 'suites.js'), suite], {
    env: { IO_SESSION_STORE: file },
  });
}

main().catch((error) =>
  script(() => {
    throw error;
  }),
);
