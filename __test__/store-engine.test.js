'use strict';

// The engine that keeps the file of an EmbeddedStore: a library of its own, beside the addon. Who names no path never loads it;
// who names one, and it cannot be used, is told why, and gets no store.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { LIMIT } = require('./support/limit.js');

const ROOT = path.join(__dirname, '..');
const ENGINE = /^io-session-engine\./;

function folder(t) {
  const made = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-engine-')));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

// The package without its engine, in a folder with a name that a URL spells otherwise.
function withoutEngine(t) {
  const place = path.join(folder(t), 'a #b %20 é');
  fs.mkdirSync(place);
  for (const name of fs.readdirSync(ROOT)) {
    if (/^(index|native)\.js$|\.node$|^lib$|^package\.json$/.test(name) && !ENGINE.test(name))
      fs.cpSync(path.join(ROOT, name), path.join(place, name), { recursive: true });
  }
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(place, 'node_modules'), 'junction');
  return place;
}

// Where the engine of a package belongs.
function enginePath(place) {
  const addon = fs.readdirSync(place).find((name) => /^io-session\..*\.node$/.test(name));
  return path.join(place, addon.replace('io-session', 'io-session-engine'));
}

const builtEngine = () => enginePath(ROOT);

// Runs a program that prints JSON.
function evaluate(cwd, code, env = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

// What opening a store with a path comes to, and whether there is a file then.
const opening = `
  const { existsSync } = require('node:fs');
  const { EmbeddedStore } = require('./index.js');
  let refused;
  try {
    new EmbeddedStore({ path: 'sessions' });
  } catch ({ name, code, status, message }) {
    refused = { code, status, message };
  }
  console.log(JSON.stringify({ refused, made: existsSync('sessions') }));`;

const refusal = (place, env) => {
  const { refused, made } = evaluate(place, opening, env);
  assert.equal(made, false, 'a file was made');
  const { code, status, message } = refused;
  assert.deepEqual({ code, status }, { code: 'ERR_STORE_ENGINE_NOT_LOADED', status: 500 });
  assert.match(message, /install io-session again \(in a checkout: `npm run build`\)/);
  return message;
};

test('it is loaded by the first store with a path, and by no other', LIMIT, (t) => {
  const place = folder(t);
  const code = `
    const { report } = process;
    const loaded = () => report.getReport().sharedObjects.filter((file) => file.includes('io-session-engine')).length;
    const { EmbeddedStore } = require(${JSON.stringify(ROOT)});
    const counts = [loaded()];
    new EmbeddedStore();
    new EmbeddedStore({ name: 'named' });
    counts.push(loaded());
    new EmbeddedStore({ path: 'one' });
    new EmbeddedStore({ path: 'two' });
    console.log(JSON.stringify([...counts, loaded()]));`;
  assert.deepEqual(evaluate(place, code), [0, 0, 1]);
});

test('where it is missing, a store without a path is as ever', LIMIT, (t) => {
  const code = `
    const { EmbeddedStore } = require('./index.js');
    const store = new EmbeddedStore();
    store.set('sid', { cookie: {} }).then(() => store.length()).then((n) => console.log(n));`;
  assert.equal(evaluate(withoutEngine(t), code), 1);
});

test('where it is missing, a store with a path is refused, and told which file is', LIMIT, (t) => {
  const place = withoutEngine(t);
  const message = refusal(place);
  assert.ok(message.includes(`Tried ${enginePath(place)}: it is not there\n`), message);
});

test('what is no library is refused with the words of the system', LIMIT, (t) => {
  const place = withoutEngine(t);
  fs.writeFileSync(enginePath(place), 'not a library');
  const message = refusal(place);
  const [, words] = new RegExp(`Tried .*${path.basename(enginePath(place))}: (.+)\n`).exec(message);
  assert.notEqual(words, 'it is not there');
});

test('a library that is no engine is refused', LIMIT, (t) => {
  const place = withoutEngine(t);
  const [addon] = fs.readdirSync(ROOT).filter((name) => /^io-session\..*\.node$/.test(name));
  fs.copyFileSync(path.join(ROOT, addon), enginePath(place));
  assert.match(refusal(place), /: it is not an engine of io-session's\n/);
});

test('an engine of another version is refused by its version', LIMIT, (t) => {
  const place = withoutEngine(t);
  const { version } = require('../package.json');
  const other = version.replace(/\d/g, '9');
  // The same library, of which each spelling of the version has become another one.
  const bytes = fs.readFileSync(builtEngine()).toString('latin1').replaceAll(version, other);
  fs.writeFileSync(enginePath(place), bytes, 'latin1');
  assert.ok(refusal(place).includes(`: it is of version ${other}, and the addon of ${version}\n`));
});

test('IO_SESSION_ENGINE_PATH names the file, and no other is tried', LIMIT, (t) => {
  const place = withoutEngine(t);
  const named = evaluate(place, opening, { IO_SESSION_ENGINE_PATH: builtEngine() });
  assert.deepEqual(named, { made: true });
  fs.rmSync(path.join(place, 'sessions'));
  fs.copyFileSync(builtEngine(), enginePath(place));
  const nowhere = path.join(place, 'nowhere.node');
  const message = refusal(place, { IO_SESSION_ENGINE_PATH: nowhere });
  assert.ok(message.includes(`Tried ${nowhere}: it is not there\n`), message);
});

test('a worker thread may be the first to load it, and its store is the one of all threads', LIMIT, (t) => {
  const place = folder(t);
  const code = `
    const { Worker } = require('node:worker_threads');
    const ioSession = ${JSON.stringify(ROOT)};
    const worker = 'const { EmbeddedStore } = require(' + JSON.stringify(ioSession) + ');' +
      'new EmbeddedStore({ path: "sessions" }).set("sid", { cookie: {}, n: 7 })' +
      '.then(() => require("node:worker_threads").parentPort.postMessage("set"));';
    new Worker(worker, { eval: true }).once('message', async () => {
      const { EmbeddedStore } = require(ioSession);
      const store = new EmbeddedStore({ path: 'sessions' });
      console.log(JSON.stringify((await store.get('sid')).n));
    });`;
  assert.equal(evaluate(place, code), 7);
});
