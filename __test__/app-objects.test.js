'use strict';

// What one event leaves in a session and its JSON text does not show, a later event does not see: an object that is the app's own, one
// that was frozen, a prototype that was changed. It is as if each event had its session from the store.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { FACES } = require('./support/faces.js');
const { LIMIT } = require('./support/limit.js');
const { suiteStores } = require('./support/suite-stores.js');

const STORES = suiteStores();

const DEFAULTS = { theme: 'light', panes: [{ isOpen: true }] };

// Ways in which an app puts an object of its own into a session, and gets at it in a later event.
const PLACES = {
  'as a field': [
    (session) => {
      session.settings = DEFAULTS;
    },
    ({ settings }) => settings,
  ],
  'into an object of the session': [
    (session) => {
      session.prefs.settings = DEFAULTS;
    },
    ({ prefs }) => prefs.settings,
  ],
  'into an array of the session': [
    (session) => {
      session.lists.push(DEFAULTS);
    },
    ({ lists }) => lists[0],
  ],
  'by Object.defineProperty': [
    (session) => {
      const like = { configurable: true, enumerable: true, writable: true };
      Object.defineProperty(session, 'settings', { ...like, value: DEFAULTS });
    },
    ({ settings }) => settings,
  ],
};

// What app code may do to an object of a session that its text does not show.
const MARKS = {
  'has frozen': (cart) => Object.freeze(cart),
  'has sealed': (cart) => Object.seal(cart),
  'has frozen in its depth': (cart) => Object.freeze(cart.items),
  'has given another prototype': (cart) => Object.assign(cart, JSON.parse('{"__proto__":{"isPaid":true}}')),
};

for (const face of Object.keys(FACES)) {
  for (const store of Object.keys(STORES)) {
    describe(`${face}, ${store}`, () => {
      const open = async (t, events) => FACES[face](t, { kept: await STORES[store](), events });
      const start = { prefs: {}, lists: [], cart: { items: [] } };

      for (const [place, [put, find]] of Object.entries(PLACES)) {
        test(`an object that an app puts into two sessions, ${place}, is one in each`, LIMIT, async (t) => {
          const before = JSON.stringify(DEFAULTS);
          const f = await open(t, {
            put(at, _data, ack) {
              put(at.session);
              ack();
            },
            change(at, theme, ack) {
              const settings = find(at.session);
              settings.theme = theme;
              settings.panes[0].isOpen = false;
              ack();
            },
            see: (at, _data, ack) => ack(find(at.session)),
          });
          const [ann, bob] = [await f.bound(), await f.bound()];
          for (const { browser, socket } of [ann, bob]) {
            await f.write(browser, start);
            await socket.ask('put', {});
          }
          await ann.socket.ask('change', 'dark');
          assert.deepEqual(await bob.socket.ask('see', {}), JSON.parse(before));
          assert.deepEqual(find(await f.read(bob.browser)), JSON.parse(before));
          const changed = { theme: 'dark', panes: [{ isOpen: false }] };
          assert.deepEqual(await ann.socket.ask('see', {}), changed);
          assert.deepEqual(find(await f.read(ann.browser)), changed);
          assert.equal(JSON.stringify(DEFAULTS), before);
        });
      }

      test('an object that is in two sessions, changed as such, changes neither', LIMIT, async (t) => {
        const constant = { theme: 'light' };
        const f = await open(t, {
          put(at, _data, ack) {
            at.session.settings = constant;
            ack();
          },
          change(at, theme, ack) {
            constant.theme = theme;
            at.session.seen = theme;
            ack(at.session.settings);
          },
        });
        const [ann, bob] = [await f.bound(), await f.bound()];
        for (const { socket } of [ann, bob, ann, bob]) await socket.ask('put', {});
        assert.deepEqual(await bob.socket.ask('change', 'dark'), { theme: 'light' });
        assert.deepEqual(await ann.socket.ask('change', 'blue'), { theme: 'light' });
        const { seen, settings } = await f.read(ann.browser);
        assert.deepEqual({ seen, settings }, { seen: 'blue', settings: { theme: 'light' } });
      });

      test(
        'what is changed later in an object that the app has put there and kept is saved',
        LIMIT,
        async (t) => {
          let cart;
          const f = await open(t, {
            put(at, _data, ack) {
              cart = { items: [] };
              at.session.cart = cart;
              ack();
            },
            add(at, item, ack) {
              at.session.last = item;
              cart.items.push(item);
              ack();
            },
          });
          const { browser, socket } = await f.bound();
          await socket.ask('put', {});
          for (const item of ['tea', 'milk', 'rice']) {
            await socket.ask('add', item);
            const { cart, last } = await f.read(browser);
            assert.equal(cart.items.at(-1), item);
            assert.equal(last, item);
          }
          assert.deepEqual((await f.read(browser)).cart, { items: ['tea', 'milk', 'rice'] });
        },
      );

      test('handlers that overlap have the same object of the app’s, in callbacks too', LIMIT, async (t) => {
        const callbacks = [];
        const f = await open(t, {
          first(at, _data, ack) {
            const cart = { items: [] };
            at.session.cart = cart;
            callbacks.push(() => {
              cart.items.push('first');
              ack();
            });
          },
          second(at, _data, ack) {
            at.session.cart.items.push('second');
            ack();
          },
        });
        const { browser, socket } = await f.bound();
        const first = socket.ask('first', {});
        await socket.ask('second', {});
        callbacks[0]();
        await first;
        assert.deepEqual((await f.read(browser)).cart.items, ['second', 'first']);
      });

      for (const [mark, change] of Object.entries(MARKS)) {
        for (const kind of ['read', 'put']) {
          test(
            `an object that one event ${mark}, ${kind} by it, the next one can change`,
            LIMIT,
            async (t) => {
              const f = await open(t, {
                mark(at, _data, ack) {
                  if (kind === 'put') at.session.cart = { items: [] };
                  change(at.session.cart);
                  ack();
                },
                add(at, item, ack) {
                  const { cart } = at.session;
                  cart.items.push(item);
                  cart.count = 1;
                  ack(cart.isPaid === true);
                },
              });
              const { browser, socket } = await f.bound();
              await f.write(browser, start);
              await socket.ask('mark', {});
              assert.equal(await socket.ask('add', 'tea'), false);
              assert.deepEqual((await f.read(browser)).cart, { items: ['tea'], count: 1 });
            },
          );
        }
      }
    });
  }
}
