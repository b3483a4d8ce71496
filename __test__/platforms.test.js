'use strict';

// `npm run platforms`: its smoke test, on this machine; and what it plans for machines that have this and lack that.

const { describe, it } = require('node:test');
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const { ZIG, planBuild } = require('../scripts/platforms/build.js');
const { contractSuites, countPassed, leftOut } = require('../scripts/platforms/contract.js');
const { runLogged } = require('../scripts/platforms/log.js');
const { planRun } = require('../scripts/platforms/run.js');
const { allTargets, parseTarget } = require('../scripts/platforms/target.js');
const { LIMIT } = require('./support/limit.js');

const ROOT = path.join(__dirname, '..');
const SCRIPTS = path.join(ROOT, 'scripts');
const run = promisify(execFile);

const HOST = parseTarget('x86_64-unknown-linux-gnu');
const GLIBC_ARM = parseTarget('aarch64-unknown-linux-gnu');
const MUSL = parseTarget('x86_64-unknown-linux-musl');
const MUSL_ARM = parseTarget('aarch64-unknown-linux-musl');
const MAC = parseTarget('aarch64-apple-darwin');
const MSVC = parseTarget('x86_64-pc-windows-msvc');
const MINGW = parseTarget('x86_64-pc-windows-gnu');

// A machine with Node.js and Rust for itself, and what else a test gives it.
function machine({ host = HOST, files = [], programs = [], musl, ...more } = {}) {
  return {
    host,
    rustlib: '/rust',
    hasRustup: false,
    hasPip: false,
    muslFolder: '/lib',
    hasFile: (file) => file === path.join('/rust', host.triple, 'lib') || files.includes(file),
    hasProgram: (program) => programs.includes(program),
    muslVersion: () => musl,
    ...more,
  };
}

// Rust's standard library for a target, built, and its sources.
const built = ({ triple }) => path.join('/rust', triple, 'lib');
const SOURCE = path.join('/rust', 'src', 'rust', 'library', 'std');

describe('the smoke test', () => {
  it('passes on this machine', LIMIT, async () => {
    const { stdout } = await run(process.execPath, [path.join(SCRIPTS, 'platforms', 'smoke.js')]);
    const [first, ...steps] = stdout.trim().split('\n');
    assert.equal(first, `smoke on ${process.platform} ${process.arch}, node ${process.version}`);
    assert.deepEqual(steps, ['ok: in memory', 'ok: with a file']);
  });
});

describe('a build', () => {
  it('of the machine itself needs nothing more', () => {
    const { missing, args } = planBuild(HOST, machine());
    assert.deepEqual([missing, args], [[], []]);
  });

  it('names what is missing', () => {
    assert.deepEqual(planBuild(MUSL, machine({ hasRustup: true })).missing, [
      'python3 with pip (Debian: apt-get install python3-pip)',
      'rustup target add x86_64-unknown-linux-musl',
    ]);
    assert.deepEqual(planBuild(MINGW, machine({ hasPip: true })).missing, [
      'apt-get install gcc-mingw-w64-x86-64',
      "the sources of Rust's standard library (Debian: rust-web-src)",
    ]);
  });

  it('takes the standard library that is there, else builds it from its sources', () => {
    const both = machine({ hasPip: true, files: [built(GLIBC_ARM), SOURCE] });
    const ready = planBuild(GLIBC_ARM, both);
    assert.deepEqual(
      [ready.missing, ready.args],
      [[], ['--target', 'aarch64-unknown-linux-gnu', '--cross-compile']],
    );
    const source = planBuild(MUSL, both);
    assert.deepEqual(source.missing, []);
    assert.deepEqual(source.args, [
      '--target',
      'x86_64-unknown-linux-musl',
      '--cross-compile',
      '--',
      '-Z',
      'build-std=std,panic_unwind',
    ]);
  });

  it("with Microsoft's linker is for Windows only, and there for both processors", () => {
    const linux = machine({ files: [built(MSVC)] });
    assert.deepEqual(planBuild(MSVC, linux).missing, ['build it on Windows']);
    const windows = machine({ host: parseTarget('aarch64-pc-windows-msvc'), files: [built(MSVC)] });
    assert.deepEqual(planBuild(MSVC, windows).missing, []);
  });

  it('is linked by what the release is linked by', () => {
    const release = fs.readFileSync(path.join(ROOT, '.github', 'workflows', 'release.yml'), 'utf8');
    const [, zigbuild] = /cargo-zigbuild@(\S+)/.exec(release);
    const [, zig] = /setup-zig@.*?version: (\S+)/s.exec(release);
    assert.deepEqual(ZIG, [`cargo-zigbuild==${zigbuild}`, `ziglang==${zig}`]);
  });
});

describe('a run', () => {
  const LIBRARY = '/usr/aarch64-linux-gnu/lib/libstdc++.so.6';

  it('names what is missing', () => {
    assert.deepEqual(planRun(GLIBC_ARM, machine()).missing, [
      'apt-get install qemu-user-static',
      'apt-get install libstdc++6-arm64-cross',
    ]);
    assert.deepEqual(planRun(MUSL, machine({ hasPip: true })).missing, [
      'musl 1.2.4 or later for x64 (CONTRIBUTING.md, "Other machines")',
    ]);
    assert.deepEqual(planRun(MINGW, machine()).missing, ['apt-get install wine wine64']);
    assert.deepEqual(planRun(MAC, machine()).missing, ['run it on macOS, arm64']);
  });

  it('wants a musl that can load its Node.js', () => {
    const has = (...musl) => planRun(MUSL, machine({ hasPip: true, musl })).missing.length === 0;
    assert.deepEqual(
      [has(1, 2, 3), has(1, 1, 24), has(1, 2, 4), has(1, 2, 5), has(1, 3, 0), has(2)],
      [false, false, true, true, true, true],
    );
  });

  it('of another processor is emulated, and then without what is a matter of seconds', () => {
    const emulating = machine({
      hasPip: true,
      musl: [1, 2, 5],
      programs: ['qemu-aarch64-static'],
      files: [LIBRARY],
    });
    for (const [target, isEmulated] of [
      [HOST, false],
      [MUSL, false],
      [GLIBC_ARM, true],
      [MUSL_ARM, true],
    ]) {
      const plan = planRun(target, emulating);
      assert.deepEqual([plan.missing, plan.isEmulated], [[], isEmulated], target.triple);
    }
    assert.equal(leftOut(true).length, leftOut(false).length + 1);
  });

  it('has the suites of the contract where their client can connect', () => {
    const suited = allTargets().filter((target) => planRun(target, machine()).hasSuites);
    assert.deepEqual(
      suited.map(({ triple }) => triple),
      ['x86_64-unknown-linux-musl', 'aarch64-unknown-linux-gnu', 'aarch64-unknown-linux-musl'],
    );
  });
});

describe("the contract's suites", () => {
  it('are all of them, each with the servers that it lacks', () => {
    const names = (suites) => suites.map(({ file }) => path.basename(file));
    const here = fs.readdirSync(__dirname).filter((name) => name.startsWith('contract-'));
    assert.deepEqual(names(contractSuites(() => true)), here.sort());
    assert.ok(contractSuites(() => true).every(({ lacks }) => lacks.length === 0));
    const lacking = contractSuites(() => false).filter(({ lacks }) => lacks.length > 0);
    assert.deepEqual(
      names(lacking),
      here.filter((name) => name.startsWith('contract-matrix')),
    );
  });

  it('leave out tests that are there by these names', () => {
    const text = fs.readFileSync(path.join(__dirname, 'contract-matrix.test.js'), 'utf8');
    for (const name of leftOut(true)) assert.ok(text.includes(`'${name}'`), name);
  });

  it('are counted by the tests that have passed', () => {
    assert.equal(countPassed('ok 1 - # pass 7\n# tests 31\n# pass 30\n# fail 1\n'), 30);
    assert.equal(countPassed('nothing at all'), 0);
  });
});

describe('a step', () => {
  // A step that prints this and ends with this code; gives its log.
  function take(t, text, code) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-platforms-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const log = path.join(folder, 'step.log');
    const program = `console.log(${JSON.stringify(text)}); process.exitCode = ${code}`;
    runLogged([process.execPath, '-e', program], { env: {}, log });
    return fs.readFileSync(log, 'utf8');
  }

  it('leaves what it has printed in its log', (t) => {
    assert.equal(take(t, 'all is well', 0), 'all is well\n');
  });

  it('that fails shows the tests that failed, and its last words', (t) => {
    const lines = ['not ok 7 - a tree is green', ...Array(100).fill('...'), 'it is brown'];
    assert.throws(
      () => take(t, lines.join('\n'), 3),
      ({ name, message }) =>
        name === 'StepError' && /: exit code 3\n {2}not ok 7 (?:.*\n)+ {2}it is brown\n/.test(message),
    );
  });
});
