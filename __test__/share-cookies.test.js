'use strict';

// The session cookie: a socket is bound by it to the session that express-session finds by the same header.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const { once } = require('node:events');
const { text } = require('node:stream/consumers');
const { sign } = require('cookie-signature');
const { LIMIT } = require('./support/limit.js');
const { SECRET } = require('./support/share-fixture.js');
const { shareApp } = require('./support/share-app.js');

// A header as it is: `fetch` would tidy it up.
async function user(url, cookie) {
  const [response] = await once(http.get(`${url}/read`, { headers: { cookie } }), 'response');
  return JSON.parse(await text(response)).user ?? 'nobody';
}

const plain = (sid) => `s:${sign(sid, SECRET)}`;
const encoded = (sid) => encodeURIComponent(plain(sid));
// Headers, with the cookie's name and the ids of Ann's session and of Ben's; and whose session they mean.
const HEADERS = {
  'a value in quotes': [(name, ann) => `${name}="${encoded(ann)}"`, 'ann'],
  'a value in quotes that is not encoded': [(name, ann) => `${name}="${plain(ann)}"`, 'ann'],
  'a quote in front alone': [(name, ann) => `${name}="${encoded(ann)}`, 'nobody'],
  'spaces around name and value': [(name, ann) => `x=1;  ${name}\t= ${encoded(ann)} ;y=2`, 'ann'],
  'two cookies: the first counts': [
    (name, ann, ben) => `${name}=${encoded(ann)}; ${name}=${encoded(ben)}`,
    'ann',
  ],
  'two cookies, of which the first is empty': [(name, ann) => `${name}=; ${name}=${encoded(ann)}`, 'nobody'],
  'two cookies, of which the first is wrong': [
    (name, ann) => `${name}=s%3Ax.y; ${name}=${encoded(ann)}`,
    'nobody',
  ],
  'a percent sign that encodes nothing': [(name, ann) => `${name}=${plain(ann)}%`, 'nobody'],
  'another cookie that cannot be decoded': [(name, ann) => `x=%E0%A4%A; ${name}=${encoded(ann)}`, 'ann'],
  'a piece without an equals sign': [(name, ann) => `x; ${name}=${encoded(ann)}; ${name}`, 'ann'],
  'the name alone in front': [(name, ann) => `${name}; ${name}=${encoded(ann)}`, 'ann'],
  'a name in another case': [(name, ann) => `${name.toUpperCase()}=${encoded(ann)}`, 'nobody'],
  'an equals sign in the value': [(name, ann) => `${name}=${encoded(ann)}=`, 'nobody'],
};

for (const name of ['connect.sid', '__Host-sid', "a!#$%&'*+-.^_`|~9"]) {
  describe(`a cookie called ${name}`, () => {
    for (const [what, [make, expected]] of Object.entries(HEADERS)) {
      test(`${what}: a socket and Express take it alike`, LIMIT, async (t) => {
        const f = await shareApp(t, {
          options: { cookie: { name, secret: SECRET } },
          sessionOptions: { name },
        });
        const sids = [];
        for (const who of ['ann', 'ben']) sids.push((await f.browser().json(`/login?user=${who}`)).body);
        const cookie = make(name, ...sids);
        assert.equal(await user(f.url, cookie), expected);
        const socket = await f.connect({ cookie });
        assert.equal((await socket.ask('read')).user ?? 'nobody', expected);
      });
    }
  });
}
