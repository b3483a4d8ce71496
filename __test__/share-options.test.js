'use strict';

// What shareSession is called with by mistake: said at once, with the option, its value and what is expected.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { MemoryStore } = require('express-session');
const { shareSession } = require('..');

const SECRET = 'keep me out of the error';

// Values that are refused, and what the error shows of each.
for (const [name, expected, values] of [
  [
    'store',
    /an express-session store/,
    [
      [7, '7'],
      ['redis', '"redis"'],
      [MemoryStore, 'a function'],
      [null, 'null'],
    ],
  ],
  [
    'prefix',
    /a path such as '\/io-session': with a slash in front and none at its end/,
    [
      ['zappa', '"zappa"'],
      ['/zappa/', '"/zappa/"'],
      ['/', '"/"'],
      ['', '""'],
      ['/a b', '"/a b"'],
      ['/:x', '"/:x"'],
      // Browsers take such a segment out of a path.
      ['/.', '"/."'],
      ['/..', '"/.."'],
      ['/app/../api', '"/app/../api"'],
      ['/app/./api', '"/app/./api"'],
      [7, '7'],
    ],
  ],
  [
    'channel',
    /1 to 128 characters/,
    [
      ['', '""'],
      ['__proto__', '"__proto__"'],
      ['a\n', String.raw`"a\n"`],
      ['a'.repeat(129), 'aaa'],
      [1, '1'],
      // Browsers take such a segment out of the path of the key route.
      ['.', '"."'],
      ['..', '".."'],
    ],
  ],
  [
    'cookie',
    /\{ name, secret \} or \{ name, secrets \}/,
    [
      [{ secret: undefined }, '{ secret: undefined }'],
      [{ secret: '' }, '{ secret: a text }'],
      [{ secrets: [] }, '{ secrets: an array }'],
      [{ secret: SECRET, nmae: 'sid' }, '{ secret: a text, nmae: a text }'],
      [{ secret: SECRET, name: 'a=b' }, '{ secret: a text, name: a text }'],
      [{ secrets: [SECRET, 7] }, '{ secrets: an array }'],
      [{ secret: SECRET, secrets: [SECRET] }, '{ secret: a text, secrets: an array }'],
      [SECRET, 'a text'],
      [[SECRET], 'an array'],
    ],
  ],
  [
    'required',
    /true or false/,
    [
      ['yes', '"yes"'],
      [1, '1'],
    ],
  ],
  [
    'allowedOrigins',
    /an array of origins as browsers send them, such as 'https:\/\/app\.example': small letters, no default port/,
    [
      ['https://app.example', '"https://app.example"'],
      ['*', '"*"'],
      [['*'], '["*"]'],
      [['https://app.example/'], '["https://app.example/"]'],
      [['https://app.example:443'], '["https://app.example:443"]'],
      [['https://*.app.example'], '["https://*.app.example"]'],
      [['https://APP.example'], '["https://APP.example"]'],
      [['app.example'], '["app.example"]'],
      [['file:///'], '["file:///"]'],
      [['NULL'], '["NULL"]'],
      [['capacitor://localhost/'], '["capacitor://localhost/"]'],
      [['capacitor://'], '["capacitor://"]'],
      [[/app/], '[an object]'],
    ],
  ],
  [
    'touchInterval',
    /ms from 1000 to 2147483647/,
    [
      [999, '999'],
      [1000.5, '1000.5'],
      ['1m', '"1m"'],
      [2_147_483_648, '2147483648'],
    ],
  ],
  [
    'maxKeysPerMinute',
    /from 1 to 1000000/,
    [
      [0, '0'],
      [1_000_001, '1000001'],
    ],
  ],
  [
    'maxFailedKeys',
    /from 1 to 1000000/,
    [
      [0, '0'],
      [Number.NaN, 'NaN'],
    ],
  ],
  [
    'storeTimeout',
    /ms from 1 to 2147483647/,
    [
      [0, '0'],
      [-1, '-1'],
      ['100', '"100"'],
      [Number.POSITIVE_INFINITY, 'Infinity'],
    ],
  ],
  [
    'keyMaxAge',
    /ms from 1000/,
    [
      [999, '999'],
      [null, 'null'],
    ],
  ],
  [
    'maxChannels',
    /from 1 to 1000/,
    [
      [0, '0'],
      [1001, '1001'],
      [1n, '1'],
    ],
  ],
  [
    'oneTimeKeys',
    /true or false/,
    [
      ['true', '"true"'],
      [0, '0'],
    ],
  ],
  [
    'onSessionEnd',
    /'unbind', 'disconnect' or a function/,
    [
      ['logout', '"logout"'],
      [null, 'null'],
    ],
  ],
  [
    'onError',
    /a function/,
    [
      [console, 'an object'],
      ['log', '"log"'],
    ],
  ],
]) {
  for (const [value, shown] of values) {
    test(`the option ${name} is not ${shown}`, () => {
      assert.throws(
        () => shareSession({ [name]: value }),
        ({ name: kind, message }) => {
          assert.equal(kind, 'TypeError');
          assert.ok(message.startsWith(`io-session: shareSession: '${name}' must be `), message);
          assert.match(message, expected);
          assert.ok(message.slice(message.lastIndexOf(', not ')).includes(shown), message);
          assert.ok(!message.includes(SECRET));
          return true;
        },
      );
    });
  }
}

test('an option that does not exist is refused by its name, and those that do are listed', () => {
  assert.throws(() => shareSession({ stores: {} }), {
    name: 'TypeError',
    message: /^io-session: shareSession has no option 'stores'\. There are: store, prefix, channel, /,
  });
});

test('something that is no options is refused, and a store is told its place', () => {
  for (const given of [null, 7, 'redis', [], () => {}]) {
    assert.throws(() => shareSession(given), {
      name: 'TypeError',
      message: /takes an object with options, not /,
    });
  }
  assert.throws(() => shareSession(new MemoryStore()), {
    name: 'TypeError',
    message: /not a store: shareSession\(\{ store \}\)/,
  });
});

test('what a store lacks is named', () => {
  const lame = Object.assign(Object.create(null), { get() {}, set() {} });
  assert.throws(() => shareSession({ store: lame }), { name: 'TypeError', message: /'store'.*destroy/ });
});

test('a promise for a store is to be awaited', () => {
  const store = Promise.resolve(new MemoryStore());
  assert.throws(() => shareSession({ store }), {
    name: 'TypeError',
    message: "io-session: shareSession: 'store' must be an express-session store, not a promise: await it.",
  });
});

test('a prefix and a channel may have dots in them', () => {
  for (const prefix of ['/.well-known', '/v1.2', '/a..b']) shareSession({ prefix }).close();
  for (const channel of ['...', '.a', 'a.b']) shareSession({ channel }).close();
});

test('an option that is undefined has its default', () => {
  shareSession({ prefix: undefined, cookie: undefined, store: new MemoryStore() }).close();
});
