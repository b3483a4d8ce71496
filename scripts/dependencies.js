'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, step } = require('./step');

/**
 * Installs the npm packages at the lock file's versions, if none are installed yet. Without their install scripts: none is
 * needed, and this package's own would build the addon.
 */
function installDependencies() {
  // npm writes this file last, so a broken installation is not taken for a whole one.
  if (fs.existsSync(path.join(ROOT, 'node_modules', '.package-lock.json'))) return;
  step('npm packages', 'npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    hint: 'Is the registry reachable? Where package.json and package-lock.json differ: `npm run lock`.',
  });
}

module.exports = { installDependencies };
