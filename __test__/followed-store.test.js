'use strict';

// What an app may still do with its store after it has been adopted.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { MemoryStore } = require('express-session');
const { shareSession } = require('..');
const { fixture } = require('./support/fixture.js');
const { HostileStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { shareFixture } = require('./support/share-fixture.js');

test('an adopted store still answers by promise where no callback is given', LIMIT, async (t) => {
  const f = await fixture(t);
  const browser = await f.login();
  await f.store.set('other', { cookie: {}, user: 'bob' });
  assert.equal(f.store.read('other').user, 'bob');
  await f.store.destroy('other');
  assert.equal(f.store.read('other'), undefined);
  await f.store.touch(browser.sid, f.store.read(browser.sid));
});

test('a failure that such a promise carries reaches who waits, and ends no process', LIMIT, async (t) => {
  const errors = [];
  const f = await fixture(t, { options: { onError: (error) => errors.push(error.message) } });
  f.store.always('set', 'error');
  f.store.always('destroy', 'error');
  await assert.rejects(f.store.set('other', { cookie: {} }), /scripted/);
  await assert.rejects(f.store.destroy('other'), /scripted/);
  // Nobody waits for this one: an unhandled rejection would fail the test.
  f.store.set('other', { cookie: {} });
  await assert.rejects(f.store.set('other', { cookie: {} }), /scripted/);
  assert.deepEqual(errors, Array(4).fill('scripted'));
});

test('a store that two share is given back when the last of them closes it', () => {
  const store = new MemoryStore();
  const [first, second] = [shareSession({ store }), shareSession({ store, channel: 'second' })];
  first.close();
  first.close();
  assert.ok(Object.hasOwn(store, 'get'), 'the second one follows it still');
  second.close();
  assert.equal(store.get, MemoryStore.prototype.get);
});

test('a method that the app has put in place meanwhile stays when the store is given back', () => {
  const store = new MemoryStore();
  const sharing = shareSession({ store });
  const get = (_sid, callback) => callback(null, undefined);
  store.get = get;
  sharing.close();
  assert.equal(store.get, get);
  assert.equal(store.set, MemoryStore.prototype.set);
});

test('a store whose class regenerates by itself, with private fields, goes on to do so', LIMIT, async (t) => {
  class Counting extends HostileStore {
    #count = 0;

    regenerate(req, callback) {
      this.#count += 1;
      super.regenerate(req, callback);
    }

    get regenerated() {
      return this.#count;
    }
  }
  const store = new Counting();
  const f = await shareFixture(t, {
    store,
    app({ app, io }) {
      app.get('/renew', (req, res) => req.session.regenerate(() => res.json(req.session.id)));
      io.on('connection', (socket) => {
        socket.on('renew', async (ack) => ack((await socket.session.regenerate()).id));
      });
    },
  });
  const { browser, sid, socket } = await f.bound();
  const renewed = await socket.ask('renew');
  assert.notEqual(renewed, sid);
  const next = (await browser.json('/renew')).body;
  assert.notEqual(next, sid);
  assert.equal(store.regenerated, 2);
});
