'use strict';

// Where the top-level fields of a session's text are.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fc = require('fast-check');
const { Fields } = require('../lib/session/fields.js');

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'cookie', '', '"', '\\', '}', '__proto__', '1', 'é’'),
  fc.string(),
);
const members = fc.array(fc.tuple(key, fc.jsonValue()), { maxLength: 8 });
// Long texts are searched before they are passed over.
const padding = fc.constantFrom(0, 0, 5000);

// An object with own fields of any name.
function objectOf(pairs, pad) {
  const object = Object.create(null);
  for (const [name, value] of pairs) object[name] = value;
  if (pad > 0) object.padding = '{"a":1},'.repeat(pad / 8);
  return object;
}

test('each field is found as JSON.stringify has spelled it, in any order of questions', () => {
  fc.assert(
    fc.property(members, padding, fc.array(key, { maxLength: 4 }), (pairs, pad, others) => {
      const object = objectOf(pairs, pad);
      const slices = new Fields(JSON.stringify(object));
      for (const name of [...others, ...Object.keys(object).reverse(), ...Object.keys(object)]) {
        const at = slices.find(name);
        assert.equal(at !== -1, Object.hasOwn(object, name) && !isEmpty(object), name);
        if (at !== -1) assert.equal(slices.value(at), JSON.stringify(object[name]));
      }
    }),
    { numRuns: 1000 },
  );
});

test('fields that are replaced and added make the text that JSON.stringify would make', () => {
  fc.assert(
    fc.property(
      members,
      fc.array(fc.tuple(fc.nat(7), fc.jsonValue()), { maxLength: 4 }),
      fc.jsonValue(),
      (pairs, edits, more) => {
        const object = objectOf([['cookie', {}], ...pairs], 0);
        const slices = new Fields(JSON.stringify(object));
        const names = Object.keys(object);
        const edited = new Map(edits.map(([index, value]) => [names[index % names.length], value]));
        const changes = [...edited].map(([name, value]) => ({
          at: slices.find(name),
          value: JSON.stringify(value),
        }));
        const expected = Object.assign(Object.create(null), object, Object.fromEntries(edited));
        // Object.fromEntries has `__proto__` as an own field; Object.assign gives it to an object without a prototype as one.
        const replaced = slices.replace(changes, '');
        assert.equal(replaced.text, JSON.stringify(expected));
        for (const name of names)
          assert.equal(replaced.value(replaced.find(name)), JSON.stringify(expected[name]));
        slices.find('new field');
        const longer = slices.replace(changes, `,"new field":${JSON.stringify(more)}`);
        assert.equal(longer.text, JSON.stringify(Object.assign(expected, { 'new field': more })));
        assert.equal(longer.value(longer.find('new field')), JSON.stringify(more));
      },
    ),
    { numRuns: 1000 },
  );
});

test('what JSON.stringify writes is plain, unless a name has to be escaped', () => {
  fc.assert(
    fc.property(members, (pairs) => {
      const object = objectOf([['cookie', {}], ...pairs], 0);
      const isEscaped = Object.keys(object).some((name) => JSON.stringify(name).includes('\\'));
      assert.equal(new Fields(JSON.stringify(object)).isPlain(), !isEscaped);
    }),
    { numRuns: 1000 },
  );
});

test('of a plain text, whatever it is, the fields are those that JSON.parse finds', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    ' ',
    '\n',
    '"a":',
    '"a"',
    '1',
    'null',
    '{"a":1}',
    '"b":[1,',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = `{"cookie":{}${pieces.join('')}}`;
      const slices = new Fields(text);
      if (!slices.isPlain()) return;
      let object;
      try {
        object = JSON.parse(text);
      } catch {
        // Something within a value, which is seen when it is parsed.
        return;
      }
      for (const name of Object.keys(object)) {
        assert.deepEqual(JSON.parse(slices.value(slices.find(name))), object[name]);
      }
      assert.equal(slices.marks.length / 3, Object.keys(object).length);
    }),
    { numRuns: 20_000 },
  );
});

test('what is found in a text of another program is what JSON.parse has under the name', () => {
  const piece = fc.constantFrom(
    ',"a":1',
    ',"a":{"a":2}',
    ', "a":3',
    ',"a" :4',
    ',"\\u0061":5',
    ',"b":"a"',
    ',"b":"\\"a\\""',
    ',"c":[1, {"b":2}]',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 5 }), fc.constantFrom('', 'x'.repeat(5000)), (pieces, long) => {
      const text = `{"cookie":{}${pieces.join('')},"z":"${long}"}`;
      const object = JSON.parse(text);
      const slices = new Fields(text, true);
      for (const name of ['b', 'a', 'c', 'z', 'none']) {
        const at = slices.find(name);
        if (slices.failed) return;
        assert.deepEqual(at === -1 ? undefined : JSON.parse(slices.value(at)), object[name], text);
      }
    }),
    { numRuns: 5000 },
  );
});

test('any text at all is passed over to an end', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), key, (text, name) => {
      for (const some of [text, `{${text}`, `{"cookie":${text}`, `{"cookie":{${text}}`]) {
        new Fields(some).find(name);
        new Fields(some, true).find(name);
        new Fields(some).isPlain();
      }
    }),
    { numRuns: 5000 },
  );
});

// A session is never one: it has a cookie.
function isEmpty(object) {
  return Object.keys(object).length === 0;
}
