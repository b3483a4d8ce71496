'use strict';

// The responses that end a session: what waits for one is called when it is out, and nothing of any response is kept.

const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { Responses } = require('../lib/http/responses.js');
const { closeServer, listen } = require('./support/http-server.js');

// A request with a session, as far as its end goes, and its response.
function request(id) {
  const calls = [];
  const session = {
    id,
    destroy: (...args) => calls.push(['destroy', ...args]),
    regenerate: (...args) => calls.push(['regenerate', ...args]),
  };
  return { req: { session }, res: new EventEmitter(), calls };
}

test('a response of a session that goes on is not kept', () => {
  const responses = new Responses();
  const { req, res } = request('session');
  responses.follow(req, res);
  assert.equal(res.listenerCount('close'), 0);
  assert.equal(responses.ending.size, 0);
  const called = [];
  responses.whenOut('session', () => called.push('at once'));
  assert.deepEqual(called, ['at once']);
});

for (const name of ['destroy', 'regenerate']) {
  test(`the response of a request that calls ${name} is waited for, and forgotten`, () => {
    const responses = new Responses();
    const [ending, other] = [request('session'), request('session')];
    for (const { req, res } of [ending, other]) responses.follow(req, res);
    const callback = () => {};
    ending.req.session[name](callback);
    assert.deepEqual(ending.calls, [[name, callback]]);
    const called = [];
    responses.whenOut('session', () => called.push('out'));
    responses.whenOut('another', () => called.push('another'));
    other.res.emit('close');
    assert.deepEqual(called, ['another']);
    ending.res.emit('close');
    assert.deepEqual(called, ['another', 'out']);
    assert.equal(responses.ending.size, 0);
  });
}

test('what is seen of a session is not among its fields', () => {
  const { req, res } = request('session');
  new Responses().follow(req, res);
  assert.equal(JSON.stringify(req.session), '{"id":"session"}');
});

test('a response whose client has left is waited for by nobody', async (t) => {
  const server = http.createServer();
  t.after(() => closeServer(server));
  const abort = new AbortController();
  const asked = fetch(await listen(server), { signal: abort.signal }).catch(() => {});
  const [, res] = await once(server, 'request');
  const out = once(res, 'close');
  abort.abort();
  await Promise.all([asked, out]);
  const responses = new Responses();
  responses.ends('session', res);
  assert.equal(responses.ending.size, 0);
});

test('a response that is followed twice, by an app with two middlewares, is one', () => {
  const responses = new Responses();
  const { req, res, calls } = request('session');
  responses.follow(req, res);
  responses.follow(req, res);
  req.session.destroy();
  let called = 0;
  responses.whenOut('session', () => {
    called += 1;
  });
  res.emit('close');
  assert.equal(called, 1);
  assert.equal(calls.length, 1);
  assert.equal(res.listenerCount('close'), 0);
});

test('who waits is called once, whether the response is out in time, late or never', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const responses = new Responses();
  const called = [];
  for (const name of ['in time', 'late', 'never']) {
    const res = new EventEmitter();
    responses.ends(name, res);
    responses.whenOut(name, () => called.push(name));
    if (name === 'in time') res.emit('close');
    else t.mock.timers.tick(2000);
    assert.equal(called.at(-1), name);
    assert.equal(res.listenerCount('close'), 0);
    t.mock.timers.tick(10_000);
    if (name === 'late') res.emit('close');
  }
  assert.deepEqual(called, ['in time', 'late', 'never']);
  assert.equal(responses.ending.size, 0);
});
