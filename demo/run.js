'use strict';

// `npm run demo`: from a bare checkout (Node >= 20 and Rust) to a told story and a page to try.
// The story is a Zappa app's; the page is an app's that calls `shareSession`.
//   --exit       end after the story
//   --port <n>   the page's Express on this port, its Socket.IO on the next; any free ports without it

const { parseArgs } = require('node:util');
const { buildStaleAddon } = require('../scripts/addon');
const { installDependencies } = require('../scripts/dependencies');
const { StepError, script } = require('../scripts/step');

const { values: options } = parseArgs({ options: { exit: { type: 'boolean' }, port: { type: 'string' } } });

/** The port that was asked for; 0 for any. */
function port() {
  const number = Number(options.port ?? 0);
  // The one after it is Socket.IO's.
  if (!Number.isInteger(number) || number < 0 || number > 65_534) {
    throw new StepError(`--port: a number from 1 to 65534, not ${options.port}.`);
  }
  return number;
}

/** @param {number} expressPort */
async function main(expressPort) {
  // Only now: what they need has just been installed and built.
  const { defineApp } = require('./app');
  const { startHost } = require('./host');
  const { startServer } = require('./server');
  const { tellStory } = require('./story');

  const host = await startHost(defineApp);
  console.log(`Express    ${host.pages}\nSocket.IO  ${host.sockets}\nOne session store between them.`);
  try {
    await tellStory(host);
  } catch (error) {
    console.error('   ✗ this step failed:', error);
    process.exitCode = 1;
  }
  await host.close();
  if (options.exit) {
    return;
  }
  const server = await startServer({ port: expressPort });
  console.log(`\nTry it yourself: ${server.pages}/   (Ctrl-C ends it)`);
  process.once('SIGINT', () => void server.close());
}

script(() => {
  const expressPort = port();
  installDependencies();
  buildStaleAddon();
  void main(expressPort).catch((error) => {
    console.error(error);
    process.exit(1);
  });
});
