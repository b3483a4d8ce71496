'use strict';

// The responses under way of a session: who waits for them is called when they are out, and nothing of them is kept.

const { EventEmitter } = require('node:events');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { Responses } = require('../lib/responses.js');

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
