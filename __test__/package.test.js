'use strict';

// What is published: packed here, installed in an empty folder without a Rust on the PATH, and used there.

const { after, before, describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { HttpClient } = require('./support/http-client.js');
const { LIMIT } = require('./support/limit.js');
const { CONSUMERS, ROOT, emptyFolder, env, npm, packed, run } = require('./support/packed-app.js');
const { RUNTIMES, isPublished, program } = require('./support/runtimes.js');
const { connectSocket, share } = require('./support/socket-client.js');
const { until } = require('./support/wait.js');

// What an app of each kind has beside io-session.
const APP = ['express@5', 'express-session@1', 'socket.io@4', '@types/node@20', '@types/express-session@1'];

const read = (...names) => fs.readFileSync(path.join(...names), 'utf8');
const addonOf = (folder) => {
  const modules = path.join(folder, 'node_modules');
  const [name] = fs.readdirSync(modules).filter((one) => one.startsWith('io-session-'));
  return path.join(modules, name);
};

// Log in over HTTP, rename over the socket, and HTTP sees it: with the real handshake, from outside.
async function useApp(command, args, cwd) {
  const child = spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const exit = once(child, 'close');
  try {
    const [line = ''] = await Promise.race([once(readline.createInterface(child.stdout), 'line'), exit]);
    const [url] = /http:\S+/.exec(line) ?? assert.fail(`${command} ${args.join(' ')}: ${line}${stderr}`);
    const browser = new HttpClient(url, { prefix: args.at(-1) === 'zappa.cjs' ? '/zappa' : '/io-session' });
    await browser.request('/login');
    const socket = await connectSocket(url);
    await share(browser, socket);
    assert.deepEqual(await socket.ask('rename', { name: 'bob' }), { before: 'ann' });
    await until(async () => (await browser.json('/read')).body.name === 'bob', 'the name over HTTP');
    socket.close();
    child.stdin.end();
    assert.deepEqual([(await exit)[0], stderr], [0, '']);
  } finally {
    child.kill('SIGKILL');
  }
}

describe('the packed package', () => {
  let folder;
  const cleanups = [];
  before(() => {
    folder = emptyFolder({ after: (remove) => cleanups.push(remove) });
    const { main, platform } = packed();
    npm(folder, 'install', main, platform, ...APP);
    fs.cpSync(CONSUMERS, folder, { recursive: true });
  }, LIMIT);
  after(() => {
    for (const remove of cleanups) remove();
  });

  it('is installed where there is no Rust', () => {
    assert.equal(run(folder, 'cargo', '--version').error?.code, 'ENOENT');
    assert.equal(run(folder, 'rustc', '--version').error?.code, 'ENOENT');
  });

  it('brings no install script, no source to build and no addon of its own', () => {
    const installed = path.join(folder, 'node_modules', 'io-session');
    const manifest = JSON.parse(read(installed, 'package.json'));
    const { scripts, optionalDependencies, version } = manifest;
    assert.equal(scripts, undefined);
    // The checkout's is, so that it is not published in the place of the tarballs.
    assert.equal('private' in manifest, false);
    assert.equal(require('../package.json').private, true);
    assert.equal(fs.existsSync(path.join(installed, 'binding.gyp')), false);
    assert.deepEqual(
      fs.readdirSync(installed).filter((name) => /\.node$|Cargo|^src$/.test(name)),
      [],
    );
    const targets = ['darwin-arm64', 'darwin-x64', 'linux-arm64-gnu', 'linux-arm64-musl', 'linux-x64-gnu'];
    targets.push('linux-x64-musl', 'win32-arm64-msvc', 'win32-x64-msvc');
    const pins = Object.fromEntries(targets.map((target) => [`io-session-${target}`, version]));
    assert.deepEqual(optionalDependencies, pins);
  });

  it('has for this platform a package that no other platform installs', () => {
    const { os, cpu, libc, main, files, scripts } = JSON.parse(read(addonOf(folder), 'package.json'));
    assert.deepEqual([os, cpu], [[process.platform], [process.arch]]);
    assert.equal(libc?.length, process.platform === 'linux' ? 1 : undefined);
    assert.deepEqual(files, [main]);
    assert.equal(scripts, undefined);
  });

  it('has types that TypeScript takes, with the libraries checked too', LIMIT, () => {
    const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const options = [
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--types',
      'node',
      '--allowJs',
    ];
    const { status, stdout } = run(
      folder,
      process.execPath,
      tsc,
      ...options,
      '--outDir',
      'out',
      'typescript.mts',
    );
    assert.equal(status, 0, stdout);
    fs.renameSync(path.join(folder, 'out', 'typescript.mjs'), path.join(folder, 'compiled.mjs'));
  });

  for (const runtime of RUNTIMES) {
    const apps = ['zappa.cjs', 'commonjs.cjs', 'module.mjs'];
    apps.push(runtime.stripsTypes ? 'typescript.mts' : 'compiled.mjs');
    it(`runs under ${runtime.name}: ${apps.join(', ')}`, LIMIT, async (t) => {
      let command;
      try {
        command = isPublished(runtime) && program(runtime);
      } catch (error) {
        if (process.env.CI === 'true') throw error;
        t.diagnostic(error.message);
      }
      if (!command) {
        t.skip(`left out: npm gives no ${runtime.name} for this machine`);
        return;
      }
      await Promise.all(apps.map((app) => useApp(command, [...runtime.args, app], folder)));
    });
  }

  it('is used by every test file of a Jest run, each in a context of its own', LIMIT, () => {
    npm(folder, 'install', '--no-save', 'jest@30');
    const jest = path.join(folder, 'node_modules', 'jest', 'bin', 'jest.js');
    const { status, stderr } = run(
      folder,
      process.execPath,
      jest,
      '--runInBand',
      '--testMatch',
      '**/*.jest.cjs',
    );
    assert.equal(status, 0, stderr);
    assert.match(stderr, /Tests: +5 passed, 5 total/);
  });
});

describe('a package whose addon is not there', () => {
  const failure = (folder, first = '') => {
    const { status, stderr } = run(folder, process.execPath, '-e', `${first}; require('io-session')`);
    assert.equal(status, 1);
    return stderr;
  };
  const { glibcVersionRuntime } = process.report.getReport().header;

  it('says what machine this is, what was tried and the way out, after --omit=optional', LIMIT, (t) => {
    const folder = emptyFolder(t);
    const { main } = packed();
    npm(folder, 'install', '--omit=optional', main);
    const text = failure(folder);
    assert.match(text, new RegExp(`This machine: ${process.platform} ${process.arch}`));
    if (glibcVersionRuntime) assert.ok(text.includes(`glibc ${glibcVersionRuntime}, Node.js`), text);
    assert.match(text, /Tried \.\/io-session\.[\w-]+\.node: not there\n/);
    assert.match(text, /Tried io-session-[\w-]+: not there\n/);
    assert.match(text, /Install again without --omit=optional/);
    assert.match(text, /npm install io-session-[\w-]+@\d+\.\d+\.\d+\n/);
    assert.match(text, /code: 'ERR_ADDON_NOT_LOADED'/);

    const elsewhere = failure(folder, "Object.defineProperty(process, 'arch', { value: 'mips' })");
    assert.match(elsewhere, /Tried io-session-\w+-mips[\w-]*: not there\n/);
    assert.match(elsewhere, /There is none for this kind of machine: install Rust \(https:\/\/rustup\.rs\)/);

    const named = failure(folder, "process.env.NAPI_RS_NATIVE_LIBRARY_PATH = '/nowhere/at-all.node'");
    assert.match(named, /Tried \/nowhere\/at-all\.node: not there\n/);
  });

  it('says what the system said, when it is there and is refused', LIMIT, (t) => {
    const folder = emptyFolder(t);
    const { main, platform } = packed();
    npm(folder, 'install', main, platform);
    const addon = addonOf(folder);
    const [file] = fs.readdirSync(addon).filter((name) => /^io-session\..*\.node$/.test(name));
    fs.writeFileSync(path.join(addon, file), 'not an addon');
    const text = failure(folder);
    const reason = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(path.join(addon, file))})`]);
    const [, words] = /Error: (.*)/.exec(reason.stderr);
    assert.ok(text.includes(`Tried ${path.basename(addon)}: ${words}`), text);
    assert.match(text, /this machine refuses it/);
  });

  it('says so where Node.js was started to load none, though it is there', LIMIT, (t) => {
    const folder = emptyFolder(t);
    const { main, platform } = packed();
    npm(folder, 'install', main, platform);
    const permission = ['--permission', '--experimental-permission'].find((flag) =>
      process.allowedNodeEnvironmentFlags.has(flag),
    );
    for (const flags of [['--no-addons'], [permission, '--allow-fs-read=*']]) {
      const { stderr } = run(folder, process.execPath, ...flags, '-e', "require('io-session')");
      assert.match(stderr, /Node\.js loads no addons here: .*--no-addons.*--allow-addons/);
      assert.match(stderr, /code: 'ERR_ADDON_NOT_LOADED'/);
      assert.doesNotMatch(stderr, /not there/);
    }
  });
});

describe('the tarball', () => {
  const bytes = () => new Uint8Array(fs.readFileSync(packed().main));

  it('has nothing that publint objects to', async () => {
    const { publint } = await import('publint');
    const { messages } = await publint({ pack: { tarball: bytes().buffer } });
    assert.deepEqual(messages, []);
  });

  it('has types that are right for each way of importing it', LIMIT, async () => {
    const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core');
    const { problems } = await checkPackage(createPackageFromTarballData(bytes()));
    const said = problems.map(({ kind, entrypoint, resolutionKind }) => ({
      kind,
      entrypoint,
      resolutionKind,
    }));
    assert.deepEqual(said, []);
  });
});
