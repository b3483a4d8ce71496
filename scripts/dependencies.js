'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, step } = require('./step');

/** Installs the npm packages of the lock file, if none are installed yet. */
function installDependencies() {
  // npm writes this file last, so a broken installation is not taken for a whole one.
  if (fs.existsSync(path.join(ROOT, 'node_modules', '.package-lock.json'))) {
    return;
  }
  step('npm packages', 'npm', ['ci', '--no-audit', '--no-fund'], {
    hint:
      'The npm packages could not be installed. Is the registry reachable, and does package-lock.json match ' +
      'package.json? Install them by hand with `npm install`, then run this again.',
  });
}

module.exports = { installDependencies };
