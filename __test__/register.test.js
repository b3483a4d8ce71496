'use strict';

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { after, describe, it } = require('node:test');
const { pathToFileURL } = require('node:url');

const ROOT = path.resolve(__dirname, '..');

/** What an app prints of the io-session that its zappajs got. */
const OURS = 'bind_express,bind_io,bind_middleware true';
const ORIGINAL = 'the original';

const folders = [];
after(() => {
  for (const folder of folders) {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

/** Writes files under a new folder that has this package installed. */
function makeApp(files, { ioSession = ROOT } = {}) {
  // The real path: what is printed is relative to process.cwd(), and that has no links in it.
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-register-')));
  folders.push(folder);
  fs.mkdirSync(path.join(folder, 'node_modules'));
  fs.symlinkSync(ioSession, path.join(folder, 'node_modules', 'io-session'), 'dir');
  write(folder, files);
  return folder;
}

function write(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
  }
}

/** The files of a zappajs as npm lays them out, so far as they matter here. */
function zappajs(folder, version = '6.5.0', { source = 'src', name = 'zappajs' } = {}) {
  return {
    [`${folder}/package.json`]: JSON.stringify({ name, version, main: `${source}/zappa.js` }),
    [`${folder}/${source}/zappa.js`]: "'use strict';\nexports.io_session = require('./io-session');\n",
    [`${folder}/${source}/io-session.js`]: `'use strict';\nmodule.exports = ${JSON.stringify(ORIGINAL)};\n`,
  };
}

/** App code that prints which io-session a module's `io_session` is. */
const SHOW = `
  const ours = require('io-session');
  const show = (found) => console.log(
    typeof found === 'string'
      ? found
      : ['bind_express', 'bind_io', 'bind_middleware'].filter((name) => name in found) + ' ' + (found === ours));
`;

function run(folder, ...args) {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: folder, timeout: 60_000 }, (error, stdout, stderr) => {
      const lines = (text) => text.split('\n').filter(Boolean);
      resolve({
        code: error ? (error.code ?? error.signal) : 0,
        stdout: lines(stdout),
        stderr: lines(stderr),
      });
    });
  });
}

const REGISTER = ['-r', 'io-session/register'];

describe('io-session/register', () => {
  it('replaces the io-session of a hoisted zappajs and says so', async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      'app.js': `${SHOW} show(require('zappajs').io_session);`,
    });
    assert.deepEqual(await run(app, ...REGISTER, 'app.js'), {
      code: 0,
      stdout: [OURS],
      stderr: [`io-session: replaced ${path.join('node_modules/zappajs/src/io-session')} of zappajs 6.5.0`],
    });
  });

  it('leaves zappajs as it is without -r', async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      'app.js': `${SHOW} show(require('zappajs').io_session);`,
    });
    assert.deepEqual(await run(app, 'app.js'), { code: 0, stdout: [ORIGINAL], stderr: [] });
  });

  it('works with --import, in an ES module', async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      'app.mjs': `import zappa from 'zappajs'; import { createRequire } from 'node:module';
        const require = createRequire(import.meta.url); ${SHOW} show(zappa.io_session);`,
    });
    const { code, stdout, stderr } = await run(app, '--import', 'io-session/register', 'app.mjs');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: [OURS] });
    assert.equal(stderr.length, 1);
  });

  it('replaces it in a nested zappajs of another version and layout', async () => {
    const app = makeApp({
      ...zappajs('node_modules/shop/node_modules/zappajs', '4.0.1', { source: 'lib' }),
      'node_modules/shop/package.json': JSON.stringify({ name: 'shop', main: 'index.js' }),
      'node_modules/shop/index.js': "module.exports = require('zappajs');",
      'app.js': `${SHOW} show(require('shop').io_session);`,
    });
    assert.deepEqual(await run(app, ...REGISTER, 'app.js'), {
      code: 0,
      stdout: [OURS],
      stderr: [
        `io-session: replaced ${path.join('node_modules/shop/node_modules/zappajs/lib/io-session')} of zappajs 4.0.1`,
      ],
    });
  });

  it('replaces it in every copy, and says so once for each', async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      ...zappajs('node_modules/shop/node_modules/zappajs', '6.4.0'),
      'node_modules/shop/index.js': "module.exports = require('zappajs');",
      // Twice from each copy: the second request must not be told again.
      'node_modules/zappajs/src/more.js': "module.exports = require('./io-session.js');",
      'app.js': `${SHOW} show(require('zappajs').io_session); show(require('shop').io_session);
        show(require('zappajs/src/more'));`,
    });
    const { code, stdout, stderr } = await run(app, ...REGISTER, 'app.js');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: [OURS, OURS, OURS] });
    assert.deepEqual(
      stderr.map((line) => line.match(/zappajs \S+$/)?.[0]),
      ['zappajs 6.5.0', 'zappajs 6.4.0'],
    );
  });

  it('replaces it in a zappajs that is linked in, as pnpm does', async () => {
    const app = makeApp({
      ...zappajs('node_modules/.pnpm/zappajs@6.5.0/node_modules/zappajs'),
      'app.js': `${SHOW} show(require('zappajs').io_session);`,
    });
    fs.symlinkSync('.pnpm/zappajs@6.5.0/node_modules/zappajs', path.join(app, 'node_modules/zappajs'), 'dir');
    for (const flags of [[], ['--preserve-symlinks']]) {
      const { code, stdout, stderr } = await run(app, ...flags, ...REGISTER, 'app.js');
      assert.deepEqual({ code, stdout }, { code: 0, stdout: [OURS] }, flags.join());
      assert.equal(stderr.length, 1);
    }
  });

  it('replaces it in a zappajs linked from outside the app, under another name', async () => {
    const elsewhere = makeApp(zappajs('checkout'));
    const app = makeApp({ 'app.js': `${SHOW} show(require('my-zappa').io_session);` });
    fs.symlinkSync(path.join(elsewhere, 'checkout'), path.join(app, 'node_modules/my-zappa'), 'dir');
    const { stdout } = await run(app, ...REGISTER, 'app.js');
    assert.deepEqual(stdout, [OURS]);
  });

  it('looks past a package.json that names no package', async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      'node_modules/zappajs/src/package.json': '{"type": "commonjs"}',
      'app.js': `${SHOW} show(require('zappajs').io_session);`,
    });
    assert.deepEqual((await run(app, ...REGISTER, 'app.js')).stdout, [OURS]);
  });

  it("leaves everybody else's ./io-session alone", async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      ...zappajs('node_modules/zappajs-plugin', '1.0.0', { name: 'zappajs-plugin' }),
      'io-session.js': "module.exports = 'mine';",
      // Inside zappajs's folder, but not its module.
      'node_modules/zappajs/src/io-session-notes.js': "module.exports = 'notes';",
      'node_modules/zappajs/src/more.js': "exports.notes = require('./io-session-notes');",
      'app.js': `${SHOW} show(require('./io-session')); show(require('zappajs-plugin').io_session);
        show(require('zappajs/src/more').notes); show(require('zappajs/src/io-session'));`,
    });
    const { code, stdout } = await run(app, ...REGISTER, 'app.js');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: ['mine', ORIGINAL, 'notes', ORIGINAL] });
  });

  it('says once that there is no zappajs, at the end', async () => {
    const app = makeApp({ 'app.js': "console.log('done');" });
    assert.deepEqual(await run(app, ...REGISTER, ...REGISTER, 'app.js'), {
      code: 0,
      stdout: ['done'],
      stderr: ['io-session: no zappajs has been loaded, so nothing is replaced'],
    });
  });

  it('may be required more than once, and from more than one copy of this package', async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      'second/package.json': JSON.stringify({ name: 'io-session' }),
      'second/register.js': fs.readFileSync(path.join(ROOT, 'register.js')),
      'second/lib/register.js': fs.readFileSync(path.join(ROOT, 'lib', 'register.js')),
      'app.js': `require('io-session/register'); ${SHOW} show(require('zappajs').io_session);`,
    });
    const { stdout, stderr } = await run(app, ...REGISTER, '-r', './second/register.js', 'app.js');
    assert.deepEqual(stdout, [OURS]);
    assert.equal(stderr.length, 1);
  });

  it('says that it came too late for a zappajs that is already loaded', async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      'app.js': `const zappa = require('zappajs'); require('io-session/register'); console.log(zappa.io_session);`,
    });
    const { code, stdout, stderr } = await run(app, 'app.js');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: [ORIGINAL] });
    assert.equal(stderr.length, 1);
    assert.match(stderr[0], /^io-session: too late for node_modules.zappajs: .*node -r/);
  });

  it('leaves zappajs its own when this package does not load, and says why', async () => {
    const broken = makeApp({
      'io-session/package.json': fs.readFileSync(path.join(ROOT, 'package.json')),
      'io-session/register.js': fs.readFileSync(path.join(ROOT, 'register.js')),
      'io-session/lib/register.js': fs.readFileSync(path.join(ROOT, 'lib', 'register.js')),
      'io-session/index.js': "throw new Error('no binary for this machine');",
    });
    const app = makeApp(
      {
        ...zappajs('node_modules/zappajs'),
        'app.js': "console.log(require('zappajs').io_session);",
      },
      { ioSession: path.join(broken, 'io-session') },
    );
    assert.deepEqual(await run(app, ...REGISTER, 'app.js'), {
      code: 0,
      stdout: [ORIGINAL],
      stderr: ['io-session: nothing is replaced, this package does not load: no binary for this machine'],
    });
  });

  it("passes on the loader's own errors, and minds no file that is in no package", async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      'lost/zappa.js': "require('./io-session');",
      'lost/package.json': '{"name": "zappajs"}',
      'nowhere/zappa.js': "module.exports = require('./io-session');",
      'nowhere/io-session.js': "module.exports = 'kept';",
      'nowhere/package.json': '{}',
      'app.js': `try { require('./lost/zappa'); } catch (error) { console.log(error.code); }
        console.log(require('./nowhere/zappa'));`,
    });
    const { code, stdout } = await run(app, ...REGISTER, 'app.js');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: ['MODULE_NOT_FOUND', 'kept'] });
  });

  it('replaces it in a worker thread', async () => {
    const app = makeApp({
      ...zappajs('node_modules/zappajs'),
      'worker.js': `${SHOW} show(require('zappajs').io_session);`,
      'app.js': "new (require('node:worker_threads').Worker)('./worker.js');",
    });
    const { code, stdout } = await run(app, ...REGISTER, 'app.js');
    assert.deepEqual({ code, stdout }, { code: 0, stdout: [OURS] });
  });

  it('does not keep a process alive', async () => {
    const app = makeApp({ 'app.js': '' });
    const { code } = await run(app, '--import', pathToFileURL(path.join(ROOT, 'register.js')).href, 'app.js');
    assert.equal(code, 0, 'it has ended by itself');
  });
});
