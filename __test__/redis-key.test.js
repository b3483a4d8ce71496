'use strict';

// The key of a socket that connects is read from Redis: what that holds decides, not what the process remembers.

const { afterEach, beforeEach, describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { createClient, RESP_TYPES } = require('redis');
const { LIMIT } = require('./support/limit.js');
const { startRedis } = require('./support/redis-server.js');
const { look } = require('./support/share-app.js');
const { shareFixture } = require('./support/share-fixture.js');
const stores = require('./support/stores.js');

describe('a key with the connection, on Redis', () => {
  let server;
  let redis;
  beforeEach(async () => {
    server = await startRedis();
    redis = await createClient({ socket: { host: '127.0.0.1', port: server.port } }).connect();
  });
  afterEach(async () => {
    await redis.close();
    await server.stop();
  });

  // A browser that is logged in and has a key. `who(key)`: whose a socket is that connects with it, and what Redis was asked.
  async function begin(t, { options, open = (kept) => kept.store } = {}) {
    const kept = await stores.redis(server);
    t.after(() => kept.cleanup());
    const f = await shareFixture(t, {
      store: open(kept),
      options,
      app({ io }) {
        io.on('connection', (socket) => {
          seen = look(socket);
        });
      },
    });
    let seen;
    const browser = await f.login();
    const key = await f.keyOf(browser, options && { channel: options.channel });
    const who = async (shown = key) => {
      await redis.configResetStat();
      await f.connect({ key: shown });
      const stats = await redis.info('commandstats');
      const reads = [...stats.matchAll(/cmdstat_(m?get):calls=(\d+)/g)].map(
        ([, name, calls]) => `${calls} ${name}`,
      );
      return { user: seen.user, id: seen.id, reads };
    };
    return { ...f, browser, kept, key, sid: browser.sid, who };
  }

  test('is none of anybody’s when its record has gone, or its session', LIMIT, async (t) => {
    const { browser, keyOf, kept, key, login, sid, who } = await begin(t);
    await kept.remove(key);
    assert.equal((await who()).user, undefined);
    const again = await login('bob');
    const second = await keyOf(again);
    await kept.remove(again.sid);
    assert.equal((await who(second)).user, undefined);
    assert.equal((await kept.read(sid)).user, 'ann');
    await browser.request('/logout');
    assert.equal((await who()).user, undefined);
  });

  test('leads to where its record says, whatever is remembered', LIMIT, async (t) => {
    const { kept, key, login, who } = await begin(t);
    const bob = await login('bob');
    const record = await kept.read(key);
    await redis.set(kept.prefix + key, JSON.stringify({ ...record, id: bob.sid }));
    const { id, user } = await who();
    assert.deepEqual({ id, user }, { id: bob.sid, user: 'bob' });
  });

  test('is good no longer than its record says, though Redis has it still', LIMIT, async (t) => {
    const { kept, key, who } = await begin(t);
    const record = await kept.read(key);
    record.cookie.expires = new Date(0).toISOString();
    await redis.set(kept.prefix + key, JSON.stringify(record));
    assert.equal((await who()).user, undefined);
    await redis.set(kept.prefix + key, 'no record');
    assert.equal((await who()).user, undefined);
  });

  for (const [what, spoil] of Object.entries({
    'a socket’s own': (text) => text.replace('"cookie":{', '"cookie":{"__io":true,'),
    'a key’s record': (text) => text.replace(/}$/, ',"__io_session":{"v":1}}'),
  })) {
    test(`does not lead to a session that has become ${what}`, LIMIT, async (t) => {
      const { kept, sid, who } = await begin(t);
      await redis.set(kept.prefix + sid, spoil(await kept.text(sid)));
      assert.equal((await who()).user, undefined);
    });
  }

  test('is found by a client that gives bytes', LIMIT, async (t) => {
    const open = ({ store }) => {
      store.client = store.client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      return store;
    };
    const { sid, who } = await begin(t, { open });
    const { id, user } = await who();
    assert.deepEqual({ id, user }, { id: sid, user: 'ann' });
  });
});

test('a key that was asked for a moment ago is good for its own channel only', LIMIT, async (t) => {
  const f = await shareFixture(t, {
    app({ io }) {
      io.on('connection', (socket) => socket.on('look', (ack) => ack(look(socket))));
    },
  });
  const browser = await f.login();
  const place = { channel: 'elsewhere' };
  // The second GET sees the record, and vouches for it.
  const key = await f.keyOf(browser, place);
  assert.equal(await f.keyOf(browser, place), key);
  const socket = await f.connect({ key });
  assert.equal((await socket.ask('look')).user, undefined);
});
