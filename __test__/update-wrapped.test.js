'use strict';

// update() on a store whose methods an app has wrapped, and inside of other updates: it never waits for itself, and stays exact.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const session = require('express-session');
const { EmbeddedStore } = require('..');
const { HostileStore, SynchronousStore } = require('./support/hostile-store.js');
const { LIMIT } = require('./support/limit.js');
const { putApp } = require('./support/put-app.js');
const { shareFixture } = require('./support/share-fixture.js');

const UPDATES = 20;
/** Far below the deadline of a store: whoever waits for itself waits for that. */
const SOON = 5000;

// A store that hands out the object that it keeps.
class ObjectStore extends session.Store {
  kept = new Map();

  get(sid, callback) {
    process.nextTick(callback, null, this.kept.get(sid));
  }

  set(sid, data, callback) {
    this.kept.set(sid, data);
    process.nextTick(callback, null);
  }

  destroy(sid, callback) {
    this.kept.delete(sid);
    process.nextTick(callback, null);
  }
}

const STORES = {
  MemoryStore: () => new session.MemoryStore(),
  EmbeddedStore: () => new EmbeddedStore(),
  'a store that answers later': () => new HostileStore(),
  'a store that answers before it returns': () => new SynchronousStore(),
  'a store that hands out what it keeps': () => new ObjectStore(),
};

// Each puts another `set` in the place of the store's.
const WRAPPINGS = {
  'calls the one before it': (store, own) => (sid, data, callback) => own.call(store, sid, data, callback),
  'calls it later'(store, own) {
    return (sid, data, callback) => {
      setTimeout(() => own.call(store, sid, data, (error) => setTimeout(callback, 1, error)), 1);
    };
  },
  'is a promise'(store, own) {
    return async (sid, data, callback) => {
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve, reject) =>
        own.call(store, sid, data, (error) => (error ? reject(error) : resolve())),
      );
      callback(null);
    };
  },
  'calls it twice': (store, own) => (sid, data, callback) =>
    own.call(store, sid, data, (error) => (error ? callback(error) : own.call(store, sid, data, callback))),
  'notes its own in the session': (store, own) => (sid, data, callback) => {
    if (data.counts) data.noted = true;
    own.call(store, sid, data, callback);
  },
  'hands on a copy': (store, own) => (sid, data, callback) =>
    own.call(store, sid, { ...data, stamped: (data.stamped ?? 0) + 1 }, callback),
  'hands on a copy later': (store, own) => (sid, data, callback) => {
    const copy = Object.assign({}, JSON.parse(JSON.stringify(data)), { cookie: data.cookie, stamped: 1 });
    setTimeout(() => own.call(store, sid, copy, callback), 1);
  },
  'saves another object of the session before, once'(store, own) {
    let isBusy = false;
    let isDone = false;
    return (sid, data, callback) => {
      if (isBusy || isDone || data.counts === undefined) {
        own.call(store, sid, data, callback);
        return;
      }
      isBusy = true;
      store.load(sid, (_error, other) => {
        if (other) other.audit = (other.audit ?? 0) + 1;
        const go = () => {
          isBusy = false;
          isDone = true;
          own.call(store, sid, data, callback);
        };
        if (other) other.save(go);
        else go();
      });
    };
  },
};

async function begin(t, store, wrap) {
  const f = await shareFixture(t, {
    store,
    app({ app }) {
      app.get('/begin', (req, res) => {
        req.session.counts = { visits: 0 };
        res.json(1);
      });
      app.get('/visit', (req, res) => {
        req.session
          .update((data) => {
            data.counts.visits += 1;
          })
          .then(
            () => res.json('fine'),
            (error) => res.json(error.message),
          );
      });
    },
  });
  const browser = await f.login();
  await browser.json('/begin');
  wrap?.(store);
  return { ...f, browser };
}

for (const [name, open] of Object.entries(STORES)) {
  describe(`update() on ${name}`, () => {
    for (const [what, wrapping] of Object.entries(WRAPPINGS)) {
      for (const times of [1, 2]) {
        test(
          `whose set ${what}${times === 2 ? ', wrapped twice' : ''}, is exact, and soon`,
          LIMIT,
          async (t) => {
            const { browser } = await begin(t, open(), (store) => {
              for (let n = 0; n < times; n += 1) store.set = wrapping(store, store.set);
            });
            const begun = performance.now();
            const answers = await Promise.all(Array.from({ length: UPDATES }, () => browser.json('/visit')));
            assert.deepEqual(new Set(answers.map(({ body }) => body)), new Set(['fine']));
            assert.ok(performance.now() - begun < SOON, `${performance.now() - begun} ms`);
            assert.equal((await browser.json('/read')).body.counts.visits, UPDATES);
          },
        );
      }
    }

    for (const [what, gets] of [
      ['hands on a copy', false],
      ['hands on a copy later', false],
      ['calls the one before it', false],
      ['calls the one before it', true],
      ['calls it later', false],
      ['calls it later', true],
    ])
      test(
        `whose set ${what}${gets ? ', and its get too' : ''}: events and requests beside each other lose nothing`,
        LIMIT,
        async (t) => {
          const f = await shareFixture(t, {
            store: open(),
            app(parts) {
              const { store } = parts.sharing;
              store.set = WRAPPINGS[what](store, store.set);
              const { get } = store;
              if (gets) store.get = (...args) => get.apply(store, args);
              putApp(parts);
            },
          });
          const { browser, sid, socket } = await f.bound();
          const fields = [];
          const missing = [];
          const put = async (field, asked) => {
            fields.push(field);
            await asked;
            if ((await browser.json('/read')).body[field] !== 1) missing.push(field);
          };
          const all = Array.from({ length: UPDATES }, (_, n) => [
            put(`event${n}`, socket.ask('put', `event${n}`)),
            put(`request${n}`, browser.json(`/put?field=request${n}`)),
            socket.ask('count'),
            // A job, and then an event in which the socket has what the job has written.
            f.sharing
              .update(sid, (session) => {
                session.count = (session.count ?? 0) + 1;
              })
              .then(() => put(`chained${n}`, socket.ask('put', `chained${n}`))),
          ]);
          await Promise.all(all.flat());
          const { body } = await browser.json('/read');
          assert.deepEqual([missing, fields.filter((field) => body[field] !== 1)], [[], []]);
          assert.equal(body.count, 2 * UPDATES);
          assert.equal(typeof body.stamped, what.includes('copy') ? 'number' : 'undefined');
        },
      );

    test('whose set the app keeps to itself, calls that', LIMIT, async (t) => {
      const taken = [];
      const { browser } = await begin(t, open(), (store) => {
        store.set = (_sid, data, callback) => {
          taken.push(JSON.parse(JSON.stringify(data)).counts.visits);
          callback(null);
        };
      });
      assert.equal((await browser.json('/visit')).body, 'fine');
      assert.equal(taken[0], 1);
    });

    test('within updates of other sessions, and of its own', LIMIT, async (t) => {
      const answers = {};
      const f = await shareFixture(t, {
        store: open(),
        options: { storeTimeout: 500 },
        app({ io }) {
          const seen = [];
          io.on('connection', (socket) => {
            seen.push(socket);
            const count = (data) => {
              data.count = (data.count ?? 0) + 1;
            };
            socket.on('other', (ack) =>
              socket.session
                .update(async (data) => {
                  count(data);
                  await seen[0].session.update(count);
                })
                .then(
                  () => ack('fine'),
                  (error) => ack(error.message),
                ),
            );
            socket.on('given', (ack) =>
              socket.session
                .update((data) => data.update(count))
                .then(
                  () => ack('fine'),
                  (error) => ack(error.message),
                ),
            );
            socket.on('own', (ack) => {
              const { session: own } = socket;
              own
                .update(() => own.update(count))
                .then(
                  () => ack('fine'),
                  (error) => ack(error.code),
                );
            });
            socket.on('count', (ack) => socket.session.update(count).then(() => ack(socket.session.count)));
            socket.on('renewed', async (ack) => {
              const renewed = await socket.session.regenerate();
              await renewed.update(count);
              await renewed.save();
              ack([renewed.count, renewed.id]);
            });
          });
        },
      });
      const [one, two] = [await f.bound(), await f.bound()];
      answers.other = await two.socket.ask('other');
      answers.given = await two.socket.ask('given');
      answers.own = await two.socket.ask('own');
      answers.one = await one.socket.ask('count');
      answers.two = await two.socket.ask('count');
      assert.match(answers.given, /was called on the session that an update\(\) is changing/);
      assert.deepEqual(
        { ...answers, given: undefined },
        { other: 'fine', given: undefined, own: 'ERR_UPDATE_TIMEOUT', one: 2, two: answers.two },
      );
      // The one that was given up may have counted later: it was no part of the other.
      assert.ok(answers.two >= 2 && answers.two <= 3, `${answers.two}`);
      const [count, sid] = await two.socket.ask('renewed');
      assert.equal(count, 1);
      assert.notEqual(sid, two.sid);
    });
  });
}
