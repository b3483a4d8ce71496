'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, StepError, step } = require('./step');

const QUIET = ['--no-audit', '--no-fund'];

/** Installs the npm packages at the lock file's versions, if none are installed yet. */
function installDependencies() {
  // npm writes this file last, so a broken installation is not taken for a whole one.
  if (fs.existsSync(path.join(ROOT, 'node_modules', '.package-lock.json'))) {
    return;
  }
  try {
    step('npm packages', 'npm', ['ci', ...QUIET]);
  } catch (error) {
    if (!(error instanceof StepError)) {
      throw error;
    }
    // `npm ci` wants every platform's binary packages in the lock file, and npm leaves out of it those that the
    // registry at hand did not have. `npm install` bears that, and takes the lock file's versions as well.
    console.error(`\n${error.message}\nTrying \`npm install\`, with the lock file's versions, instead.`);
    step('npm packages, once more', 'npm', ['install', '--no-save', ...QUIET], {
      hint: 'The npm packages could not be installed. Is the registry reachable?',
    });
  }
}

module.exports = { installDependencies };
