'use strict';

// What README.md and docs/ say is looked up: links, named tests, code, tables. And that index.d.ts takes and refuses what
// types/index.ts says.

const { describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const session = require('express-session');
const CoffeeScript = require('coffeescript');
const { parseTriple } = require('@napi-rs/cli');
const { readOptions, readShareOptions } = require('../lib/support/options.js');
const { errors } = require('../native.js');
const { LIMIT } = require('./support/limit.js');
const { FENCE, pieces, readPage } = require('./support/page.js');
const { makeFolder, startProgram } = require('./support/program.js');

const ROOT = path.join(__dirname, '..');
const read = readPage;
const pagesIn = (folder) =>
  fs
    .readdirSync(path.join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => path.join(folder, name));
const PAGES = [
  ...pagesIn('.'),
  ...pagesIn('docs'),
  path.join('bench', 'README.md'),
  path.join('examples', 'README.md'),
];

const prose = (text) => text.replace(FENCE, '').replace(/`[^`\n]*`/g, '');
const lineOf = (text, index) => text.slice(0, index).split('\n').length;

// As GitHub makes them.
function anchors(text) {
  const headings = text.replace(FENCE, '').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

// The rows of the first table after a heading, cell by cell, without code marks.
function table(page, heading) {
  const section = page.slice(page.indexOf(`\n## ${heading}\n`));
  const [rows] = /(^\|.*\n)+/m.exec(section);
  return rows
    .trim()
    .split('\n')
    .slice(2)
    .map((row) => row.split('|').map((cell) => cell.trim().replaceAll('`', '')));
}

const PACKAGES = [
  'io-session',
  'express',
  'express-session',
  'socket.io',
  'socket.io-client',
  'passport',
  'passport-local',
  'connect-redis',
  'redis',
];

function run(command, args, options) {
  const { status, stderr, stdout, error } = spawnSync(command, args, { encoding: 'utf8', ...options });
  assert.equal(status, 0, error?.message ?? `${stdout}${stderr}`);
}

// What the pieces of code on the pages take for granted, each of them in an app of its own. What a piece declares itself
// stands in front of it.
const PRELUDE = `
const express = require('express');
const session = require('express-session');
const { Server } = require('socket.io');
const { EmbeddedStore, sessionRoom, shareSession } = require('io-session');

process.env.SESSION_SECRET = 'not a secret';
const secret = process.env.SESSION_SECRET;
const app = express();
const server = app.listen(0);
const io = new Server(server);
const store = new session.MemoryStore();
const sharedSession = () => (socket, next) => next();
const ios = sharedSession;
const sessionMiddleware = session({ store, secret, resave: false, saveUninitialized: false });
const sharing = shareSession({ store });
const somethingSlow = async () => {};
`;
/** Ends it when it has run: what it began to listen to goes on otherwise. */
const ENDING = 'setImmediate(() => process.exit());';

function pieceOf(code, page) {
  // A Zappa app is where its page's code stands: `this` is the context.
  const context = page.endsWith('zappa.md') ? '{ on() {}, get() {} }' : 'undefined';
  return `${PRELUDE}\n(async function () {\n${code}\n}).call(${context}).then(() => {\n${ENDING}\n});\n`;
}

// A piece of a Zappa app: `this` is its context. What it sets is what io-session takes.
function runCoffee(t, code) {
  const folder = makeFolder(t, 'readme', PACKAGES);
  const settings = {};
  const used = [];
  const context = {
    set: (some) => Object.assign(settings, some),
    use: (some) => used.push(some),
    get() {},
  };
  const load = (name) => {
    // The line that stands for what a fork has.
    if (name === './io-session') return require('..');
    return require(require.resolve(name, { paths: [folder] }));
  };
  const compiled = CoffeeScript.compile(code, { bare: true });
  process.env.SESSION_SECRET ??= 'not a secret';
  new vm.Script(`(function (require) {${compiled}\n})`).runInThisContext().call(context, load);
  readOptions(settings.io_session, 'io_session');
  for (const { session: options } of used) session(options);
}

for (const page of PAGES) {
  const text = read(page);
  describe(page, () => {
    it('has links that lead somewhere', () => {
      for (const { 1: target, index } of prose(text).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) {
          continue;
        }
        const where = `${page}, near line ${lineOf(prose(text), index)}: ${target}`;
        const [name, anchor] = target.split('#');
        const file = name ? path.join(ROOT, path.dirname(page), name) : path.join(ROOT, page);
        assert.ok(fs.existsSync(file), where);
        assert.ok(!anchor || anchors(fs.readFileSync(file, 'utf8')).includes(anchor), where);
      }
    });

    it('names tests that exist', () => {
      // `[file](../__test__/file.test.js) "part of a name", "part of another"`
      const claims = text.matchAll(/\]\(\.\.\/__test__\/([\w-]+\.test\.js)\)((?:,?\s"[^"]+")+)/g);
      for (const [, file, names] of claims) {
        for (const [, name] of names.matchAll(/"([^"]+)"/g)) {
          assert.ok(read('__test__', file).includes(name), `${page}: no test "${name}" in ${file}`);
        }
      }
    });

    for (const { mark, language, code, line } of pieces(text)) {
      const where = `line ${line}`;
      const isModule = /^import /m.test(code);
      if (language === 'js') {
        it(`has JavaScript that parses, ${where}`, () => {
          if (!isModule) return new vm.Script(`async () => {${code}\n}`, { filename: page });
          // A module, and a browser's, where readme-browser.test.js runs it.
          const { status, stderr } = spawnSync(process.execPath, ['--check', '--input-type=module', '-'], {
            input: code,
          });
          assert.equal(status, 0, String(stderr));
        });
      } else if (language === 'json') {
        it(`has JSON that parses, ${where}`, () => JSON.parse(code));
      } else if (language === 'sh' && process.platform !== 'win32') {
        it(`has shell commands that parse, ${where}`, () => run('sh', ['-n', '-c', code]));
        it(`names npm scripts that exist, ${where}`, () => {
          const { scripts } = JSON.parse(read('package.json'));
          for (const [, name] of code.matchAll(/npm run ([\w:-]+)/g)) {
            assert.ok(scripts[name], name);
          }
        });
      } else if (language === 'coffee') {
        it(`has CoffeeScript that runs, ${where}`, (t) => runCoffee(t, code));
      }
      if (language === 'js' && !isModule && mark === 'app') {
        it(`has an app that starts, ${where}`, LIMIT, async (t) => {
          const folder = makeFolder(t, 'readme', PACKAGES);
          fs.writeFileSync(path.join(folder, 'app.js'), code);
          const { stderr } = await startProgram(t, folder, 'app.js', { PORT: '0' });
          assert.equal(stderr, '');
        });
      } else if (language === 'js' && !isModule) {
        it(`has code that runs, ${where}`, LIMIT, (t) => {
          const cwd = makeFolder(t, 'readme', PACKAGES);
          fs.writeFileSync(path.join(cwd, 'example.js'), mark === 'run' ? code : pieceOf(code, page));
          run(process.execPath, ['example.js'], { cwd });
        });
      }
    }
  });
}

describe('what docs/ say of the product', () => {
  for (const [page, readDefaults] of [
    ['zappa.md', () => readOptions(undefined, 'nothing')],
    ['share-session.md', () => readShareOptions(undefined)],
  ]) {
    it(`is every option, and its default, in ${page}`, () => {
      const said = table(read('docs', page), 'Options').map(([, name, value]) => [
        name,
        value.replace(/^'|'$/g, ''),
      ]);
      const spell = (value) =>
        value === undefined ? 'none' : Array.isArray(value) ? JSON.stringify(value) : String(value);
      assert.deepEqual(
        said,
        Object.entries(readDefaults()).map(([name, value]) => [name, spell(value)]),
      );
    });
  }

  it('is every platform that has a package, by its name', () => {
    const { napi, name } = JSON.parse(read('package.json'));
    const page = `\n## Platforms\n${read('docs', 'install.md')}`;
    assert.deepEqual(
      table(page, 'Platforms').map(([, , said]) => said),
      napi.targets.map((target) => `${name}-${parseTriple(target).platformArchABI}`),
    );
  });

  it('is every error: its code, status and message', () => {
    assert.deepEqual(
      table(read('docs', 'errors.md'), 'Errors of io-session').map(([, code, status, message]) => ({
        code,
        message,
        status: Number(status),
      })),
      errors(),
    );
  });
});

describe('docs/compatibility.md', () => {
  it('names for each row a suite that has a test of it', () => {
    const rows = read('docs', 'compatibility.md').matchAll(/^\| ([ABC]\d+\w?(?:\/\d+)?) +\|(.*)$/gm);
    let count = 0;
    for (const [, row, rest] of rows) {
      count += 1;
      const files = [...rest.matchAll(/__test__\/((?:support\/)?[\w.-]+\.js)/g)].map(([, file]) => file);
      assert.ok(files.length > 0, row);
      for (const file of files) {
        assert.match(read('__test__', file), new RegExp(`\\b${row}\\b`), `${row} in ${file}`);
      }
    }
    assert.equal(count, 71);
  });
});

describe('index.d.ts', () => {
  it('takes and refuses what types/index.ts says', LIMIT, () => {
    const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    run(process.execPath, [tsc, '-p', path.join(__dirname, 'types', 'tsconfig.json')]);
  });

  it('knows every error code', () => {
    const [, union] = /type IoSessionErrorCode =([^;]*);/.exec(read('index.d.ts'));
    assert.deepEqual(
      [...union.matchAll(/'(\w+)'/g)].map(([, code]) => code),
      errors().map(({ code }) => code),
    );
  });

  it('knows every option', () => {
    const named = (interface_) => {
      const [, body] = new RegExp(`interface ${interface_} [^{]*\\{([\\s\\S]*?)^\\}`, 'm').exec(
        read('index.d.ts'),
      );
      return [...body.matchAll(/^ {2}(\w+)\?/gm)].map(([, name]) => name);
    };
    const zappa = named('IoSessionOptions');
    assert.deepEqual(zappa, Object.keys(readOptions(undefined, 'nothing')));
    assert.deepEqual([...named('ShareSessionOptions'), ...zappa], Object.keys(readShareOptions(undefined)));
  });
});
