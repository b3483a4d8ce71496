'use strict';

// npm runs this after `npm install` in a checkout, in a folder that an app links to, and in the clone of a git URL: where
// there are sources and no addon. Never where the package comes from a registry or from a tarball.

const { buildAddon, isBuilt, requireRust } = require('./addon');
const { installDependencies } = require('./dependencies');
const { script } = require('./step');

script(() => {
  if (!isBuilt()) {
    requireRust();
    // npm does not install what a linked folder needs for its build.
    installDependencies();
    buildAddon();
  }
});
