'use strict';

// An imprint that fits says that `JSON.stringify` gives the same as when it was taken. When it does not fit, the value is
// spelt: that costs time, and nothing else.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const fc = require('fast-check');
const { Imprint } = require('../lib/session/imprint.js');

const SESSION =
  '{"user":{"name":"ann","roles":["a","b"],"address":{"city":null}},"visits":7,"empty":{},"none":[]}';

function imprinted(value) {
  const imprint = new Imprint();
  assert.equal(imprint.take(value), true);
  return imprint;
}

describe('an imprint', () => {
  test('fits what nobody has changed', () => {
    const value = JSON.parse(SESSION);
    const imprint = imprinted(value);
    assert.equal(imprint.fits(), true);
    value.visits += 1;
    value.visits -= 1;
    assert.equal(imprint.fits(), true);
  });

  test('fits all of its values or none', () => {
    const values = [JSON.parse(SESSION), ['a'], { b: 1 }];
    const imprint = new Imprint();
    for (const value of values) assert.equal(imprint.take(value), true);
    assert.equal(imprint.fits(), true);
    values[2].b = 2;
    assert.equal(imprint.fits(), false);
    values[2].b = 1;
    values[0].user.roles.push('c');
    assert.equal(imprint.fits(), false);
  });

  const changes = {
    'another value': (value) => (value.visits = 8),
    'a value of another type': (value) => (value.visits = '7'),
    'a value deep inside': (value) => (value.user.address.city = 'Wien'),
    'one field more': (value) => (value.user.more = 1),
    'one field more in an empty object': (value) => (value.empty.more = 1),
    'one field less': (value) => delete value.none,
    'another name': (value) => {
      delete value.none;
      value.no = [];
    },
    'another order of fields': (value) => {
      const { user } = value;
      delete value.user;
      value.user = user;
    },
    'one element more': (value) => value.user.roles.push('c'),
    'one element less': (value) => value.user.roles.pop(),
    'one element in an empty array': (value) => value.none.push(undefined),
    'another order of elements': (value) => value.user.roles.reverse(),
    'an object in the place of its like': (value) => (value.empty = {}),
    'what says itself how it is spelt': (value) => (value.user.toJSON = () => 'ann'),
    'what says so without being seen': (value) =>
      Object.defineProperty(value.user.roles, 'toJSON', { value: () => 'ann' }),
    'a class that says so': (value) =>
      Object.setPrototypeOf(
        value.user,
        class {
          toJSON() {
            return 'ann';
          }
        }.prototype,
      ),
    'a field that only the prototype has any more': (value) => {
      Object.setPrototypeOf(value.empty, { visits: 7 });
      Object.setPrototypeOf(value, { none: value.none });
      delete value.none;
    },
  };
  for (const [name, change] of Object.entries(changes)) {
    test(`does not fit after a change: ${name}`, () => {
      const value = JSON.parse(SESSION);
      const imprint = imprinted(value);
      change(value);
      assert.equal(imprint.fits(), false);
    });
  }

  const without = {
    'says itself how it is spelt': () => ({ when: new Date(0) }),
    'is a bigint': () => [1n],
    'is a function, which may say how it is spelt': () => ({ run: () => undefined }),
    'is as deep as a stack': () => JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`),
  };
  for (const [name, make] of Object.entries(without)) {
    test(`is not to be had of what ${name}`, () => assert.equal(new Imprint().take(make()), false));
  }

  test('says for sure, of any value and any change, when its text is the same', () => {
    const names = fc.constantFrom('a', 'b', '0', '__proto__', 'length', 'toJSON');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, false, 0, -0, 1, '', 'a', '’'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.array(fc.tuple(names, tie('value')), { maxLength: 3 }).map((fields) => Object.fromEntries(fields)),
      ),
    }));
    const step = fc.record({
      path: fc.array(fc.nat(3), { maxLength: 4 }),
      name: names,
      to: fc.option(value, { nil: undefined }),
      deletes: fc.boolean(),
    });
    let fitting = 0;
    let changed = 0;
    const property = fc.property(value, fc.array(step, { maxLength: 3 }), (given, steps) => {
      const root = { given: JSON.parse(JSON.stringify(given)) };
      const imprint = new Imprint();
      const hasOne = imprint.take(root);
      const before = JSON.stringify(root);
      if (hasOne) assert.equal(imprint.fits(), true);
      for (const { path, name, to, deletes } of steps) {
        let target = root;
        for (const at of path) {
          const next = Object.values(target)[at];
          if (typeof next === 'object' && next !== null) target = next;
        }
        if (Array.isArray(target) && name === 'length') target.length = Math.max(0, target.length - 1);
        else if (deletes) delete target[name];
        else if (name !== '__proto__') target[name] = to;
      }
      const isSame = JSON.stringify(root) === before;
      if (hasOne && imprint.fits()) {
        fitting += 1;
        assert.equal(isSame, true);
      }
      if (!isSame) changed += 1;
    });
    fc.assert(property, { numRuns: 20_000 });
    // Neither says always the same.
    assert.ok(fitting > 1000 && changed > 1000, `${fitting} fitted, ${changed} changed`);
  });
});
