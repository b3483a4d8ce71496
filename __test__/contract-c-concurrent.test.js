'use strict';

// C14: nothing is lost. Two writers that change different parts of one session both succeed.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { fixture } = require('./support/fixture.js');
const { heldApp } = require('./support/held-app.js');
const { LIMIT } = require('./support/limit.js');
const { share } = require('./support/socket-client.js');
const { settle, until } = require('./support/wait.js');

const START = {
  profile: { name: 'ann', age: 30, tags: { a: 1, b: 2 } },
  list: [1, 2],
  dropped: { by: 'http' },
  forgotten: { by: 'the socket' },
};

function changeByHttp(session) {
  session.profile.name = 'bea';
  session.list.push(3);
  delete session.dropped;
  session.http = { deep: { here: 1 } };
}

function changeByEvent(session) {
  session.profile.age = 31;
  session.profile.tags.c = 3;
  delete session.profile.tags.a;
  delete session.forgotten;
  session.event = [true, null];
}

const BOTH = {
  user: 'ann',
  profile: { name: 'bea', age: 31, tags: { b: 2, c: 3 } },
  list: [1, 2, 3],
  http: { deep: { here: 1 } },
  event: [true, null],
};

async function start(t, held) {
  const f = await fixture(t, { app: held.app });
  const bound = await f.bound();
  await bound.browser.request(`/write?json=${encodeURIComponent(JSON.stringify(START))}`);
  const data = () => {
    const { cookie: _cookie, __socket: _socket, ...rest } = f.store.read(bound.sid);
    return rest;
  };
  return { ...f, ...bound, data };
}

test(
  'C14: a slow HTTP request and a fast handler: both kept, nested fields and deletions too',
  LIMIT,
  async (t) => {
    const held = heldApp({ http: changeByHttp, event: changeByEvent });
    const { browser, socket, data } = await start(t, held);
    const slow = browser.json('/held');
    await held.http.entered;
    held.event.go();
    await socket.ask('held', {});
    await until(() => data().event, 'the handler is saved');
    held.http.go();
    await slow;
    assert.deepEqual(data(), BOTH);
  },
);

test(
  'C14: a slow handler and a fast HTTP request: both kept, nested fields and deletions too',
  LIMIT,
  async (t) => {
    const held = heldApp({ http: changeByHttp, event: changeByEvent });
    const { browser, socket, data } = await start(t, held);
    const slow = socket.ask('held', {});
    await held.event.entered;
    held.http.go();
    await browser.json('/held');
    held.event.go();
    await slow;
    await until(() => data().event, 'the handler is saved');
    assert.deepEqual(data(), BOTH);
  },
);

for (const first of ['http', 'event']) {
  test(`C14: both in flight at once, the ${first} one ends first`, LIMIT, async (t) => {
    const held = heldApp({ http: changeByHttp, event: changeByEvent });
    const { browser, socket, data } = await start(t, held);
    const answers = { http: browser.json('/held'), event: socket.ask('held', {}) };
    await Promise.all([held.http.entered, held.event.entered]);
    held[first].go();
    await answers[first];
    await until(() => data()[first], 'the first is saved');
    held[first === 'http' ? 'event' : 'http'].go();
    await Promise.all([answers.http, answers.event]);
    await until(() => data().event && data().http, 'both are saved');
    assert.deepEqual(data(), BOTH);
  });
}

test('C14: both end in the same moment', LIMIT, async (t) => {
  const held = heldApp({ http: changeByHttp, event: changeByEvent });
  const { browser, socket, data } = await start(t, held);
  const answers = [browser.json('/held'), socket.ask('held', {})];
  await Promise.all([held.http.entered, held.event.entered]);
  held.http.go();
  held.event.go();
  await Promise.all(answers);
  await until(() => data().event && data().http, 'both are saved');
  await settle();
  assert.deepEqual(data(), BOTH);
});

test('C14: an HTTP request that comes while the write of a handler is on its way', LIMIT, async (t) => {
  const held = heldApp({ http: changeByHttp, event: changeByEvent });
  const { browser, socket, sid, store, data } = await start(t, held);
  const hold = store.hold('set', (id) => id === sid);
  held.event.go();
  held.http.go();
  const answer = socket.ask('held', {});
  await hold.reached;
  const request = browser.json('/held');
  await held.http.entered;
  await settle();
  hold.release();
  await answer;
  await request;
  await until(() => data().event && data().http, 'both are saved');
  assert.deepEqual(data(), BOTH);
});

test('C14b: a slow handler that changes nothing loses no HTTP write', LIMIT, async (t) => {
  const held = heldApp({ http: changeByHttp });
  const { browser, socket, data } = await start(t, held);
  const slow = socket.ask('held', {});
  await held.event.entered;
  held.http.go();
  await browser.json('/held');
  const written = data();
  held.event.go();
  await slow;
  await settle();
  assert.deepEqual(data(), written);
  assert.equal(written.profile.name, 'bea');
});

test('C14b: a slow HTTP request that changes nothing loses no write of a handler', LIMIT, async (t) => {
  const held = heldApp({ event: changeByEvent });
  const { browser, socket, data } = await start(t, held);
  const slow = browser.json('/held');
  await held.http.entered;
  held.event.go();
  await socket.ask('held', {});
  await until(() => data().event, 'the handler is saved');
  held.http.go();
  await slow;
  await settle();
  assert.equal(data().profile.age, 31);
  assert.equal(data().forgotten, undefined);
});

test(
  'C14b: a slow HTTP request with resave true, which writes although nothing changed',
  LIMIT,
  async (t) => {
    const held = heldApp({ event: changeByEvent });
    const f = await fixture(t, { app: held.app, sessionOptions: { resave: true } });
    const { browser, socket, sid } = await f.bound();
    await browser.request(`/write?json=${encodeURIComponent(JSON.stringify(START))}`);
    const slow = browser.json('/held');
    await held.http.entered;
    held.event.go();
    await socket.ask('held', {});
    await until(() => f.store.read(sid).event, 'the handler is saved');
    held.http.go();
    await slow;
    await settle();
    assert.equal(f.store.read(sid).profile.age, 31);
    assert.equal(f.store.read(sid).forgotten, undefined);
  },
);

test(
  'C14: a GET of a key in the middle of a handler loses neither the key nor the write',
  LIMIT,
  async (t) => {
    const held = heldApp({ event: changeByEvent });
    const { browser, socket, sid, store, connect, data } = await start(t, held);
    const slow = socket.ask('held', {});
    await held.event.entered;
    const second = await connect();
    const { key, ack } = await share(browser, second, { channel: 'second' });
    assert.deepEqual(ack, { key });
    held.event.go();
    await slow;
    await until(() => data().event, 'the handler is saved');
    assert.deepEqual(store.read(sid).__socket.second, { key, id: second.id });
  },
);

test(
  'C14b: what an HTTP request has written before an event came, the event sees, whatever an earlier handler saves meanwhile',
  LIMIT,
  async (t) => {
    const held = heldApp({ event: changeByEvent });
    const { browser, socket, sid, store } = await start(t, held);
    const earlier = socket.ask('held', {});
    await held.event.entered;
    await browser.request(`/write?json=${encodeURIComponent('{"http":30}')}`);
    const write = store.hold('set', (id) => id === sid);
    held.event.go();
    await write.reached;
    const load = store.holdAnswer('get', (id) => id === sid);
    const seen = socket.ask('read', {});
    await load.reached;
    write.release();
    await earlier;
    load.release();
    const { session } = await seen;
    assert.deepEqual([session.http, session.event], [30, [true, null]]);
  },
);

test('C14c: two sockets of one session, one field each at once: both kept', LIMIT, async (t) => {
  const f = await fixture(t);
  const { browser, socket, sid } = await f.bound();
  const second = await f.connect();
  await share(browser, second);
  await Promise.all([socket.ask('write', { one: 1 }), second.ask('write', { two: 2 })]);
  await until(() => f.store.read(sid).one === 1 && f.store.read(sid).two === 2, 'both are saved');
});

test('C14d: twenty events back to back on one socket, one field each: all kept', LIMIT, async (t) => {
  const f = await fixture(t);
  const { socket, sid } = await f.bound();
  await Promise.all(Array.from({ length: 20 }, (_, n) => socket.ask('write', { [`field${n}`]: n })));
  const kept = () => Object.keys(f.store.read(sid)).filter((name) => name.startsWith('field')).length;
  await until(() => kept() === 20, 'all twenty are saved').catch((error) => {
    error.message += ` (${kept()} of 20)`;
    throw error;
  });
});

test('C14d: four sockets and an HTTP client, fifty fields each at once: all kept', LIMIT, async (t) => {
  const f = await fixture(t);
  const { browser, socket, sid } = await f.bound();
  const sockets = [socket];
  while (sockets.length < 4) {
    const one = await f.connect();
    await share(browser, one);
    sockets.push(one);
  }
  const work = sockets.flatMap((one, s) =>
    Array.from({ length: 50 }, (_, n) => one.ask('write', { [`field-${s}-${n}`]: n })),
  );
  for (let n = 0; n < 50; n += 1) {
    work.push(browser.copy().request(`/write?json=${encodeURIComponent(`{"field-http-${n}":1}`)}`));
  }
  await Promise.all(work);
  const kept = () => Object.keys(f.store.read(sid)).filter((name) => name.startsWith('field')).length;
  await until(() => kept() === 250, 'all are saved').catch((error) => {
    error.message += ` (${kept()} of 250)`;
    throw error;
  });
});
