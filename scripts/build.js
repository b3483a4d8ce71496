'use strict';

// `npm run build`: the addon, for this machine or for the `--target` of a release. Other arguments go to `napi build`.

const path = require('node:path');
const { ROOT, script, step } = require('./step');

script(() => {
  step('the addon', path.join(ROOT, 'node_modules', '.bin', 'napi'), [
    'build',
    '--package',
    'io-session',
    '--no-js',
    '--dts',
    'native.d.ts',
    '--output-dir',
    '.',
    '--platform',
    ...process.argv.slice(2),
  ]);
});
