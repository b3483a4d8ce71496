'use strict';

// An example as a user has it: its folder alone, with the packages that its package.json names, started by its script.

const fs = require('node:fs');
const path = require('node:path');
const { makeFolder, startProgram } = require('./program.js');

const EXAMPLES = path.join(__dirname, '..', '..', 'examples');

async function startExample(t, name, env) {
  const source = path.join(EXAMPLES, name);
  const { dependencies, scripts } = JSON.parse(fs.readFileSync(path.join(source, 'package.json'), 'utf8'));
  const folder = makeFolder(t, name, Object.keys(dependencies));
  fs.cpSync(source, folder, { recursive: true, filter: (file) => path.basename(file) !== 'node_modules' });
  const [, script] = /^node (\S+)$/.exec(scripts.start);
  return startProgram(t, folder, script, env);
}

module.exports = { startExample };
