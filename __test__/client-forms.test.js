'use strict';

// io-session/client wherever a client runs: as an ES module, by `require` as in jest, from a bundle, and in React Native.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const esbuild = require('esbuild');
const { clientFiles } = require('../scripts/client.js');
const { LIMIT } = require('./support/limit.js');
const { shareApp } = require('./support/share-app.js');
const { socketIoClient } = require('./support/versions.js');

const ROOT = path.join(__dirname, '..');

test('all forms are made of the one source', () => {
  for (const [file, text] of Object.entries(clientFiles())) {
    assert.equal(fs.readFileSync(path.join(ROOT, file), 'utf8'), text, `${file}: try \`npm run client\``);
  }
});

test('import and require give the same functions', async () => {
  const required = require('io-session/client');
  const imported = await import('io-session/client');
  assert.deepEqual(Object.keys(required).sort(), ['keyFor', 'shareSession']);
  assert.deepEqual(Object.keys(imported).sort(), ['keyFor', 'shareSession']);
  for (const [name, form] of Object.entries(required)) assert.equal(String(form), String(imported[name]));
});

// What React Native 0.76 has, and no more: no DOM, no `navigator.locks`, and of AbortController its oldest part.
class NativeSignal extends EventTarget {
  aborted = false;
}
class NativeAbortController {
  signal = new NativeSignal();
  abort() {
    this.signal.aborted = true;
    this.signal.dispatchEvent(new Event('abort'));
  }
}
function nativeGlobals(browser, url) {
  const globals = {
    AbortController: NativeAbortController,
    clearTimeout,
    console,
    navigator: { product: 'ReactNative' },
    setTimeout,
    // It has the cookies of the app, and refuses relative addresses.
    async fetch(address, { headers }) {
      const { origin, pathname } = new URL(address);
      assert.equal(origin, url);
      const { status, text } = await browser.request(pathname, { headers });
      return { status, ok: status === 200, json: async () => JSON.parse(text) };
    },
  };
  globals.global = globals;
  return vm.createContext(globals);
}

const BUNDLES = {
  'as CommonJS': () => fs.readFileSync(path.join(ROOT, 'client', 'index.cjs'), 'utf8'),
  'from a bundle': () => {
    const { outputFiles } = esbuild.buildSync({
      stdin: { contents: "module.exports = require('io-session/client')", resolveDir: ROOT },
      bundle: true,
      format: 'cjs',
      minify: true,
      platform: 'browser',
      write: false,
    });
    return outputFiles[0].text;
  },
  'from a bundle of ES modules': () => {
    const { outputFiles } = esbuild.buildSync({
      stdin: { contents: "export { keyFor, shareSession } from 'io-session/client'", resolveDir: ROOT },
      bundle: true,
      format: 'cjs',
      minify: true,
      platform: 'browser',
      write: false,
    });
    return outputFiles[0].text;
  },
};

for (const [how, code] of Object.entries(BUNDLES)) {
  test(`React Native, ${how}: shares, follows a login and reconnects`, LIMIT, async (t) => {
    const f = await shareApp(t);
    const browser = await f.login();
    const context = nativeGlobals(browser, f.url);
    const module = { exports: {} };
    vm.compileFunction(code(), ['module', 'exports'], { parsingContext: context })(module, module.exports);
    const { keyFor, shareSession } = module.exports;

    const socket = socketIoClient(4)(f.url, { transports: ['websocket'], forceNew: true });
    t.after(() => socket.close());
    const ask = (event) => new Promise((resolve) => socket.emit(event, resolve));
    let bound;
    const binds = () =>
      new Promise((resolve) => {
        bound = resolve;
      });
    await shareSession(socket, { url: f.url, onBind: () => bound?.() });
    assert.equal((await ask('read')).id, browser.sid);

    const again = binds();
    await browser.request('/regenerate');
    await again;
    assert.equal((await ask('read')).user, 'somebody new');

    const reconnected = binds();
    socket.disconnect().connect();
    await reconnected;
    assert.equal((await ask('read')).id, browser.sid);

    assert.equal(typeof (await keyFor(f.url)), 'string');
    const controller = new NativeAbortController();
    const shared = shareSession(socket, { url: f.url, signal: controller.signal });
    controller.abort();
    await assert.rejects(shared, { name: 'AbortError' });
  });
}
