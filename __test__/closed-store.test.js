'use strict';

// An EmbeddedStore is closed while sockets of its sessions are connected, as at the end of a process: whatever comes then gets
// an error with a code, and nothing ends the process.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { EmbeddedStore } = require('..');
const { deferred } = require('./support/deferred.js');
const { FACES, socketOf } = require('./support/faces.js');
const { LIMIT } = require('./support/limit.js');

const CLOSED = 'ERR_STORE_CLOSED';

// A bound socket, and its store, which has been closed.
async function closed(t, face, events = {}) {
  const store = new EmbeddedStore();
  const errors = [];
  const f = await FACES[face](t, { store, onError: (error) => errors.push(error.code), events });
  const bound = await f.bound();
  await store.close();
  return { ...f, ...bound, codes: () => [...new Set(errors)], store };
}

for (const face of Object.keys(FACES)) {
  describe(`${face}: when the store has been closed`, () => {
    for (const name of ['disconnecting', 'disconnect'])
      test(`a listener of ${name} runs with the session that is known`, LIMIT, async (t) => {
        const left = deferred();
        const f = await closed(t, face, { [name]: (at) => left.resolve(at.session.user) });
        f.socket.close();
        assert.equal(await left.promise, 'ann');
      });

    test('io.close() tells the sockets that they leave', LIMIT, async (t) => {
      const left = deferred();
      const f = await closed(t, face, { disconnect: (at) => left.resolve(socketOf(at).id) });
      await f.io.close();
      assert.equal(await left.promise, f.socket.id);
    });

    test('a key on a socket is answered with the error', LIMIT, async (t) => {
      const f = await closed(t, face);
      const { error } = await f.socket.ask('__zappa_key', { key: '3f1c1d0e-7a4b-4c7e-9d7a-0a1b2c3d4e5f' });
      assert.equal(error, 'The session store has been closed.');
    });

    test('get() answers its callback', LIMIT, async (t) => {
      const { store } = await closed(t, face);
      const error = await new Promise((resolve) => store.get('any', resolve));
      assert.equal(error.code, CLOSED);
    });
  });
}

test(
  'an event is answered with the error, its handler does not run, and the next one is',
  LIMIT,
  async (t) => {
    let ran = 0;
    const f = await closed(t, 'shareSession', {
      change: (socket, _data, ack) => {
        ran += 1;
        socket.session.changed = true;
        ack('changed');
      },
    });
    for (let n = 0; n < 2; n += 1) assert.equal((await f.socket.ask('change', {})).code, CLOSED);
    assert.deepEqual([ran, f.codes()], [0, [CLOSED]]);
  },
);

test('a Zappa event is refused, and onError is told', LIMIT, async (t) => {
  let ran = 0;
  const told = deferred();
  const store = new EmbeddedStore();
  const f = await FACES.Zappa(t, {
    store,
    onError: (error) => told.resolve(error.code),
    events: {
      change: () => {
        ran += 1;
      },
    },
  });
  const { socket } = await f.bound();
  await store.close();
  socket.send('change', {});
  assert.equal(await told.promise, CLOSED);
  assert.equal(ran, 0);
});

test('a socket that connects with a key is not bound, and the app is told', LIMIT, async (t) => {
  const store = new EmbeddedStore();
  const errors = [];
  const f = await FACES.shareSession(t, {
    store,
    onError: (error) => errors.push(error.code),
    events: { bound: (socket, _data, ack) => ack(socket.session.user ?? 'nobody') },
  });
  const key = await f.keyOf(await f.login());
  await store.close();
  const socket = await f.connect({ key });
  assert.equal((await socket.ask('bound', {})).code, CLOSED);
  assert.deepEqual([...new Set(errors)], [CLOSED]);
});
