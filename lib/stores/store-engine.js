'use strict';

// The engine that keeps the file of a store: a library beside the addon, loaded for the first store with a `path`. Where it
// does not load, the store is not opened: in memory alone it would lose what it was trusted with.

const path = require('node:path');
const { fileURLToPath } = require('node:url');
const native = require('../../native.js');
const { failure } = require('../support/errors.js');

/** The engine's file: in the folder that the addon was loaded from, for the same platform. */
function engineFile() {
  const { IO_SESSION_ENGINE_PATH: named } = process.env;
  if (named) return path.resolve(named);
  const addon = fileURLToPath(native.addonUrl());
  const platform = path.basename(addon).replace(/^io-session\./, '');
  return path.join(path.dirname(addon), `io-session-engine.${platform}`);
}

/** Loads the engine, unless it is loaded. */
function loadStoreEngine() {
  const file = engineFile();
  // As Node.js loads an addon: Windows takes only 260 characters of a path otherwise.
  const reason = native.loadEngine(path.toNamespacedPath(file));
  if (reason === null) return;
  const code = 'ERR_STORE_ENGINE_NOT_LOADED';
  const lines = [
    `io-session: ${failure(code).message}`,
    `Tried ${file}: ${reason}`,
    'It is in one package with the addon, of the same version, and has to stay beside it: install io-session again (in a checkout: \
`npm run build`). Where a bundler has moved the addon, IO_SESSION_ENGINE_PATH names the file.',
  ];
  throw failure(code, lines.join('\n  '));
}

module.exports.loadStoreEngine = loadStoreEngine;
