'use strict';

// The rooms of sessions. One process, in which nobody has asked for the name of a room before the test that says so.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const { sessionRoom } = require('..');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { shareFixture } = require('./support/share-fixture.js');
const { share } = require('./support/socket-client.js');

// As docs/protocol.md has it: asking `sessionRoom` would be the first time.
const nameOf = (sid) => `io-session:${createHash('sha256').update(sid).digest('base64url').slice(0, 22)}`;

// One face of the library on one version of Socket.IO.
const FACES = [2, 4].flatMap((socketIoVersion) => [
  {
    name: `Zappa, Socket.IO ${socketIoVersion}`,
    async open(t) {
      const f = await fixture(t, { socketIoVersion });
      return { io: f.host.io, bound: f.bound, rebind: (browser, socket) => share(browser, socket), ...f };
    },
  },
  {
    name: `shareSession, Socket.IO ${socketIoVersion}`,
    async open(t) {
      const f = await shareFixture(t, { socketIoVersion });
      const rebind = async (browser, socket) => socket.ask('__zappa_key', { key: await f.keyOf(browser) });
      return { rebind, ...f };
    },
  },
]);

// A module once more, as another package of the same process would have it.
function copyOf(module) {
  const file = require.resolve(module);
  const { [file]: first } = require.cache;
  delete require.cache[file];
  const copy = require(file);
  require.cache[file] = first;
  return copy;
}

// What each of these sockets hears when something is sent to a room.
async function heard(io, room, sockets) {
  const news = sockets.map((socket) => socket.collect('news'));
  const ends = sockets.map((socket) => socket.next('end'));
  io.to(room).emit('news', 'news');
  io.emit('end');
  await Promise.all(ends);
  return news.map((list) => list.length);
}

test(
  'what is sent to the room of a session reaches the sockets that are bound to it then, whenever its name was asked for',
  LIMIT,
  async (t) => {
    const faces = [];
    for (const { name, open } of FACES) {
      const f = await open(t);
      const [one, other, ended] = [await f.bound(), await f.bound(), await f.bound()];
      await ended.browser.request('/logout');
      faces.push({ name, f, one, other, ended });
    }

    // By the app's own copy of the module, where its host has another.
    const sid = faces[0].one.sid;
    assert.equal(copyOf('../lib/sockets/rooms.js').sessionRoom(sid), nameOf(sid));

    for (const { name, f, one, other, ended } of faces) {
      const sockets = [one, other, ended].map(({ socket }) => socket);
      assert.deepEqual(await heard(f.io, sessionRoom(one.sid), sockets), [1, 0, 0], name);
      assert.deepEqual(await heard(f.io, sessionRoom(ended.sid), sockets), [0, 0, 0], name);

      const next = await f.bound();
      assert.deepEqual(
        await heard(f.io, sessionRoom(next.sid), [next.socket, ...sockets]),
        [1, 0, 0, 0],
        name,
      );

      // A socket is in the room of the session that it is bound to now.
      await f.rebind(other.browser, one.socket);
      assert.deepEqual(await heard(f.io, sessionRoom(other.sid), sockets), [1, 1, 0], name);
      assert.deepEqual(await heard(f.io, sessionRoom(one.sid), sockets), [0, 0, 0], name);

      await other.browser.request('/logout');
      assert.deepEqual(await heard(f.io, sessionRoom(other.sid), sockets), [0, 0, 0], name);
    }
  },
);

test('sessionRoom takes a session id', () => {
  for (const sid of [undefined, '', { id: 'sid' }]) assert.throws(() => sessionRoom(sid), TypeError);
});
