'use strict';

// What a client gets by an acknowledgement: what the handler has called it with, when what was changed before is stored. On stores
// that are at hand, and on those that have to be waited for.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { FACES, socketOf } = require('./support/faces.js');
const { LIMIT } = require('./support/limit.js');
const { suiteStores } = require('./support/suite-stores.js');
const { settle } = require('./support/wait.js');

const STORES = suiteStores();

class Money {
  #cents = 5;
  name = 'money';
  toJSON() {
    return { cents: this.#cents, tags: this.tags };
  }
  tags = ['a'];
}

class Itself {
  x = 1;
  toJSON() {
    return this;
  }
}

// As a date with a time zone, and as a map of Mongoose.
class Due extends Date {
  toJSON() {
    return `due ${this.getTime()}`;
  }
}
class Prefs extends Map {
  toJSON() {
    return [...this];
  }
}
class Price extends Number {
  toJSON() {
    return `${this} €`;
  }
}

class Point {
  x = 1;
  inner = { y: 2 };
}

// What is sent, what the handler does to it then, and what the client gets.
const VALUES = {
  'an object': [() => ({ a: { b: 1 } }), (value) => (value.a.b = 2), { a: { b: 1 } }],
  'an array': [() => [1, [2]], (value) => value[1].push(3), [1, [2]]],
  'a date': [() => ({ at: new Date(0) }), ({ at }) => at.setTime(1), { at: new Date(0).toISOString() }],
  bytes: [() => Buffer.from('ab'), (value) => value.fill(0), Buffer.from('ab')],
  'bytes in an object': [
    () => ({ bytes: new Uint8Array([1, 2]) }),
    ({ bytes }) => bytes.fill(0),
    { bytes: Buffer.from([1, 2]) },
  ],
  'what has a toJSON': [() => new Money(), ({ tags }) => tags.push('b'), { cents: 5, tags: ['a'] }],
  'what has a toJSON for its key': [
    () => ({ a: { toJSON: (key) => ({ key }) }, b: [{ toJSON: (key) => key }] }),
    () => {},
    { a: { key: 'a' }, b: ['0'] },
  ],
  'a toJSON that gives the object itself': [() => new Itself(), (value) => (value.x = 2), { x: 1 }],
  'a date, a map, a number and an array of classes with a toJSON': [
    () => Object.assign([1], { toJSON: () => [new Due(0), new Prefs([['a', 1]]), new Price(5)] }),
    () => {},
    ['due 0', [['a', 1]], '5 €'],
  ],
  'an object of a class': [() => new Point(), ({ inner }) => (inner.y = 3), { x: 1, inner: { y: 2 } }],
  'a map and a box': [
    () => ({ map: new Map([[1, 2]]), box: Object('text') }),
    () => {},
    { map: {}, box: 'text' },
  ],
  'what JSON leaves out': [() => ({ a: undefined, b: () => {}, c: [undefined] }), () => {}, { c: [null] }],
};

for (const face of Object.keys(FACES)) {
  for (const store of Object.keys(STORES)) {
    const open = async (t, events, set = {}) =>
      FACES[face](t, { kept: await STORES[store](), ...set, events });

    test(`${face}, ${store}: two users whose answers are one object each get their own`, LIMIT, async (t) => {
      const reply = {};
      const f = await open(t, {
        me: ({ session }, _data, ack) => {
          session.seen = (session.seen ?? 0) + 1;
          reply.user = session.user;
          ack(reply);
        },
      });
      const users = await Promise.all(
        ['ann', 'bob'].map(async (user) => {
          const { browser, socket } = await f.bound();
          await f.write(browser, { user });
          return { user, socket };
        }),
      );
      for (let n = 0; n < 20; n += 1) {
        const answers = await Promise.all(users.map(({ socket }) => socket.ask('me', {})));
        assert.deepEqual(answers, [{ user: 'ann' }, { user: 'bob' }]);
      }
    });

    test(
      `${face}, ${store}: what a handler empties after its acknowledgement has been sent before`,
      LIMIT,
      async (t) => {
        const f = await open(t, {
          take: ({ session }, _data, ack) => {
            session.reads = 1;
            ack(session.inbox);
            session.inbox.length = 0;
          },
        });
        const { browser, socket } = await f.bound();
        await f.write(browser, { inbox: ['a', 'b'] });
        assert.deepEqual(await socket.ask('take', {}), ['a', 'b']);
      },
    );

    for (const [what, [make, change, sent]] of Object.entries(VALUES)) {
      test(
        `${face}, ${store}: ${what} is sent as it was when the acknowledgement was called`,
        LIMIT,
        async (t) => {
          const f = await open(t, {
            ask: ({ session }, _data, ack) => {
              const value = make();
              session.asked = true;
              ack(value);
              // Socket.IO itself sends bytes from where they are.
              if (what.includes('bytes') && ['MemoryStore', 'EmbeddedStore'].includes(store)) return;
              change(value);
            },
          });
          const { socket } = await f.bound();
          assert.deepEqual(await socket.ask('ask', {}), sent);
        },
      );
    }
  }
}

for (const store of Object.keys(STORES)) {
  test(
    `shareSession, ${store}: an answer that cannot be sent is reported once, and never sent`,
    LIMIT,
    async (t) => {
      const reported = [];
      const f = await FACES.shareSession(t, {
        kept: await STORES[store](),
        onError: (error) => reported.push(error.message),
        events: {
          ask: ({ session }, _data, ack) => {
            session.asked = true;
            ack({
              toJSON() {
                throw new Error('on purpose');
              },
            });
          },
          look: (_at, _data, ack) => ack('still here'),
        },
      });
      const { socket } = await f.bound();
      socket.socket.emit('ask', {}, () => reported.push('it was answered'));
      assert.equal(await socket.ask('look', {}), 'still here');
      await settle();
      assert.deepEqual(reported, ['on purpose']);
    },
  );

  test(
    `shareSession, ${store}: an answer with a BigInt throws in the handler, which may give another`,
    LIMIT,
    async (t) => {
      const f = await FACES.shareSession(t, {
        kept: await STORES[store](),
        onError: assert.fail,
        events: {
          count: ({ session }, n, ack) => {
            session.n = n;
            try {
              ack({ total: [10n] });
            } catch (error) {
              assert.match(error.message, /BigInt/);
              ack({ total: '10' });
            }
          },
        },
      });
      const { browser, socket } = await f.bound();
      assert.deepEqual(await socket.ask('count', 1), { total: '10' });
      assert.equal((await f.read(browser)).n, 1);
    },
  );

  for (const [how, disconnect] of Object.entries({
    'disconnect()': (socket) => socket.disconnect(),
    'disconnect(true)': (socket) => socket.disconnect(true),
    'disconnectSockets()': (socket) => socket.nsp.in(socket.id).disconnectSockets(),
  })) {
    test(
      `shareSession, ${store}: an acknowledgement in front of ${how} is sent, and nothing is handled after it`,
      LIMIT,
      async (t) => {
        const handled = [];
        const f = await FACES.shareSession(t, {
          kept: await STORES[store](),
          events: {
            leave: (at, _data, ack) => {
              at.session.left = true;
              ack('bye');
              disconnect(socketOf(at));
            },
            late: () => handled.push('late'),
          },
        });
        const { browser, socket } = await f.bound();
        const left = socket.next('disconnect');
        const answer = socket.ask('leave', {});
        socket.send('late', {});
        assert.equal(await answer, 'bye');
        await left;
        assert.equal((await f.read(browser)).left, true);
        assert.deepEqual(handled, []);
      },
    );
  }
}
