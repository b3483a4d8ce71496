'use strict';

// A Zappa app on what it installs by itself, and on others: acknowledgements are true, nobody who is there is logged out, and
// no key outlives its session.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { setTimeout: delay } = require('node:timers/promises');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { shareFixture } = require('./support/share-fixture.js');
const { keyPath, share } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

const server = suiteRedis();

const redis = (version, client) => () => stores.redis(server, undefined, { version, client });

// connect-redis before 9, in an app that has not given us its client.
const withoutClient = (version) => async () => {
  const kept = await redis(version)();
  delete kept.store.compareAndSet;
  return kept;
};

const OWN = {
  open: redis('connect-redis 3', 'node-redis 2'),
  versions: { expressVersion: 4, socketIoVersion: 2 },
};

const STACKS = {
  "Zappa's own stack": OWN,
  MemoryStore: { open: () => stores.memory() },
  EmbeddedStore: { open: () => stores.embedded() },
  'connect-redis 7': { open: redis('connect-redis 7') },
  'connect-redis 7, which hides its client': { open: withoutClient('connect-redis 7') },
  'connect-redis 8': { open: redis('connect-redis 8') },
  'connect-redis 8, which hides its client': { open: withoutClient('connect-redis 8') },
  'connect-redis 9': { open: redis('connect-redis 9') },
};

const begin = async (t, { open, versions }, set) => fixture(t, { kept: await open(), ...versions, ...set });

describe('an acknowledgement is sent when what was changed before it is saved', () => {
  const EVENTS = 1000;
  const LOOK_EVERY = 25;

  // The handlers of an app: each counts, and answers what it has counted. `count.number` is what a client may ask for.
  const app = (context) => {
    const add = (session) => {
      session.count = (session.count ?? 0) + 1;
      return session.count;
    };
    context.on('count', function (_data, ack) {
      ack(add(this.session));
    });
    context.on('count later', async function (_data, ack) {
      await settle(1);
      ack(add(this.session));
    });
    context.on('count in a callback', function (_data, ack) {
      setImmediate(() => ack(add(this.session)));
    });
    context.on('count by this.ack', function () {
      this.ack(add(this.session));
    });
  };

  for (const [name, stack] of Object.entries(STACKS)) {
    test(`${name}: ${EVENTS} events that each wait for the one before count ${EVENTS}`, LIMIT, async (t) => {
      const { bound } = await begin(t, stack, { app });
      const { browser, socket } = await bound();
      for (let n = 1; n <= EVENTS; n += 1) {
        assert.equal(await socket.ask('count', {}), n);
        if (n % LOOK_EVERY === 0) assert.equal((await browser.json('/read')).body.session.count, n);
      }
      assert.equal((await browser.json('/read')).body.session.count, EVENTS);
    });

    for (const event of ['count later', 'count in a callback', 'count by this.ack']) {
      test(`${name}: ${event}, HTTP reads what was acknowledged`, LIMIT, async (t) => {
        const { bound } = await begin(t, stack, { app });
        const { browser, socket } = await bound();
        for (let n = 1; n <= LOOK_EVERY; n += 1) {
          assert.equal(await socket.ask(event, {}), n);
          assert.equal((await browser.json('/read')).body.session.count, n);
        }
      });
    }
  }
});

// Side by side: what takes time is that sessions would expire.
describe('a user who only loads pages stays logged in while handlers write', { concurrency: true }, () => {
  const MAX_AGE = 4_000;
  const EVERY = 2_000;
  const PAGES = 4;

  const rows = {
    ...STACKS,
    memorystore: { open: () => stores.memorystore() },
    'better-sqlite3-session-store': { open: () => stores.sqlite() },
    'session-file-store': { open: () => stores.file() },
  };
  for (const [name, stack] of Object.entries(rows)) {
    test(name, LIMIT, async (t) => {
      const { bound } = await begin(t, stack, {
        sessionOptions: { rolling: true, cookie: { maxAge: MAX_AGE } },
      });
      const { browser, socket, sid } = await bound();
      for (let page = 1; page <= PAGES; page += 1) {
        await delay(EVERY);
        const { body } = await browser.json('/read');
        assert.equal(body.session?.user, 'ann', `page ${page}, ${(page * EVERY) / 1000} s after the login`);
        // The handler's own write, and the handshake's, which a reconnected client makes again.
        assert.equal((await socket.ask('write', { page })).id, sid);
        if (page % 2 === 0) await share(browser, socket);
      }
      assert.equal((await browser.json('/read')).body.session.page, PAGES);
    });
  }
});

describe("a key's record lives no longer than its session", () => {
  const rows = { ...STACKS, 'better-sqlite3-session-store': { open: () => stores.sqlite() } };
  for (const [name, stack] of Object.entries(rows)) {
    for (const seconds of [2, 60]) {
      test(`${name}, a session of ${seconds} s`, LIMIT, async (t) => {
        const { kept, login } = await begin(t, stack, {
          sessionOptions: { cookie: { maxAge: seconds * 1000 } },
        });
        const browser = await login();
        const { key } = (await browser.json(keyPath('a-socket'))).body;
        // By the store's own clock, where it has one; else by the date in the record, which it expires by.
        const left =
          kept.ttl === undefined
            ? (Date.parse((await kept.read(key)).cookie.expires) - Date.now()) / 1000
            : await kept.ttl(key);
        assert.ok(left > 0 && left <= seconds, `${left} s`);
      });
    }
  }
});

test(
  "on Zappa's own stack, with shareSession, commits are exact between processes without a setting",
  LIMIT,
  async (t) => {
    const { sharing } = await shareFixture(t, { kept: await OWN.open(), ...OWN.versions });
    // A store is asked what it does when it is used for the first time.
    await new Promise((resolve) => sharing.store.get('nobody', resolve));
    await until(() => sharing.stats().exact === 'processes', 'the store has shown what it does');
  },
);
