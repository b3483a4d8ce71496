'use strict';

// `npm run ready`: what CI runs, so that a commit which passes here passes there.

const path = require('node:path');
const { buildAddon } = require('./addon');
const { clientFiles } = require('./client');
const { installDependencies } = require('./dependencies');
const { ROOT, script, step } = require('./step');

/** What `napi build` writes and git keeps. */
const GENERATED = ['native.d.ts'];
/** What `npm run client` writes. */
const CLIENT = Object.keys(clientFiles());

/** @param {string} name a program of an installed npm package */
const program = (name) => path.join(ROOT, 'node_modules', '.bin', name);

script(() => {
  installDependencies();
  step('Biome', program('biome'), ['check', '--error-on-warnings', '.'], { hint: 'Try `npm run format`.' });
  step('cargo fmt', 'cargo', ['fmt', '--all', '--check'], { hint: 'Try `npm run format`.' });

  // Before the types: they are checked against the generated ones.
  buildAddon();
  const hint = `The build changed ${GENERATED}: commit it as it is now.`;
  step('generated files are kept', 'git', ['ls-files', '--error-unmatch', ...GENERATED], { hint });
  step('generated files are up to date', 'git', ['diff', '--exit-code', '--stat', '--', ...GENERATED], {
    hint,
  });
  step('npm run client', process.execPath, [path.join(__dirname, 'client.js')]);
  step("the client's forms are up to date", 'git', ['diff', '--exit-code', '--stat', '--', ...CLIENT], {
    hint: `Commit ${CLIENT.join(', ')} as they are now.`,
  });
  step('types', program('tsc'), ['-p', 'tsconfig.json']);

  step('clippy', 'cargo', ['clippy', '--workspace', '--all-targets', '--', '-D', 'warnings']);
  step('cargo doc', 'cargo', ['doc', '--workspace', '--no-deps'], { env: { RUSTDOCFLAGS: '-D warnings' } });
  step('API reference', program('typedoc'), []);

  step('npm test', process.execPath, [path.join(__dirname, 'test.js')]);
});
