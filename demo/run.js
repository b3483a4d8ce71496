'use strict';

// `npm run demo`: from a bare checkout (Node >= 20 and Rust) to a told story and a page to try.
//   --exit       end after the story
//   --port <n>   Express on this port, Socket.IO on the next; any free ports without it

const { parseArgs } = require('node:util');
const { buildStaleAddon } = require('../scripts/addon');
const { installDependencies } = require('../scripts/dependencies');
const { script } = require('../scripts/step');

const { values: options } = parseArgs({ options: { exit: { type: 'boolean' }, port: { type: 'string' } } });

async function main() {
  // Only now: what they need has just been installed and built.
  const { defineApp } = require('./app');
  const { startHost } = require('./host');
  const { tellStory } = require('./story');

  const host = await startHost(defineApp, { port: Number(options.port ?? 0) });
  console.log(`Express    ${host.pages}\nSocket.IO  ${host.sockets}\nOne session store between them.`);
  try {
    await tellStory(host);
  } catch (error) {
    console.error('   ✗ this step failed:', error);
    process.exitCode = 1;
  }
  if (options.exit) {
    await host.close();
    return;
  }
  console.log(`\nTry it yourself: ${host.pages}/   (Ctrl-C ends it)`);
  process.once('SIGINT', () => void host.close());
}

script(() => {
  installDependencies();
  buildStaleAddon();
  void main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
});
