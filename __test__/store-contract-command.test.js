'use strict';

// `npm run store-contract`: the contract of a session store on a store that somebody else has written.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { LIMIT } = require('./support/limit.js');

const SCRIPT = path.join(__dirname, '..', 'scripts', 'store-contract.js');

// Keeps texts, drops what is over, and compares and sets: what docs/stores.md asks for.
const STORE = `'use strict';
module.exports = (session) => {
  class TinyStore extends session.Store {
    #texts = new Map();
    #live(sid) {
      const text = this.#texts.get(sid);
      const { expires } = text === undefined ? {} : JSON.parse(text).cookie;
      if (!expires || Date.parse(expires) > Date.now()) return text;
      this.#texts.delete(sid);
      return undefined;
    }
    get(sid, callback) {
      const text = this.#live(sid);
      setImmediate(callback, null, text && JSON.parse(text));
    }
    set(sid, data, callback = () => {}) {
      this.#texts.set(sid, JSON.stringify(data));
      setImmediate(callback, null);
    }
    touch(sid, { cookie }, callback = () => {}) {
      const text = this.#live(sid);
      if (text !== undefined) this.#texts.set(sid, JSON.stringify({ ...JSON.parse(text), cookie }));
      setImmediate(callback, null);
    }
    destroy(sid, callback = () => {}) {
      this.#texts.delete(sid);
      setImmediate(callback, null);
    }
    clear(callback = () => {}) {
      this.#texts.clear();
      setImmediate(callback, null);
    }
    #all() {
      return [...this.#texts.keys()].map((sid) => this.#live(sid)).filter(Boolean).map((text) => JSON.parse(text));
    }
    all(callback) {
      setImmediate(callback, null, this.#all());
    }
    length(callback) {
      setImmediate(callback, null, this.#all().length);
    }
    compareAndSet(sid, expected, { text }, callback) {
      const current = this.#live(sid);
      if (current === expected) this.#texts.set(sid, text);
      setImmediate(callback, null, current === expected ? true : (current ?? null));
    }
  }
  return new TinyStore();
};
`;

function run(t, text, name = 'tiny-store.js') {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-store-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  if (text !== undefined) fs.writeFileSync(path.join(folder, 'tiny-store.js'), text);
  const env = {
    ...process.env,
    INIT_CWD: folder,
    IO_SESSION_STORE: name,
    // A test of tests: without it Node.js takes them for a part of this one.
    NODE_TEST_CONTEXT: undefined,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT], { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

test('a store that keeps the contract passes, with what io-session does on it', LIMIT, async (t) => {
  const { code, stdout } = await run(t, STORE);
  assert.equal(code, 0, stdout);
  const [, count] = /✔ store-contract {2}(\d+) tests/.exec(stdout);
  // The contract's own, and the rows of what io-session does.
  assert.ok(Number(count) > 30, stdout);
});

test('a store whose touch makes sessions fails, and the command says by which test', LIMIT, async (t) => {
  const broken = STORE.replace('if (text !== undefined) this', 'this').replace(
    '...JSON.parse(text), cookie',
    "...JSON.parse(text ?? '{}'), cookie",
  );
  const { code, stdout } = await run(t, broken);
  assert.equal(code, 1);
  assert.match(stdout, /✖ store-contract: .* › touch of nothing makes nothing/);
});

test('a module that is not there, or makes no store, is said before any test runs', LIMIT, async (t) => {
  const missing = await run(t, undefined);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /There is no .*tiny-store\.js\./);
  const empty = await run(t, 'module.exports = {};');
  assert.equal(empty.code, 1);
  assert.match(empty.stderr, /exports no function\. It has to export one that makes a store/);
  const unnamed = await run(t, undefined, '');
  assert.match(unnamed.stderr, /Which store\? IO_SESSION_STORE=\.\/my-store\.js npm run store-contract/);
});
