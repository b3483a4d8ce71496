'use strict';

// What a client emits before it is bound, or while it is offline, is handled with its session, the README's way.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const { keyFor, shareSession } = require('io-session/client');
const { breakOff, fetchOf } = require('./support/client-page.js');
const { LIMIT } = require('./support/limit.js');
const { shareApp } = require('./support/share-app.js');
const { socketIoClient } = require('./support/versions.js');
const { until } = require('./support/wait.js');

// A browser's page: its socket, and the requests of its module.
async function page(t, version, { browser: make = (f) => f.login(), set, ioOptions = () => ({}) } = {}) {
  const f = await shareApp(t, { socketIoVersion: version, ...set });
  const browser = await make(f);
  const asked = [];
  const send = fetchOf(browser);
  const fetch = (url, init) => {
    asked.push(url.slice(f.url.length));
    return send(url, init);
  };
  const socket = socketIoClient(version)(f.url, {
    transports: ['websocket'],
    forceNew: true,
    reconnectionDelay: 1,
    reconnectionDelayMax: 1,
    ...ioOptions(f, fetch),
  });
  t.after(() => socket.close());
  return { f, browser, socket, asked, options: { url: f.url, fetch } };
}

const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, resolve));

for (const version of [2, 4]) {
  const on = `Socket.IO ${version}`;

  test(`what is emitted before the first connection is the browser's own, ${on}`, LIMIT, async (t) => {
    const { browser, socket, options } = await page(t, version);
    const shared = shareSession(socket, options);
    assert.equal((await ask(socket, 'read')).id, browser.sid);
    await shared;
  });

  test(`what is emitted while offline is the browser's own, in its order, ${on}`, LIMIT, async (t) => {
    const { f, browser, socket, options } = await page(t, version);
    await shareSession(socket, options);
    for (let round = 0; round < 3; round += 1) {
      await breakOff(f, socket);
      const wrote = Promise.all([1, 2, 3].map((n) => ask(socket, 'write', { [`field${n}`]: round })));
      assert.deepEqual(await wrote, [browser.sid, browser.sid, browser.sid]);
      const { field1, field2, field3 } = (await browser.json('/read')).body;
      assert.deepEqual([field1, field2, field3], [round, round, round]);
    }
  });

  test(`what is emitted while offline is a stranger's after a logout meanwhile, ${on}`, LIMIT, async (t) => {
    const { f, browser, socket, options } = await page(t, version);
    await shareSession(socket, options);
    const { sid } = browser;
    await breakOff(f, socket);
    const read = ask(socket, 'read');
    await browser.request('/logout');
    assert.notEqual((await read).id, sid);
    assert.equal((await read).user, undefined);
  });

  test(`what is emitted while offline is kept over a key request that fails, ${on}`, LIMIT, async (t) => {
    const { f, browser, socket, options } = await page(t, version);
    let asked = 0;
    await shareSession(socket, {
      ...options,
      onError() {},
      fetch: (...args) => {
        asked += 1;
        if (asked === 2) return new Response('out of order', { status: 503 });
        return options.fetch(...args);
      },
    });
    await breakOff(f, socket);
    assert.equal((await ask(socket, 'read')).id, browser.sid);
    assert.ok(asked > 2);
  });

  test(
    `what is emitted while a socket is being bound is kept when it is shared again, ${on}`,
    LIMIT,
    async (t) => {
      const { f, browser, socket, options } = await page(t, version);
      const gate = new EventEmitter();
      let isSlow = false;
      const slow = async (...args) => {
        if (isSlow) {
          const opened = once(gate, 'open');
          gate.emit('asked');
          await opened;
        }
        return options.fetch(...args);
      };
      await shareSession(socket, { ...options, fetch: slow });
      isSlow = true;
      const asked = once(gate, 'asked');
      await breakOff(f, socket);
      const reads = [ask(socket, 'read')];
      await asked;
      reads.push(ask(socket, 'read'));
      const again = shareSession(socket, options);
      gate.emit('open');
      await again;
      for (const read of reads) assert.equal((await read).id, browser.sid);
    },
  );

  test(`a key whose session has given way at a login is asked for anew, ${on}`, LIMIT, async (t) => {
    const { browser, socket, options } = await page(t, version);
    let isFirst = true;
    await shareSession(socket, {
      ...options,
      fetch: async (...args) => {
        const response = await options.fetch(...args);
        if (isFirst) await browser.request('/regenerate');
        isFirst = false;
        return response;
      },
    });
    assert.equal((await ask(socket, 'read')).id, browser.sid);
  });

  test(`it is sent, as a stranger's, where there is no key, ${on}`, LIMIT, async (t) => {
    const { f, socket, options } = await page(t, version);
    const fails = { ...options, onError() {}, fetch: async () => new Response('gone', { status: 502 }) };
    await assert.rejects(shareSession(socket, fails), { code: 'ERR_KEY_REFUSED', status: 502 });
    await breakOff(f, socket);
    assert.equal((await ask(socket, 'read')).user, undefined);
  });

  test(`a signal that aborts sends what was kept, and the socket is as it was, ${on}`, LIMIT, async (t) => {
    const { socket } = await page(t, version);
    const { auth } = socket;
    const controller = new AbortController();
    const never = () => new Promise(() => {});
    const shared = shareSession(socket, { signal: controller.signal, fetch: never });
    const read = ask(socket, 'read');
    if (version === 2) await once(socket, 'connect');
    controller.abort();
    await assert.rejects(shared, { name: 'AbortError' });
    if (version === 2) assert.equal((await read).user, undefined);
    assert.equal(socket.auth, auth);
    assert.ok(!Object.hasOwn(socket, 'packet'));
  });

  test(
    `what is emitted as soon as it is connected is the browser's own, in its order, ${on}`,
    LIMIT,
    async (t) => {
      const { f, browser, socket, options } = await page(t, version);
      const asked = [];
      let round = 0;
      socket.on('connect', () => {
        for (const n of [1, 2]) asked.push(ask(socket, 'write', { [`connected${n}`]: round }));
        asked.push(ask(socket, 'read'));
      });
      await shareSession(socket, options);
      await Promise.all(asked);
      await breakOff(f, socket);
      round += 1;
      assert.equal(await ask(socket, 'write', { offline: round }), browser.sid);
      await until(() => asked.length === 6, 'the listener of connect has run');
      const answers = await Promise.all(asked);
      assert.deepEqual(
        answers.map((answer) => answer?.id ?? answer),
        Array(6).fill(browser.sid),
      );
    },
  );
}

// A namespace that a page opens beside a connected one says that it connects before `shareSession` can see it.
for (const version of [2, 4]) {
  for (const required of [false, true]) {
    // A client of Socket.IO 2 is told of a refusal, and left to itself.
    if (version === 2 && required) continue;
    test(
      `a namespace opened beside a connected one is the browser's own, ${required ? 'and required, ' : ''}Socket.IO ${version}`,
      LIMIT,
      async (t) => {
        const { browser, f, socket, options } = await page(t, version, {
          set: { namespaces: ['/chat'], options: { required } },
        });
        await shareSession(socket, options);
        const chat = socket.io.socket('/chat');
        t.after(() => chat.close());
        const shared = shareSession(chat, options);
        const wrote = [1, 2].map((n) => ask(chat, 'write', { [`field${n}`]: n }));
        assert.deepEqual(await Promise.all(wrote), [browser.sid, browser.sid]);
        await shared;
        const { field1, field2 } = (await browser.json('/read')).body;
        assert.deepEqual([field1, field2], [1, 2]);
        await breakOff(f, chat);
        assert.equal((await ask(chat, 'read')).id, browser.sid);
      },
    );
  }
}

test(
  'a namespace opened beside a connected one that is refused for good is tried once more',
  LIMIT,
  async (t) => {
    let refused = 0;
    const { socket, options } = await page(t, 4, {
      set: {
        namespaces: ['/chat'],
        app: ({ io }) =>
          io.of('/chat').use((_socket, next) => {
            refused += 1;
            next(new Error('banned'));
          }),
      },
    });
    await shareSession(socket, options);
    const chat = socket.io.socket('/chat');
    t.after(() => chat.close());
    const controller = new AbortController();
    const told = [];
    chat.on('connect_error', ({ message }) => told.push(message));
    const shared = shareSession(chat, { ...options, signal: controller.signal });
    await until(() => told.length === 2, 'it is tried once more');
    await ask(socket, 'echo', 1);
    assert.deepEqual([refused, told], [2, ['banned', 'banned']]);
    controller.abort();
    await assert.rejects(shared, { name: 'AbortError' });
  },
);

test('the app’s own auth goes along with the key', LIMIT, async (t) => {
  for (const auth of [{ token: 'mine' }, (cb) => cb({ token: 'mine' })]) {
    const { f, browser, socket, options } = await page(t, 4, { ioOptions: () => ({ auth }) });
    const connected = once(f.io, 'connection');
    await shareSession(socket, options);
    const [{ handshake }] = await connected;
    assert.equal(handshake.auth.token, 'mine');
    assert.equal(f.seen.get(socket.id).id, browser.sid);
  }
});

const RENEWALS = {
  'a field of socket.auth': (socket) => {
    socket.auth.token = 'new';
  },
  'socket.auth': (socket) => {
    socket.auth = { ...socket.auth, token: 'new' };
  },
  'a function as socket.auth': (socket) => {
    socket.auth = (send) => send({ token: 'new', other: 1 });
  },
  'its own object': (_socket, auth) => {
    auth.token = 'new';
  },
};

for (const [what, renew] of Object.entries(RENEWALS)) {
  test(`${what}, set by the app later, goes along with the key`, LIMIT, async (t) => {
    const auth = { token: 'old', other: 1 };
    const set = { options: { required: true } };
    const { f, browser, socket, options } = await page(t, 4, { set, ioOptions: () => ({ auth }) });
    await shareSession(socket, options);
    const { token } = socket.auth;
    assert.equal(token, 'old');
    renew(socket, auth);
    await breakOff(f, socket);
    assert.equal((await ask(socket, 'read')).id, browser.sid);
    const { handshake } = f.io.of('/').sockets.get(socket.id);
    assert.deepEqual([handshake.auth.token, handshake.auth.other], ['new', 1]);
  });
}

test('a function of the app’s that calls the one before it goes along with the key', LIMIT, async (t) => {
  const set = { options: { required: true } };
  const ioOptions = () => ({ auth: (send) => send({ token: 'old', other: 1 }) });
  const { f, browser, socket, options } = await page(t, 4, { set, ioOptions });
  await shareSession(socket, options);
  const { auth } = socket;
  socket.auth = (send) => auth((data) => send({ ...data, token: 'new' }));
  await breakOff(f, socket);
  assert.equal((await ask(socket, 'read')).id, browser.sid);
  const { handshake } = f.io.of('/').sockets.get(socket.id);
  assert.deepEqual([handshake.auth.token, handshake.auth.other], ['new', 1]);
});

test('a socket that two copies of the module share connects again, and is bound', LIMIT, async (t) => {
  const copies = [shareSession, (await import('io-session/client')).shareSession];
  assert.equal(new Set(copies).size, 2);
  const { f, browser, socket, options } = await page(t, 4, { set: { options: { required: true } } });
  for (const share of copies) await share(socket, options);
  for (let n = 0; n < 2; n += 1) {
    await breakOff(f, socket);
    assert.equal((await ask(socket, 'read')).id, browser.sid);
  }
});

test('a connection asks for one key, and is bound in its connection listener', LIMIT, async (t) => {
  const { f, browser, socket, asked, options } = await page(t, 4);
  await shareSession(socket, options);
  assert.deepEqual(asked, ['/io-session/socket/__local']);
  assert.equal(f.seen.get(socket.id).id, browser.sid);
  await breakOff(f, socket);
  await once(socket, 'connect');
  assert.equal(f.seen.get(socket.id).id, browser.sid);
  assert.equal(asked.length, 2);
});

test('with oneTimeKeys a connection is bound as well', LIMIT, async (t) => {
  const set = { options: { oneTimeKeys: true } };
  const { browser, socket, options } = await page(t, 4, { set });
  await shareSession(socket, options);
  assert.equal((await ask(socket, 'read')).id, browser.sid);
});

test('with required a socket that only shares is let in', LIMIT, async (t) => {
  const set = { options: { required: true } };
  const { browser, socket, options } = await page(t, 4, { set });
  await shareSession(socket, options);
  assert.equal((await ask(socket, 'read')).id, browser.sid);
});

test('a key of the app’s own is used as long as it is good', LIMIT, async (t) => {
  // As a page has it that was rendered with `sharing.key(req.session)`.
  let key;
  const { f, browser, socket, asked, options } = await page(t, 4, {
    async browser(f) {
      const browser = await f.login();
      key = await f.keyOf(browser);
      return browser;
    },
    ioOptions: () => ({ auth: { key } }),
  });
  await shareSession(socket, options);
  assert.deepEqual(asked, []);
  const ended = once(socket, 'session:end');
  await browser.request('/regenerate');
  await ended;
  await shareSession(socket, options);
  assert.equal(asked.length, 1);
  await breakOff(f, socket);
  assert.equal((await ask(socket, 'read')).id, browser.sid);
});

test('keyFor in auth and shareSession go together: one key for each connection', LIMIT, async (t) => {
  const { f, browser, socket, asked, options } = await page(t, 4, {
    ioOptions: (f, fetch) => ({ auth: async (cb) => cb({ key: await keyFor(f.url, { fetch }) }) }),
  });
  await shareSession(socket, options);
  assert.equal(asked.length, 1);
  assert.equal(f.seen.get(socket.id).id, browser.sid);
  const ended = once(socket, 'session:end');
  await browser.request('/regenerate');
  await ended;
  await shareSession(socket, options);
  assert.equal(asked.length, 2);
  await breakOff(f, socket);
  assert.equal((await ask(socket, 'read')).id, browser.sid);
  assert.equal(asked.length, 3);
});
