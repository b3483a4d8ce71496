'use strict';

// shareSession: mistakes in the set-up of an app are named, once each, and end nothing. In processes of their own, as
// warnings are per process.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { shareSession } = require('..');
const { startChild } = require('./support/child.js');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { SECRET, shareFixture } = require('./support/share-fixture.js');
const { connectSocket } = require('./support/socket-client.js');
const { express, makeIo, socketIoServer } = require('./support/versions.js');
const { settle } = require('./support/wait.js');

const CHILD = path.join(__dirname, 'support', 'children', 'mistaken.js');
const MODULES = path.join(__dirname, '..', 'node_modules');

const NO_SESSION = { status: 400, body: { error: 'No session', code: 'ERR_NO_SESSION' } };

// The warnings of this process while the test runs.
function heard(t) {
  const warnings = [];
  const warn = ({ code, message }) => warnings.push({ code, message });
  process.on('warning', warn);
  t.after(() => process.off('warning', warn));
  return warnings;
}

// Socket.IO under its own name, as apps have it: here it is installed under others.
function installSocketIo(t) {
  const folder = fs.mkdtempSync(path.join(__dirname, 'types', 'mistaken-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const installed = path.join(folder, 'node_modules', 'socket.io');
  fs.cpSync(path.join(MODULES, 'socketio4'), installed, { recursive: true });
  return installed;
}

async function run(t, input) {
  const child = startChild(t, CHILD, input);
  const told = await child.message('done');
  assert.deepEqual(await child.exit, { code: 0, signal: null }, child.stderr);
  return { ...told, stderr: child.stderr };
}

for (const [what, mistake, code, words] of [
  [
    'sharing.express() before the session middleware',
    'session after it',
    'IO_SESSION_NO_SESSION',
    /app\.use\(session\(…\)\) has to come before app\.use\(sharing\.express\(\)\)/,
  ],
  ['a store that is disconnected', 'store disconnected', 'IO_SESSION_NO_SESSION', /store is disconnected/],
  ['a cookie for another path', 'cookie path', 'IO_SESSION_NO_SESSION', /cookie: \{ path \}/],
  [
    'two different stores',
    'two stores',
    'IO_SESSION_TWO_STORES',
    /session\(\{ store: sharing\.store, … \}\)/,
  ],
  [
    'a store that express-session makes for itself',
    'no store named',
    'IO_SESSION_TWO_STORES',
    /session\(\{ store: sharing\.store, … \}\)/,
  ],
  ['cookie-session', 'cookie-session', 'IO_SESSION_COOKIE_SESSION', /cookie-session/],
]) {
  test(`${what}: a warning that names it, once, and no key`, LIMIT, async (t) => {
    const { answers, warnings, stored, stderr } = await run(t, { mistake });
    assert.deepEqual(answers, [NO_SESSION, NO_SESSION, NO_SESSION]);
    const [warning, ...others] = warnings.filter((one) => one.code?.startsWith('IO_SESSION_'));
    assert.deepEqual(others, []);
    assert.equal(warning.code, code);
    assert.match(warning.message, words);
    assert.equal(stored, 0, 'a record that nobody can use');
    // Where a person sees it.
    assert.match(stderr, new RegExp(`\\[${code}\\] Warning: io-session: `));
  });
}

test(
  'sharing.socket() that was never called: a warning that names it, once, and the key is given',
  LIMIT,
  async (t) => {
    const { answers, warnings } = await run(t, { mistake: 'no sockets', socketIo: installSocketIo(t) });
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['IO_SESSION_NO_SOCKETS'],
    );
    assert.match(warnings[0].message, /io\.use\(sharing\.socket\(\)\) is missing/);
  },
);

test('a process that has the emitter in the place of sockets is warned of nothing', LIMIT, async (t) => {
  const { answers, warnings } = await run(t, { mistake: 'emitter', socketIo: installSocketIo(t) });
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.deepEqual(warnings, []);
});

for (const version of [2, 4]) {
  test(
    `io.use(sharing.socket) refuses connections and says what is missing, Socket.IO ${version}`,
    LIMIT,
    async (t) => {
      const warnings = heard(t);
      const sharing = shareSession();
      const server = http.createServer();
      const io = makeIo(socketIoServer(version), server);
      t.after(async () => {
        io.close();
        await closeServer(server);
        sharing.close();
      });
      io.use(sharing.socket);
      const url = await listen(server);
      for (let n = 0; n < 2; n += 1) {
        const refusal = await connectSocket(url, { version }).then(
          () => assert.fail('it has connected'),
          (error) => error.message ?? error,
        );
        assert.match(refusal, /io\.use\(sharing\.socket\(\)\): the parentheses are missing/);
      }
      assert.deepEqual(warnings, [
        {
          code: 'IO_SESSION_NOT_CALLED',
          message: 'io-session: io.use(sharing.socket()): the parentheses are missing.',
        },
      ]);
    },
  );
}

test(
  'one namespace with two shareSession(): connections are refused, and the app is warned once',
  LIMIT,
  async (t) => {
    const warnings = heard(t);
    const f = await shareFixture(t);
    const other = shareSession();
    t.after(() => other.close());
    f.io.use(other.socket());
    const message =
      "io-session: the namespace '/' shares sessions by another shareSession() already: give each namespace one of them, or close() the other first.";
    for (let n = 0; n < 2; n += 1) await assert.rejects(f.connect(), { message });
    await settle();
    assert.deepEqual(warnings, [{ code: 'IO_SESSION_TWO_SHARINGS', message }]);
  },
);

test(
  'a cookie option with another secret than the session has: a warning that names it, once',
  LIMIT,
  async (t) => {
    const warnings = heard(t);
    for (const [secrets, told] of [
      [[SECRET, 'an old one'], 0],
      [['an old one', SECRET], 0],
      [['a mistake'], 1],
    ]) {
      const f = await shareFixture(t, { options: { cookie: { secrets } } });
      const browser = await f.login();
      // What was not accepted proves nothing.
      await browser.request('/read', { headers: { cookie: 'connect.sid=s%3Aforged.signature' } });
      for (let n = 0; n < 3; n += 1) await browser.request('/read');
      await settle();
      assert.equal(warnings.length, told);
    }
    assert.equal(warnings[0].code, 'IO_SESSION_COOKIE_SECRET');
    assert.match(warnings[0].message, /secret of shareSession\(\)'s option 'cookie'/);
    assert.ok(!warnings[0].message.includes('a mistake'));
  },
);

test(
  'a cookie option with another name than the session has: a warning that names it, once',
  LIMIT,
  async (t) => {
    const warnings = heard(t);
    for (const [name, told] of [
      ['app.sid', 0],
      ['connect.sid', 1],
    ]) {
      const f = await shareFixture(t, {
        sessionOptions: { name: 'app.sid' },
        options: { cookie: { name, secret: SECRET } },
      });
      const browser = await f.login();
      // What only looks like one proves nothing.
      await f.browser().request('/read', { headers: { cookie: 'other=s%3Aforged.signature' } });
      for (let n = 0; n < 3; n += 1) await browser.request('/read');
      await settle();
      assert.equal(warnings.length, told);
    }
    assert.equal(warnings[0].code, 'IO_SESSION_COOKIE_NAME');
    assert.match(warnings[0].message, /cookie is not called 'connect\.sid'.*give both the same name/);
  },
);

for (const version of [4, 5]) {
  test(`app.use(sharing.express) answers with what is missing, Express ${version}`, LIMIT, async (t) => {
    const sharing = shareSession();
    const app = express(version)();
    app.set('env', 'test');
    app.use(sharing.express);
    const server = http.createServer(app);
    t.after(async () => {
      await closeServer(server);
      sharing.close();
    });
    const response = await fetch(await listen(server));
    assert.equal(response.status, 500);
    assert.match(await response.text(), /app\.use\(sharing\.express\(\)\): the parentheses are missing/);
  });
}

test('app.use(prefix, sharing.express()) is warned of once, and gives no key', LIMIT, async (t) => {
  const warnings = heard(t);
  const sharing = shareSession();
  const app = express(5)();
  app.use('/io-session', sharing.express());
  const server = http.createServer(app);
  t.after(async () => {
    await closeServer(server);
    sharing.close();
  });
  const url = await listen(server);
  for (let n = 0; n < 2; n += 1)
    assert.equal((await fetch(`${url}/io-session/socket/__local/id`)).status, 404);
  await settle();
  assert.deepEqual(warnings, [
    {
      code: 'IO_SESSION_MOUNTED',
      message:
        "io-session: app.use('/io-session', sharing.express()): without the path, app.use(sharing.express()). It knows its own paths, and has to see every request.",
    },
  ]);
});

const MISPLACED =
  /app\.use\(sharing\.express\(\)\) is for Express, and io\.use\(sharing\.socket\(\)\) for Socket\.IO/;

// An app in which one middleware stands in another's place.
async function misplaced(t, place) {
  const warnings = heard(t);
  const sharing = shareSession();
  const app = express(5)();
  app.set('env', 'test');
  const server = http.createServer(app);
  const io = makeIo(socketIoServer(4), server);
  t.after(async () => {
    io.close();
    await closeServer(server);
    sharing.close();
  });
  place({ app, io, sharing });
  return { url: await listen(server), warnings };
}

const refused = (url) =>
  connectSocket(url).then(
    () => assert.fail('it has connected'),
    (error) => error.message,
  );

for (const [what, place, check] of [
  [
    'io.use(sharing.express()) refuses connections',
    ({ io, sharing }) => io.use(sharing.express()),
    async (url) => assert.match(await refused(url), MISPLACED),
  ],
  [
    'io.engine.use(sharing.socket()) refuses connections',
    ({ io, sharing }) => io.engine.use(sharing.socket()),
    refused,
  ],
  [
    'app.use(sharing.socket()) fails requests',
    ({ app, sharing }) => {
      app.use(sharing.socket());
      app.use((error, _req, res, _next) => res.status(500).send(error.message));
    },
    async (url) => assert.match(await (await fetch(url)).text(), MISPLACED),
  ],
]) {
  test(`${what}, and is warned of once`, LIMIT, async (t) => {
    const { url, warnings } = await misplaced(t, place);
    for (let n = 0; n < 2; n += 1) await check(url);
    await settle();
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ['IO_SESSION_MISPLACED'],
    );
    assert.match(warnings[0].message, MISPLACED);
  });
}

test('a path of the app’s own that looks like the end of the key route is no mistake', LIMIT, async (t) => {
  const warnings = heard(t);
  const f = await shareFixture(t);
  assert.equal((await f.browser().request('/socket/__local')).status, 404);
  await settle();
  assert.deepEqual(warnings, []);
});

const WORKERS = path.join(__dirname, 'support', 'children', 'workers.js');

// What the two workers and the primary process of an app are warned of.
async function runWorkers(t, input, env) {
  const child = startChild(t, WORKERS, input, { env: { ...process.env, ...env } });
  const { workers, primary } = await child.message('done');
  return { workers: workers.map((all) => all.map(({ code }) => code)), primary, told: workers.flat() };
}

test(
  'workers of node:cluster without a store are warned that each has sessions of its own',
  LIMIT,
  async (t) => {
    const { workers, primary, told } = await runWorkers(t, { hasStore: false });
    assert.deepEqual(workers, [['IO_SESSION_OWN_SESSIONS'], ['IO_SESSION_OWN_SESSIONS']]);
    assert.match(told[0].message, /each process has sessions of its own, .* shareSession\(\{ store \}\)/);
    assert.deepEqual(primary, []);
  },
);

test('workers that name a store are not', LIMIT, async (t) => {
  const { workers } = await runWorkers(t, { hasStore: true });
  assert.deepEqual(workers, [[], []]);
});

for (const [instance, codes] of [
  ['0', []],
  ['1', ['IO_SESSION_OWN_SESSIONS']],
]) {
  test(`instance ${instance} of an app under PM2 is warned of ${codes.length}`, LIMIT, async (t) => {
    const { primary } = await runWorkers(t, { hasStore: false }, { NODE_APP_INSTANCE: instance });
    assert.deepEqual(
      primary.map(({ code }) => code),
      codes,
    );
  });
}

test('an Express process without Socket.IO is no mistake', LIMIT, async (t) => {
  const { answers, warnings } = await run(t, {});
  assert.equal(answers[0].status, 200);
  assert.deepEqual(warnings, []);
});

test('an app without a mistake is warned of nothing', LIMIT, async (t) => {
  const { answers, warnings } = await run(t, { socketIo: installSocketIo(t) });
  assert.equal(answers[0].status, 200);
  assert.deepEqual(warnings, []);
});
