'use strict';

// `npm run build`: the two libraries, for this machine or for the `--target` of a release. What else is given goes to `napi
// build` for both.

const path = require('node:path');
const { ROOT, script, step } = require('./step');

/** @type {{ title: string, args: string[] }[]} */
const LIBRARIES = [
  {
    title: 'the addon',
    args: ['--package', 'io-session-cdylib', '--no-js', '--dts', 'native.d.ts'],
  },
  {
    // Not an addon for Node.js: there is nothing in it for JavaScript to call. It has its name from the package.json there.
    title: 'the engine of stores with a path',
    args: [
      '--package',
      'store-engine-cdylib',
      '--package-json-path',
      path.join('store-engine-cdylib', 'package.json'),
      '--no-js',
    ],
  },
];

script(() => {
  const given = process.argv.slice(2);
  for (const { title, args } of LIBRARIES) {
    step(title, path.join(ROOT, 'node_modules', '.bin', 'napi'), [
      'build',
      ...args,
      '--output-dir',
      '.',
      '--platform',
      ...given,
    ]);
  }
});
