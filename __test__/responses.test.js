'use strict';

// The responses under way of a session: who waits for them is called when they are out, and nothing of them is kept.

const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { Responses } = require('../lib/http/responses.js');
const { closeServer, listen } = require('./support/http-server.js');

test('sessions whose responses are all out are forgotten', () => {
  const responses = new Responses();
  const under = Array.from({ length: 100 }, (_, n) => {
    const res = new EventEmitter();
    responses.begin(`session ${n % 50}`, res);
    return res;
  });
  const called = [];
  responses.afterThose('session 7', () => called.push('after those'));
  for (const res of under.slice(0, 50)) res.emit('close');
  assert.equal(responses.open.size, 50);
  assert.deepEqual(called, []);
  for (const res of under.slice(50)) res.emit('close');
  assert.equal(responses.open.size, 0);
  assert.deepEqual(called, ['after those']);
  responses.afterThose('session 7', () => called.push('at once'));
  assert.deepEqual(called, ['after those', 'at once']);
});

test('a response whose client left before the session was loaded is waited for by nobody', async (t) => {
  const server = http.createServer();
  t.after(() => closeServer(server));
  const abort = new AbortController();
  const asked = fetch(await listen(server), { signal: abort.signal }).catch(() => {});
  const [, res] = await once(server, 'request');
  const out = once(res, 'close');
  abort.abort();
  await Promise.all([asked, out]);
  const responses = new Responses();
  responses.begin('session', res);
  assert.equal(responses.open.size, 0);
  let called = false;
  responses.afterThose('session', () => {
    called = true;
  });
  assert.equal(called, true);
});

test('a response that is begun twice, by an app with two middlewares, is one', () => {
  const responses = new Responses();
  const res = new EventEmitter();
  responses.begin('session', res);
  let called = 0;
  responses.afterThose('session', () => {
    called += 1;
  });
  responses.begin('session', res);
  assert.equal(called, 0);
  res.emit('close');
  assert.equal(called, 1);
  assert.equal(responses.open.size, 0);
});

test('who waits is called once, whether the responses are out in time or not', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const responses = new Responses();
  const called = [];
  for (const name of ['in time', 'late']) {
    const res = new EventEmitter();
    responses.begin(name, res);
    responses.afterThose(name, () => called.push(name));
    if (name === 'in time') res.emit('close');
    else t.mock.timers.tick(2000);
    assert.equal(called.at(-1), name);
    t.mock.timers.tick(10_000);
    res.emit('close');
  }
  assert.deepEqual(called, ['in time', 'late']);
});
