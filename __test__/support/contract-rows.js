'use strict';

// The rows of the contract that could depend on a version or on a store. Each suite names the stores that it runs them on.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { setTimeout: delay } = require('node:timers/promises');
const { randomUUID } = require('node:crypto');
const { fixture } = require('./fixture.js');
const { heldApp } = require('./held-app.js');
const { LIMIT } = require('./limit.js');
const { keyPath, share } = require('./socket-client.js');
const { settle, until } = require('./wait.js');
const { UUID_V4 } = require('./uuid.js');

// A host on a store that `open` makes; see stores.js.
async function begin(t, open, options = {}) {
  return fixture(t, { ...options, kept: await open() });
}

function rows(open, versions = {}) {
  test('A1: a first GET answers one uuid v4 key and stores record and session', LIMIT, async (t) => {
    const { kept, login } = await begin(t, open, versions);
    const browser = await login();
    const { status, text, body } = await browser.json(keyPath('a-socket'));
    assert.equal(status, 200);
    assert.match(body.key, UUID_V4);
    assert.equal(text, JSON.stringify({ key: body.key }));
    assert.equal((await kept.read(body.key)).id, browser.sid);
    assert.equal((await kept.read(browser.sid)).__socket.__local.key, body.key);
    assert.deepEqual((await kept.ids()).sort(), [browser.sid, body.key].sort());
  });

  test('A9: a second GET of the same channel answers the same key, and adds no record', LIMIT, async (t) => {
    const { kept, login } = await begin(t, open, versions);
    const browser = await login();
    const first = await browser.json(keyPath('a-socket'));
    const second = await browser.json(keyPath('a-socket'));
    assert.equal(second.text, first.text);
    assert.equal((await kept.ids()).length, 2);
  });

  test(
    'C1: a session whose cookie is to last as long as the browser (expires = false) is not over',
    LIMIT,
    async (t) => {
      const app = (context) =>
        context.get('/as-long-as-the-browser', function () {
          this.session.cookie.expires = false;
          this.session.kept = true;
          this.json({});
        });
      const { kept, login, connect } = await begin(t, open, { ...versions, app });
      const browser = await login();
      await browser.request('/as-long-as-the-browser');
      const socket = await connect();
      assert.equal((await share(browser, socket)).ack.error, undefined);
      const { id, session } = await socket.ask('read', {});
      assert.equal(id, browser.sid);
      assert.equal(session.kept, true);
      assert.equal((await kept.read(browser.sid)).cookie.expires, false);
    },
  );

  test('A10: after a reconnect the key is the same and messages reach the new socket', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, open, versions);
    const { browser, socket, sid, key } = await bound();
    const oldId = socket.id;
    assert.deepEqual((await kept.read(sid)).__socket.__local, { key, id: oldId });
    await socket.reconnect();
    assert.notEqual(socket.id, oldId);
    const again = await share(browser, socket);
    assert.equal(again.key, key);
    assert.deepEqual((await kept.read(sid)).__socket.__local, { key, id: socket.id });
    const told = socket.next('told');
    await browser.request('/tell?what=news');
    assert.equal(await told, 'news');
  });

  test('B1: a good key is acknowledged and later handlers see the session of Express', LIMIT, async (t) => {
    const { host, bound } = await begin(t, open, versions);
    const { socket, sid, key, ack } = await bound();
    assert.deepEqual(ack, { key });
    assert.equal(host.clients.get(socket.id).__session_id, sid);
    const { id, session } = await socket.ask('read', {});
    assert.equal(id, sid);
    assert.equal(session.user, 'ann');
  });

  test('B8: an unknown key answers Missing data and binds nothing', LIMIT, async (t) => {
    const { connect } = await begin(t, open, versions);
    const socket = await connect();
    assert.deepEqual(await socket.ask('__zappa_key', { key: randomUUID() }), { error: 'Missing data' });
    assert.equal((await socket.ask('read', {})).id, socket.id);
  });

  test("C1: HTTP and socket see each other's writes", LIMIT, async (t) => {
    const { kept, bound } = await begin(t, open, versions);
    const { browser, socket, sid } = await bound();
    await socket.ask('write', { from: 'socket', deep: { a: [1, { b: null }] } });
    await until(async () => (await kept.read(sid)).from === 'socket', 'the socket write is saved');
    const { session } = (await browser.json('/read')).body;
    assert.deepEqual(session.deep, { a: [1, { b: null }] });
    await browser.request(`/write?json=${encodeURIComponent('{"from":"http"}')}`);
    assert.equal((await socket.ask('read', {})).session.from, 'http');
  });

  test('C6: a handler that only reads writes nothing', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, open, versions);
    const { socket } = await bound();
    await settle();
    const before = await kept.writes();
    for (let n = 0; n < 3; n += 1) {
      await socket.ask('read', {});
    }
    // Long enough for a file to be written and renamed.
    await settle(200);
    assert.equal(await kept.writes(), before);
  });

  test('C13: after logout no event brings the session back', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, open, versions);
    const { browser, socket, sid } = await bound();
    const old = browser.copy();
    await browser.request('/logout');
    assert.deepEqual(await socket.ask('write', { written: 'late' }), { id: socket.id });
    await until(
      async () => (await kept.read(socket.id))?.written === 'late',
      'the anonymous session is saved',
    );
    assert.equal(await kept.read(sid), undefined);
    assert.equal((await old.json('/read')).body.session.user, undefined);
    assert.equal((await socket.ask('read', {})).bound, undefined);
  });

  test('C13b: a handler that ends after the logout writes nothing', LIMIT, async (t) => {
    const held = heldApp({
      event(session) {
        session.late = true;
      },
    });
    const { kept, bound } = await begin(t, open, { ...versions, app: held.app });
    const { browser, socket, sid } = await bound();
    const answer = socket.ask('held', {});
    await held.event.entered;
    await browser.request('/logout');
    held.event.go();
    await answer;
    // A write of another event, later on the same path, is through: so would the dropped one be.
    await socket.ask('write', { written: 'later' });
    await until(
      async () => (await kept.read(socket.id))?.written === 'later',
      'the anonymous session is saved',
    );
    assert.equal(await kept.read(sid), undefined);
  });

  for (const slow of ['http', 'event']) {
    test(`C14: a slow ${slow} writer and a fast other one: both kept`, LIMIT, async (t) => {
      const held = heldApp({
        http(session) {
          session.profile.name = 'bea';
          delete session.dropped;
        },
        event(session) {
          session.profile.age = 31;
          session.event = true;
        },
      });
      const { kept, bound } = await begin(t, open, { ...versions, app: held.app });
      const { browser, socket, sid } = await bound();
      const data = { profile: { name: 'ann', age: 30 }, dropped: true };
      await browser.request(`/write?json=${encodeURIComponent(JSON.stringify(data))}`);
      const saved = () => until(async () => (await kept.read(sid)).event, 'the handler is saved');

      const run = { http: () => browser.json('/held'), event: () => socket.ask('held', {}) };
      const fast = slow === 'http' ? 'event' : 'http';
      const answer = run[slow]();
      await held[slow].entered;
      held[fast].go();
      await run[fast]();
      if (fast === 'event') {
        await saved();
      }
      held[slow].go();
      await answer;
      await saved();
      const { profile, dropped } = await kept.read(sid);
      assert.deepEqual(profile, { name: 'bea', age: 31 });
      assert.equal(dropped, undefined);
    });
  }

  test('C15b: a socket write leaves the stored cookie byte for byte as it was', LIMIT, async (t) => {
    const cookie = { maxAge: 60_000, sameSite: 'lax' };
    const { kept, bound } = await begin(t, open, { ...versions, sessionOptions: { cookie } });
    const { socket, sid } = await bound();
    const cookieText = async () => /"cookie": ?\{[^}]*\}/.exec(await kept.text(sid))[0];
    const before = await cookieText();
    await socket.ask('write', { more: 1 });
    await until(async () => (await kept.read(sid)).more === 1, 'the write is saved');
    assert.equal(await cookieText(), before);
  });

  test('A14: a record that is gone from the store is made anew, and its key binds', LIMIT, async (t) => {
    const { kept, login, connect } = await begin(t, open, versions);
    const browser = await login();
    const { key } = (await browser.json(keyPath('a-socket'))).body;
    await kept.remove(key);
    const socket = await connect();
    const again = await share(browser, socket);
    assert.notEqual(again.key, key);
    assert.deepEqual(again.ack, { key: again.key });
    assert.equal((await socket.ask('read', {})).id, browser.sid);
  });

  test('B3: a key of another shape reaches no store, whatever it would mean to it', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, open, versions);
    const { socket, sid } = await bound();
    const before = [await kept.writes(), (await kept.ids()).sort().join()];
    for (const key of [
      '../x',
      `${sid}.json`,
      sid,
      '*',
      "' OR '1'='1",
      '\0',
      '__proto__',
      'x'.repeat(100_000),
    ])
      assert.deepEqual(await socket.ask('__zappa_key', { key }), { error: 'Missing data' });
    for (const key of [{ session_id: 1 }, { $gt: '' }, [sid], 7])
      assert.deepEqual(await socket.ask('__zappa_key', { key }), { error: 'Missing data' });
    assert.deepEqual([await kept.writes(), (await kept.ids()).sort().join()], before);
    assert.equal((await socket.ask('read', {})).id, sid);
  });

  test('C10: a handler that throws is no failure of the store, and the session stays', LIMIT, async (t) => {
    const errors = [];
    const app = (context) =>
      context.on('throw', function () {
        this.session.half = true;
        throw new Error('thrown by the handler');
      });
    const options = { onError: (error) => errors.push(error.message) };
    const { kept, bound } = await begin(t, open, { ...versions, app, options });
    const { browser, socket, sid } = await bound();
    socket.send('throw', {});
    assert.equal((await socket.ask('read', {})).id, sid);
    assert.deepEqual(errors, ['thrown by the handler']);
    assert.equal((await kept.read(sid)).half, undefined);
    assert.equal((await browser.json('/read')).body.session.user, 'ann');
  });

  test('C13: a session that is gone from the store behind our back unbinds its socket', LIMIT, async (t) => {
    const { kept, bound } = await begin(t, open, versions);
    const { socket, sid } = await bound();
    await kept.remove(sid);
    const { id, bound: still } = await socket.ask('read', {});
    assert.deepEqual([id, still], [socket.id, undefined]);
    await socket.ask('write', { late: true });
    await until(async () => (await kept.read(socket.id))?.late, "the socket's own session is saved");
    assert.equal(await kept.read(sid), undefined);
  });

  test("C2: a socket's own session leaves the store with it", LIMIT, async (t) => {
    const { kept, connect } = await begin(t, open, versions);
    const socket = await connect();
    const { id } = socket;
    await socket.ask('write', { own: true });
    await until(async () => (await kept.read(id))?.own, 'it is saved');
    assert.equal((await socket.ask('read', {})).session.own, true);
    socket.close();
    await until(async () => (await kept.ids()).length === 0, 'it is gone');
  });
}

// What takes as long as a session lives.
function lifeRows(open) {
  test(
    'a session expires with its cookie; requests that change nothing put the end off',
    LIMIT,
    async (t) => {
      // Longer than a busy machine takes from one request to the next.
      const sessionOptions = { rolling: true, cookie: { maxAge: 5_000 } };
      const { kept, bound } = await begin(t, open, { sessionOptions });
      // The active one first: without its requests it would be the first to be over.
      const [active, idle] = [await bound(), await bound()];
      await idle.socket.ask('write', { more: 1 });
      let touching = true;
      const touched = (async () => {
        while (touching) {
          await active.browser.request('/read');
          await delay(100);
        }
      })();
      await until(
        async () => (await idle.socket.ask('read', {})).bound === undefined,
        'the idle one is gone',
      );
      touching = false;
      await touched;
      assert.equal((await active.socket.ask('read', {})).id, active.sid);
      // A write of a socket never takes the end back from where the last request has put it.
      await active.socket.ask('write', { more: 1 });
      await until(async () => (await kept.read(active.sid)).more === 1, 'the write is saved');
      assert.equal((await active.browser.json('/read')).body.session.more, 1);
    },
  );
}

module.exports = { begin, lifeRows, rows };
