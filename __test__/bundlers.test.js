'use strict';

// An app as the README's, in one file by each bundler with what docs/install.md says of it. The folder with the output is moved
// away from everything else, started, and driven.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { HttpClient } = require('./support/http-client.js');
const { LIMIT } = require('./support/limit.js');
const { makeFolder, startProgram } = require('./support/program.js');
const { connectSocket } = require('./support/socket-client.js');
const { parseTriple } = require('@napi-rs/cli');
const { TARGET } = require('./support/target.js');

const ROOT = path.join(__dirname, '..');
const PACKAGE = `io-session-${TARGET}`;

const APP = `
const express = require('express');
const session = require('express-session');
const { Server } = require('socket.io');
const { EmbeddedStore, shareSession } = require('io-session');

const sharing = shareSession({ store: new EmbeddedStore({ path: 'sessions.redb' }) });
const app = express();
app.use(session({ store: sharing.store, secret: 'not a secret', resave: false, saveUninitialized: false }));
app.use(sharing.express());
app.get('/login', (req, res) => {
  req.session.name = 'Ann';
  res.json({});
});
app.get('/me', (req, res) => {
  // Whose class it is: the one copy of express-session that is in here.
  res.json({ name: req.session.name, isOwn: req.session instanceof session.Session });
});
app.get('/exit', () => process.exit());
app.get('/logout', (req, res) => req.session.destroy(() => res.json({})));
const server = app.listen(process.env.PORT ?? 3000, () => console.log(\`http://localhost:\${server.address().port}\`));
const io = new Server(server);
io.use(sharing.socket());
io.on('connection', (socket) => {
  socket.on('whoami', (ack) => ack(socket.session.name ?? 'nobody'));
  socket.on('rename', (name, ack) => {
    socket.session.name = name;
    ack(name);
  });
});
`;

// The app's folder, with the package as npm installs it: the addon is in a package of its own.
function makeApp(t) {
  const others = ['express', 'express-session', 'socket.io', 'debug', 'cookie-signature'];
  const folder = makeFolder(t, 'bundle', others);
  const { files, ...manifest } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const installed = path.join(folder, 'node_modules', 'io-session');
  fs.mkdirSync(installed);
  for (const name of files.filter((name) => !name.includes('*'))) {
    fs.cpSync(path.join(ROOT, name), path.join(installed, name), { recursive: true });
  }
  fs.writeFileSync(path.join(installed, 'package.json'), JSON.stringify(manifest));
  const addon = path.join(folder, 'node_modules', PACKAGE);
  const file = `io-session.${TARGET}.node`;
  fs.mkdirSync(addon);
  fs.copyFileSync(path.join(ROOT, file), path.join(addon, file));
  fs.writeFileSync(path.join(addon, 'package.json'), JSON.stringify({ name: PACKAGE, main: file }));
  fs.writeFileSync(path.join(folder, 'app.js'), APP);
  return folder;
}

const bin = (name) => path.join(ROOT, 'node_modules', '.bin', name);
const run = (cwd, command, ...args) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

// Without its install script, as npm is told to install, the program of this machine stays in a package of its own.
function bun() {
  const folder = path.join(ROOT, 'node_modules', '@oven');
  const programs = fs.readdirSync(folder).map((name) => path.join(folder, name, 'bin', 'bun'));
  return [bin('bun'), ...programs].find((program) => spawnSync(program, ['--version']).status === 0);
}

// How each makes dist/ of the app. What docs/install.md names is marked.
const BUNDLERS = {
  esbuild(cwd) {
    const option = '--loader:.node=copy'; // documented
    run(
      cwd,
      bin('esbuild'),
      'app.js',
      '--bundle',
      '--platform=node',
      '--outdir=dist',
      '--log-level=error',
      option,
    );
  },
  'esbuild, as an ES module'(cwd) {
    const banner = // documented
      "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
    const output = ['--format=esm', banner, '--outdir=dist', '--loader:.node=copy'];
    run(cwd, bin('esbuild'), 'app.js', '--bundle', '--platform=node', '--log-level=error', ...output);
    fs.writeFileSync(path.join(cwd, 'dist', 'package.json'), '{ "type": "module" }');
  },
  async webpack(cwd) {
    const { webpack } = require('webpack');
    const rule = { test: /\.node$/, type: 'asset/resource' }; // documented
    const stats = await new Promise((resolve, reject) => {
      const options = {
        context: cwd,
        entry: './app.js',
        mode: 'production',
        module: { rules: [rule] },
        output: { path: path.join(cwd, 'dist'), filename: 'app.js' },
        target: 'node',
      };
      webpack(options, (error, stats) => (error ? reject(error) : resolve(stats)));
    });
    assert.deepEqual(stats.toJson({ all: false, errors: true }).errors, []);
  },
  async rollup(cwd) {
    const { rollup } = require('rollup');
    const commonjs = require('@rollup/plugin-commonjs');
    const json = require('@rollup/plugin-json');
    const { nodeResolve } = require('@rollup/plugin-node-resolve');
    const url = require('@rollup/plugin-url');
    const addon = url({ include: '**/*.node', limit: 0, publicPath: './' }); // documented
    const bundle = await rollup({
      input: path.join(cwd, 'app.js'),
      plugins: [nodeResolve({ preferBuiltins: true }), commonjs(), json(), addon],
      onwarn() {},
    });
    await bundle.write({ file: path.join(cwd, 'dist', 'app.js'), format: 'cjs' });
    await bundle.close();
  },
  ncc(cwd) {
    run(cwd, bin('ncc'), 'build', 'app.js', '--out', 'dist', '--quiet');
    fs.renameSync(path.join(cwd, 'dist', 'index.js'), path.join(cwd, 'dist', 'app.js'));
  },
  'bun build'(cwd) {
    run(cwd, bun(), 'build', 'app.js', '--target=node', '--outdir=dist');
  },
};

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  test(`${name}: the output runs alone, and its sockets share the session`, LIMIT, async (t) => {
    const folder = makeApp(t);
    await bundle(folder);
    const away = makeFolder(t, 'dist', []);
    fs.cpSync(path.join(folder, 'dist'), away, { recursive: true });
    fs.rmSync(folder, { recursive: true });

    const { url, stderr } = await startProgram(t, away, 'app.js', { PORT: '0' });
    const browser = new HttpClient(url, { prefix: '/io-session' });
    await browser.request('/login');
    const { key } = (await browser.json('/io-session/socket/__local')).body;
    const socket = await connectSocket(url, { auth: { key } });
    t.after(() => socket.close());
    assert.equal(await socket.ask('whoami'), 'Ann');
    assert.equal(await socket.ask('rename', 'Bob'), 'Bob');
    assert.deepEqual((await browser.json('/me')).body, { name: 'Bob', isOwn: true });
    const module = await browser.request('/io-session/client.js');
    assert.match(module.text, /^export const shareSession = /m);
    assert.equal(stderr, '');

    // The first that the next process does is to read a session.
    socket.close();
    await browser.request('/exit').catch(() => {});
    const next = await startProgram(t, away, 'app.js', { PORT: '0' });
    browser.url = next.url;
    assert.deepEqual((await browser.json('/me')).body, { name: 'Bob', isOwn: true });
    const again = await connectSocket(next.url, { auth: { key } });
    t.after(() => again.close());
    assert.equal(await again.ask('whoami'), 'Bob');
    const ended = again.next('session:end');
    await browser.request('/logout');
    await ended;
    assert.equal(await again.ask('whoami'), 'nobody');
    assert.equal(next.stderr, '');
  });
}

test('the loader names each platform’s file and package in full, as bundlers need it', () => {
  const loader = fs.readFileSync(path.join(ROOT, 'native.js'), 'utf8');
  for (const triple of require('../package.json').napi.targets) {
    const target = parseTriple(triple).platformArchABI;
    assert.ok(loader.includes(`require('./io-session.${target}.node')`), target);
    assert.ok(loader.includes(`require('io-session-${target}')`), target);
  }
});

test('a bundle without the addon says what to tell the bundler', LIMIT, async (t) => {
  const folder = makeApp(t);
  BUNDLERS.esbuild(folder);
  const away = makeFolder(t, 'dist', []);
  fs.copyFileSync(path.join(folder, 'dist', 'app.js'), path.join(away, 'app.js'));
  await assert.rejects(
    startProgram(t, away, 'app.js', { PORT: '0' }),
    /io-session is in a bundle, and the addon was left behind/,
  );
});
