'use strict';

// What the three functions are called with by mistake: said at once, by name.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const expressSession = require('express-session');
const subject = require('./support/subject.js');
const { express } = require('./support/versions.js');
const { fixture } = require('./support/fixture.js');

const FUNCTIONS = ['bind_express', 'bind_io', 'bind_middleware'];

function goodContext() {
  return {
    app: express(5)(),
    io: new EventEmitter(),
    get() {},
    on() {},
    io_use() {},
    use() {},
    session: expressSession,
  };
}

test('the module exports three functions', () => {
  for (const name of FUNCTIONS) {
    assert.equal(typeof subject[name], 'function', name);
  }
});

for (const name of FUNCTIONS) {
  for (const [what, args] of [
    ['()', []],
    ['(null)', [null]],
    ['(7)', [7]],
    ['({})', [{}]],
    ['({ context: null })', [{ context: null }]],
    ["({ context: 'text' })", [{ context: 'text' }]],
  ]) {
    test(`${name}${what} throws a TypeError that names the context`, () => {
      assert.throws(() => subject[name](...args), { name: 'TypeError', message: /context/ });
    });
  }

  test(`${name}({ context: {} }) throws a TypeError that names the app`, () => {
    assert.throws(() => subject[name]({ context: {} }), { name: 'TypeError', message: /app/ });
  });

  test(`${name} does not throw on a good context`, () => {
    const context = goodContext();
    subject.bind_middleware({ context });
    if (name !== 'bind_middleware') {
      subject[name]({ context });
    }
  });
}

for (const [name, member] of [
  ['bind_express', 'get'],
  ['bind_io', 'on'],
  ['bind_middleware', 'io_use'],
]) {
  test(`${name} without context.${member} throws a TypeError that names it`, () => {
    const context = { ...goodContext(), [member]: undefined };
    assert.throws(() => subject[name]({ context }), {
      name: 'TypeError',
      message: new RegExp(`\\b${member}\\b`),
    });
  });
}

for (const [what, session] of [
  ['an empty object', {}],
  ['a function that is not express-session', () => {}],
  ['a text', 'express-session'],
]) {
  test(`a context.session that is ${what} throws a TypeError that names it`, () => {
    const context = { ...goodContext(), session };
    assert.throws(() => subject.bind_middleware({ context }), { name: 'TypeError', message: /session/ });
  });
}

for (const [name, values] of [
  ['storeTimeout', [0, -1, Number.NaN, '100', {}]],
  ['keyMaxAge', [0, -1, Number.NaN, '100']],
  ['maxChannels', [0, -1, 1.5, '32']],
  ['oneTimeKeys', ['yes', 1]],
  ['allowedOrigins', ['https://app.example', ['*'], ['https://app.example/'], [7]]],
  ['onError', ['text', 7, {}]],
  ['onSessionEnd', ['explode', 7]],
]) {
  for (const value of values) {
    test(`the option ${name}: ${JSON.stringify(value) ?? value} throws a TypeError that names it`, async (t) => {
      await assert.rejects(fixture(t, { options: { [name]: value } }), {
        name: 'TypeError',
        message: new RegExp(name),
      });
    });
  }
}

test('an option that does not exist throws a TypeError that names it', async (t) => {
  await assert.rejects(fixture(t, { options: { storeTimeuot: 100 } }), {
    name: 'TypeError',
    message: /storeTimeuot/,
  });
});
