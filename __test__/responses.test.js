'use strict';

// The responses that end a session: what waits for one is called when it is out, and nothing of any response is kept.

const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { afterLogin, followResponse, httpMethods, whenOut } = require('../lib/http/responses.js');
const { closeServer, listen } = require('./support/http-server.js');

// Sessions as far as their end goes.
class Session {
  constructor(req, id) {
    Object.defineProperty(this, 'req', { value: req });
    this.id = id;
    req.session = this;
  }

  destroy(...args) {
    this.req.calls.push(['destroy', ...args]);
  }

  regenerate(...args) {
    this.req.calls.push(['regenerate', ...args]);
  }
}

// A request that is followed, and its response.
function follow(id, res = new EventEmitter()) {
  const req = { calls: [] };
  httpMethods.give(new Session(req, id));
  followResponse(req, res);
  return { req, res };
}

test('a response of a session that goes on is not kept', () => {
  const { res } = follow('session');
  assert.equal(res.listenerCount('close'), 0);
  const called = [];
  whenOut('session', () => called.push('at once'));
  assert.deepEqual(called, ['at once']);
});

for (const name of ['destroy', 'regenerate']) {
  test(`the response of a request that calls ${name} is waited for, and forgotten`, () => {
    const [ending, other] = [follow('session'), follow('session')];
    const callback = () => {};
    ending.req.session[name](callback);
    assert.deepEqual(ending.req.calls, [[name, callback]]);
    const called = [];
    whenOut('session', () => called.push('out'));
    whenOut('another', () => called.push('another'));
    other.res.emit('close');
    assert.deepEqual(called, ['another']);
    ending.res.emit('close');
    assert.deepEqual(called, ['another', 'out']);
    whenOut('session', () => called.push('later'));
    assert.deepEqual(called, ['another', 'out', 'later']);
  });
}

test('what is seen of a session is not among its fields', () => {
  assert.equal(JSON.stringify(follow('session').req.session), '{"id":"session"}');
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
  follow('session', res).req.session.destroy();
  const called = [];
  whenOut('session', () => called.push('at once'));
  assert.deepEqual(called, ['at once']);
});

test('a response that is followed twice, by an app with two middlewares, is one', () => {
  const { req, res } = follow('session');
  httpMethods.give(req.session);
  followResponse(req, res);
  req.session.destroy();
  let called = 0;
  whenOut('session', () => {
    called += 1;
  });
  res.emit('close');
  assert.equal(called, 1);
  assert.equal(req.calls.length, 1);
  assert.equal(res.listenerCount('close'), 0);
});

test('who waits is called once, whether the response is out in time, late or never', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const called = [];
  for (const name of ['in time', 'late', 'never']) {
    const { req, res } = follow(name);
    req.session.destroy();
    whenOut(name, () => called.push(name));
    if (name === 'in time') res.emit('close');
    else t.mock.timers.tick(2000);
    assert.equal(called.at(-1), name);
    assert.equal(res.listenerCount('close'), 0);
    t.mock.timers.tick(10_000);
    if (name === 'late') res.emit('close');
  }
  assert.deepEqual(called, ['in time', 'late', 'never']);
});

test('a login is waited for longer than the news of an end, by its cookie alone', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const cookie = 'connect.sid=s%3Asession.signature';
  const { req, res } = follow('session');
  Object.assign(req, { headers: { cookie } });
  req.session.regenerate();
  const called = [];
  const ask = (headers) => afterLogin({ headers }, () => called.push('again'));
  for (const other of ['connect.sid=s%3Asession.another', 'connect.sid=s%3Aother.signature', '', undefined])
    assert.equal(ask({ cookie: other }), false);
  assert.equal(ask({ cookie }), true);
  t.mock.timers.tick(29_999);
  assert.deepEqual(called, []);
  res.emit('close');
  assert.deepEqual(called, ['again']);
  assert.equal(ask({ cookie }), true);
  assert.deepEqual(called, ['again', 'again']);
  t.mock.timers.tick(5000);
  assert.equal(ask({ cookie }), false);
});

test('a login that is never answered holds nobody up for ever', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { req, res } = follow('session');
  Object.assign(req, { headers: { cookie: 'connect.sid=s%3Asession.signature' } });
  req.session.regenerate();
  let called = 0;
  afterLogin(req, () => {
    called += 1;
  });
  t.mock.timers.tick(30_000);
  assert.equal(called, 1);
  res.emit('close');
  assert.equal(called, 1);
  assert.equal(res.listenerCount('close'), 0);
});
