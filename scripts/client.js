'use strict';

// `npm run client`: the other forms of client/index.js, which is the one source. CommonJS is for jest and `require`; the text is
// what the server gives to pages, in a module, so that a bundler takes it along.

const fs = require('node:fs');
const path = require('node:path');
const { ROOT } = require('./step');

const SOURCE = path.join('client', 'index.js');
const TYPES = path.join('client', 'index.d.ts');

/** The files, and what has to be in them. @returns {{ [file: string]: string }} */
function clientFiles() {
  const read = (/** @type {string} */ file) => fs.readFileSync(path.join(ROOT, file), 'utf8');
  const source = read(SOURCE);
  const names = [...source.matchAll(/^export const (\w+)/gm)].map(([, name]) => name);
  const note = (/** @type {string} */ file) => `// Made of ${file} by \`npm run client\`.\n`;
  return {
    'client/index.cjs': `${note('index.js')}'use strict';\n\n${source.replaceAll(/^export const /gm, 'const ')}
module.exports = { ${names.join(', ')} };\n`,
    'client/index.d.cts': `${note('index.d.ts')}\n${read(TYPES)}`,
    'lib/http/client-text.js': `'use strict';\n\n${note(SOURCE)}\nmodule.exports = ${JSON.stringify(source)};\n`,
  };
}

if (require.main === module) {
  for (const [file, text] of Object.entries(clientFiles())) fs.writeFileSync(path.join(ROOT, file), text);
}

module.exports = { clientFiles };
