'use strict';

// What one event leaves in a session and its JSON text does not show, a later event does not see: an object that is the app's own, one
// that was frozen, a prototype that was changed. It is as if each event had its session from the store.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const session = require('express-session');
const { FACES } = require('./support/faces.js');
const { LIMIT } = require('./support/limit.js');
const { suiteStores } = require('./support/suite-stores.js');

const STORES = suiteStores();

/** A database that takes a while for each call. */
class SlowStore extends session.MemoryStore {
  get(sid, callback) {
    setTimeout(() => super.get(sid, callback), 1);
  }

  set(sid, data, callback) {
    const copy = JSON.parse(JSON.stringify(data));
    setTimeout(() => super.set(sid, copy, callback), 1);
  }
}

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

// Ways in which app code puts an object of the session, its `doc`, into a second place, and finds it there.
const SECOND_PLACES = {
  'in a new array': [
    (session) => {
      session.undo = [...session.undo, session.doc];
    },
    ({ undo }) => undo[0],
  ],
  'in a new object': [
    (session) => {
      session.order = { at: 1, doc: session.doc };
    },
    ({ order }) => order.doc,
  ],
  'in an array of an old one’s items': [
    (session) => {
      session.docs = session.docs.filter(({ text }) => text === 'one');
      session.doc = session.docs[0];
    },
    ({ docs }) => docs[0],
  ],
};

// What a timer may do to a session.
const LATER = {
  'by a copy with a field more': (session, n) => {
    session.cart = { ...session.cart, n };
  },
  'by a copy of an array': (session, n) => {
    session.cart.list = [...session.cart.list, { name: n }];
  },
  'by a map of an array': (session, n) => {
    session.cart.list = session.cart.list.map((item) => ({ ...item, n }));
  },
  'in a copy that a handler has made': (session, n) => {
    session.cart.n = n;
  },
  'by another object': (session, n) => {
    session.cart = { n };
  },
  'by another array': (session, n) => {
    session.cart.list = [n];
  },
  'by an empty array': (session) => {
    session.cart.list = [];
  },
};

// How an object of the app's comes into a session together with the session's own.
const CONTAINERS = {
  'in a copy of an array': ({ box }, mine) => {
    box.list = [...box.list, mine];
  },
  'in a copy of all': (session, mine) => {
    session.box = { ...session.box, list: [...session.box.list, mine] };
  },
  'put into a copy': (session, mine) => {
    session.box = { ...session.box };
    session.box.items.mine = mine;
  },
};

// Ways in which app code removes such an object.
const REMOVALS = {
  'by a deletion': (session) => {
    delete session.member;
  },
  'by null': (session) => {
    session.member = null;
  },
  'out of an object': ({ box }) => {
    delete box.member;
  },
  'out of an array': ({ list }) => {
    list.splice(0);
  },
};

// What saves are under way when an object comes into a session.
const SAVES = {
  'by itself': () => {},
  'together with what waits': (session) => {
    for (const n of [1, 2]) {
      session.n = n;
      session.save();
    }
  },
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

      for (const [how, save] of Object.entries(SAVES)) {
        test(
          `an object that is in two sessions, saved ${how}, changed as such, changes neither`,
          LIMIT,
          async (t) => {
            const constant = { theme: 'light' };
            const f = await open(t, {
              put(at, _data, ack) {
                save(at.session);
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
            for (const [{ browser }, theme] of [
              [bob, 'dark'],
              [ann, 'blue'],
            ]) {
              const { seen, settings } = await f.read(browser);
              assert.deepEqual({ seen, settings }, { seen: theme, settings: { theme: 'light' } });
            }
          },
        );
      }

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

      for (const [what, change] of Object.entries(LATER)) {
        test(
          `what code changes between events, ${what}, is saved with the next acknowledgement`,
          LIMIT,
          async (t) => {
            let session;
            const f = await open(t, {
              copy(at, _data, ack) {
                at.session.cart = { ...at.session.cart };
                ack();
              },
              look(at, _data, ack) {
                session = at.session;
                ack(session.cart);
              },
            });
            const { browser, socket } = await f.bound();
            await f.write(browser, { cart: { items: { tea: 1 }, list: [{ name: 'a' }] } });
            await socket.ask('copy', {});
            for (let n = 0; n < 3; n += 1) {
              await socket.ask('look', {});
              change(session, n);
              const expected = JSON.parse(JSON.stringify(session.cart));
              assert.deepEqual(await socket.ask('look', {}), expected);
              assert.deepEqual((await f.read(browser)).cart, expected);
            }
          },
        );
      }

      for (const [what, put] of Object.entries(CONTAINERS)) {
        test(
          `an object of the app's ${what} is followed, and so is what was there before`,
          LIMIT,
          async (t) => {
            const mine = { n: 0 };
            let held;
            const f = await open(t, {
              put(at, _data, ack) {
                held = at.session.box.items;
                put(at.session, mine);
                ack();
              },
              change(at, n, ack) {
                mine.n = n;
                held.n = n;
                at.session.last = n;
                ack();
              },
            });
            const { browser, socket } = await f.bound();
            await f.write(browser, { box: { items: { n: 0 }, list: [{ n: 7 }] } });
            await socket.ask('put', {});
            for (const n of [1, 2, 3]) {
              await socket.ask('change', n);
              const { box } = await f.read(browser);
              assert.deepEqual(box, {
                items: { n, ...(box.items.mine && { mine: { n } }) },
                list: box.items.mine ? [{ n: 7 }] : [{ n: 7 }, { n }],
              });
            }
          },
        );
      }

      test(
        'what a user’s handler changes in a constant of the app is in no other session',
        LIMIT,
        async (t) => {
          const constant = { notes: {}, list: [] };
          const f = await open(t, {
            put(at, _data, ack) {
              at.session.prefs = { ...constant };
              ack();
            },
            secret(at, _data, ack) {
              at.session.prefs = { ...constant };
              at.session.prefs.notes.secret = 1;
              at.session.prefs.list.push('secret');
              ack();
            },
            look: (at, _data, ack) => ack(at.session.prefs),
          });
          const [ann, bob] = [await f.bound(), await f.bound()];
          for (const event of ['put', 'look']) await bob.socket.ask(event, {});
          await ann.socket.ask('secret', {});
          assert.deepEqual(await bob.socket.ask('look', {}), { notes: {}, list: [] });
          assert.deepEqual((await f.read(bob.browser)).prefs, { notes: {}, list: [] });
        },
      );

      test('an object that spells itself by its key stays as it is spelt', LIMIT, async (t) => {
        const f = await open(t, {
          put(at, _data, ack) {
            at.session.price = { amount: 5, toJSON: (key) => `${key} 5` };
            ack();
          },
          other(at, n, ack) {
            at.session.other = n;
            ack();
          },
        });
        const { browser, socket } = await f.bound();
        await socket.ask('put', {});
        for (const n of [1, 2]) await socket.ask('other', n);
        assert.equal((await f.read(browser)).price, 'price 5');
      });

      test(
        'an object that the app has in two fields, and puts into one anew, is the same in both',
        LIMIT,
        async (t) => {
          const doc = { words: [] };
          const f = await open(t, {
            edit(at, word, ack) {
              at.session.draft ??= doc;
              at.session.current = doc;
              doc.words.push(word);
              ack();
            },
          });
          const { browser, socket } = await f.bound();
          for (const word of ['a', 'b', 'c']) {
            await socket.ask('edit', word);
            const { draft, current } = await f.read(browser);
            assert.deepEqual(draft, doc);
            assert.deepEqual(current, doc);
          }
        },
      );

      test(
        'an object that the app has moved within an array is changed where it is now',
        LIMIT,
        async (t) => {
          const job = { isDone: false };
          const f = await open(t, {
            add(at, _data, ack) {
              at.session.jobs = [job];
              ack();
            },
            move(at, _data, ack) {
              at.session.jobs = [{ isDone: 'never' }, job];
              ack();
            },
            end(at, _data, ack) {
              at.session.ended = 1;
              job.isDone = true;
              ack();
            },
          });
          const { browser, socket } = await f.bound();
          for (const event of ['add', 'move', 'end']) await socket.ask(event, {});
          assert.deepEqual((await f.read(browser)).jobs, [{ isDone: 'never' }, { isDone: true }]);
        },
      );

      test(
        'what others put into the copy of an app’s object stays, and so does what the app changes later',
        LIMIT,
        async (t) => {
          const cart = { items: [], note: '' };
          const f = await open(t, {
            put(at, _data, ack) {
              at.session.cart = cart;
              ack();
            },
            add(at, name, ack) {
              at.session.cart.items.push({ name });
              ack();
            },
            note(at, note, ack) {
              at.session.last = note;
              cart.note = note;
              ack();
            },
          });
          const { browser, socket } = await f.bound();
          await socket.ask('put', {});
          for (const name of ['tea', 'milk']) {
            await socket.ask('add', name);
            await socket.ask('note', name);
          }
          const { cart: stored } = await f.read(browser);
          assert.deepEqual(stored, { items: [{ name: 'tea' }, { name: 'milk' }], note: 'milk' });
        },
      );

      test(
        'an object of the session stays the same one when an app puts its own into it',
        LIMIT,
        async (t) => {
          const kept = [];
          const f = await open(t, {
            push(at, name, ack) {
              kept.push(at.session.lists);
              kept[0].push({ name, of: new Date(0), not: undefined });
              ack('not' in at.session.lists[0]);
            },
          });
          const { browser, socket } = await f.bound();
          await f.write(browser, start);
          const seen = [];
          for (const name of ['tea', 'milk', 'rice']) seen.push(await socket.ask('push', name));
          assert.ok(kept.every((list) => list === kept[0]));
          assert.deepEqual(seen, [true, false, false]);
          const of = '1970-01-01T00:00:00.000Z';
          const { lists } = await f.read(browser);
          assert.deepEqual(
            lists,
            ['tea', 'milk', 'rice'].map((name) => ({ name, of })),
          );
        },
      );

      for (const [removal, remove] of Object.entries(REMOVALS)) {
        for (const when of ['by the handler that changes it', 'by an earlier one', 'by HTTP']) {
          test(
            `an object that was removed ${when}, ${removal}, stays so when the app changes it`,
            LIMIT,
            async (t) => {
              let kept;
              const f = await open(t, {
                put(at, _data, ack) {
                  kept = { name: 'ann', seen: 0 };
                  Object.assign(at.session, { member: kept, box: { member: kept }, list: [kept] });
                  ack();
                },
                remove(at, _data, ack) {
                  remove(at.session);
                  ack();
                },
                both(at, _data, ack) {
                  remove(at.session);
                  kept.seen += 1;
                  ack();
                },
                change(_at, _data, ack) {
                  kept.seen += 1;
                  ack();
                },
                nothing: (_at, _data, ack) => ack(),
              });
              const { browser, socket } = await f.bound();
              await socket.ask('put', {});
              if (when === 'by HTTP') {
                const { member, box, list } = await f.read(browser);
                const after = { member, box, list };
                remove(after);
                await f.write(browser, { member: null, ...after });
                kept.seen += 1;
              } else if (when === 'by an earlier one') await socket.ask('remove', {});
              else await socket.ask('both', {});
              for (const event of ['nothing', 'change', 'nothing', 'change']) await socket.ask(event, {});
              const { member, box, list } = await f.read(browser);
              const expected = {
                member: { name: 'ann' },
                box: { member: { name: 'ann' } },
                list: [{ name: 'ann' }],
              };
              remove(expected);
              const found = { member, box, list };
              for (const one of [found.member, found.box.member, found.list[0]]) delete one?.seen;
              assert.deepEqual({ ...found, member: found.member ?? null }, { member: null, ...expected });
            },
          );
        }
      }

      test(
        'an object of the session that is put into a second place of it is two objects in later events',
        LIMIT,
        async (t) => {
          const f = await open(t, {
            filter(at, page, ack) {
              Object.assign(at.session, { filter: { page }, history: [] });
              ack();
            },
            keep(at, _data, ack) {
              at.session.history.push(at.session.filter);
              ack();
            },
            page(at, page, ack) {
              at.session.filter.page = page;
              ack(at.session.history);
            },
          });
          const { browser, socket } = await f.bound();
          await socket.ask('filter', 1);
          await socket.ask('keep', {});
          await socket.ask('page', 2);
          await socket.ask('keep', {});
          assert.deepEqual(await socket.ask('page', 3), [{ page: 1 }, { page: 2 }]);
          const { filter, history } = await f.read(browser);
          assert.deepEqual({ filter, history }, { filter: { page: 3 }, history: [{ page: 1 }, { page: 2 }] });
        },
      );

      for (const [shape, [keep, find]] of Object.entries(SECOND_PLACES)) {
        test(`so it is below a new object: ${shape}`, LIMIT, async (t) => {
          const f = await open(t, {
            keep(at, _data, ack) {
              keep(at.session);
              ack();
            },
            change(at, _data, ack) {
              Object.assign(at.session.doc, { text: 'two', rows: [{ id: 1 }] });
              delete at.session.doc.draft;
              ack(find(at.session));
            },
          });
          const { browser, socket } = await f.bound();
          const doc = { text: 'one', rows: [], draft: true };
          await f.write(browser, { doc, undo: [], docs: [doc, { text: 'another' }] });
          await socket.ask('keep', {});
          assert.deepEqual(await socket.ask('change', {}), doc);
          const stored = await f.read(browser);
          assert.deepEqual(find(stored), doc);
          assert.deepEqual(stored.doc, { text: 'two', rows: [{ id: 1 }] });
        });
      }

      test('an object of one user’s session that is put into another’s is two objects', LIMIT, async (t) => {
        let profile;
        const f = await open(t, {
          offer(at, _data, ack) {
            profile = at.session.profile;
            ack();
          },
          meet(at, _data, ack) {
            at.session.opponent = profile;
            ack();
          },
          rename(at, name, ack) {
            at.session.profile.name = name;
            ack();
          },
          look: (at, _data, ack) => ack(at.session.opponent),
        });
        const [ann, bob] = [await f.bound(), await f.bound()];
        await f.write(ann.browser, { profile: { name: 'Ann' } });
        await ann.socket.ask('offer', {});
        await bob.socket.ask('meet', {});
        await ann.socket.ask('rename', 'a secret');
        assert.deepEqual(await bob.socket.ask('look', {}), { name: 'Ann' });
        assert.deepEqual((await f.read(bob.browser)).opponent, { name: 'Ann' });
        assert.deepEqual((await f.read(ann.browser)).profile, { name: 'a secret' });
      });

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

test(
  'what a handler changes in an object that it has put there is saved, whatever its tabs do meanwhile',
  LIMIT,
  async (t) => {
    const f = await FACES.shareSession(t, {
      store: new SlowStore(),
      events: {
        async job(socket, { id, isSaved }, ack) {
          const job = { state: 'running' };
          socket.session.jobs ??= {};
          socket.session.jobs[id] = job;
          if (isSaved) await socket.session.save();
          // Its work.
          for (let n = 0; n < 3; n += 1) await new Promise((resolve) => f.store.get('', resolve));
          job.state = 'done';
          ack();
        },
        other(socket, id, ack) {
          socket.session.other ??= {};
          socket.session.other[id] = 1;
          ack();
        },
      },
    });
    for (let run = 0; run < 10; run += 1) {
      const { browser, socket } = await f.bound();
      const tabs = [socket, await f.connect({ key: await f.keyOf(browser) })];
      const acknowledged = [];
      for (let n = 0; n < 8; n += 1) {
        const tab = tabs[n % 2];
        acknowledged.push(
          tab.ask('job', { id: `job${n}`, isSaved: run % 2 === 0 }),
          tab.ask('other', `job${n}`),
        );
        if (n % 4 === 1) await new Promise((resolve) => f.store.get('', resolve));
      }
      await Promise.all(acknowledged);
      const { jobs } = await f.read(browser);
      const done = Array.from({ length: 8 }, (_, n) => [`job${n}`, { state: 'done' }]);
      assert.deepEqual(jobs, Object.fromEntries(done));
      for (const tab of tabs) tab.close();
    }
  },
);

test(
  'what a handler deletes from an object is deleted, whose save is still under way when the next event comes',
  LIMIT,
  async (t) => {
    const f = await FACES.shareSession(t, {
      store: new SlowStore(),
      events: {
        set(socket, _data, ack) {
          socket.session.profile = { token: 'secret', name: 'ann', tags: ['a'] };
          ack();
        },
        async clear(socket, way, ack) {
          const { session } = socket;
          await new Promise((resolve) => f.store.get('', resolve));
          if (way === 'delete') delete session.profile.token;
          else session.profile.token = undefined;
          ack();
        },
        async other(socket, name, ack) {
          const { session } = socket;
          session[name] = 1 + (session[name] ?? 0);
          await new Promise((resolve) => f.store.get('', resolve));
          session[`${name}b`] = session[name];
          ack();
        },
      },
    });
    for (const way of ['delete', 'undefined']) {
      const { browser, socket } = await f.bound();
      const tabs = [socket, await f.connect({ key: await f.keyOf(browser) })];
      let isOver = false;
      const others = ['one', 'two', 'three'].map(async (name, n) => {
        while (!isOver) await tabs[n % 2].ask('other', name);
      });
      for (let run = 0; run < 40; run += 1) {
        await socket.ask('set', {});
        await socket.ask('clear', way);
        assert.deepEqual((await f.read(browser)).profile, { name: 'ann', tags: ['a'] }, `${way}, ${run}`);
      }
      isOver = true;
      await Promise.all(others);
      assert.deepEqual((await f.read(browser)).profile, { name: 'ann', tags: ['a'] });
      for (const tab of tabs) tab.close();
    }
  },
);
