'use strict';

// A session is parsed and compared only as far as a handler looks at it. Everything else about it is as with
// express-session's whole Session; sliced-session.property.test.js tries that with programs of all kinds.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { inspect } = require('node:util');
const expressSession = require('express-session');
const { fixture } = require('./support/fixture.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const stores = require('./support/stores.js');
const { settle, until } = require('./support/wait.js');

const COOKIE = { originalMaxAge: 3_600_000, expires: '2126-01-01T00:00:00.000Z', httpOnly: true, path: '/' };
const FIELDS = {
  user: { name: 'ann', roles: ['a', 'b'] },
  visits: 7,
  note: 'a "quoted" \\ ’text’',
  none: null,
};

const redisServer = suiteRedis();

const STORES = {
  MemoryStore: () => stores.memory(),
  EmbeddedStore: () => stores.embedded(),
  'connect-redis': () => stores.redis(redisServer),
};

// A bound socket whose session has these fields, and an event `do` that runs `handler.run` of its session.
async function begin(t, kept, fields = FIELDS) {
  const handler = { run: () => undefined };
  const app = (context) =>
    context.on('do', function (_data, ack) {
      const result = handler.run(this.session, this);
      if (typeof result?.then !== 'function') {
        ack(result);
        return undefined;
      }
      return result.then(ack);
    });
  const f = await fixture(t, { store: kept.store, app });
  const { socket, sid, browser } = await f.bound();
  t.after(async () => {
    await settle();
    await kept.cleanup();
  });
  const set = (data) =>
    new Promise((resolve, reject) => {
      kept.store.set(sid, data, (error) => (error ? reject(error) : resolve()));
    });
  await set({ cookie: COOKIE, ...fields });
  // Runs a handler in an event of its own. What it throws is thrown here.
  const handle = async (run) => {
    let failure;
    handler.run = (session, context) => {
      try {
        return run(session, context);
      } catch (error) {
        failure = error;
        return undefined;
      }
    };
    const result = await socket.ask('do', {});
    if (failure) throw failure;
    return result;
  };
  return { ...f, browser, handle, kept, set, sid, socket };
}

// What was stored before with these changes, in this order.
function changed(changes) {
  return JSON.stringify({ cookie: COOKIE, ...FIELDS, ...changes });
}

// From now on: how long the longest text is that JSON.parse was given or JSON.stringify gave.
function watchJson(t) {
  const { parse, stringify } = JSON;
  let longest = 0;
  t.after(() => Object.assign(JSON, { parse, stringify }));
  JSON.parse = (text, ...rest) => {
    longest = Math.max(longest, text.length);
    return parse(text, ...rest);
  };
  JSON.stringify = (...args) => {
    const text = stringify(...args);
    longest = Math.max(longest, text?.length ?? 0);
    return text;
  };
  return () => {
    Object.assign(JSON, { parse, stringify });
    assert.ok(longest > 0);
    return longest;
  };
}

function rows(open) {
  // `t` gets a session with FIELDS; `expected` is what the store holds after the handler.
  const stored = (name, run, expected) =>
    test(name, LIMIT, async (t) => {
      const { handle, kept, sid } = await begin(t, await open());
      await handle(run);
      await settle();
      await until(async () => (await kept.text(sid)) === expected, `${await kept.text(sid)}`);
    });

  stored(
    'a field that is written takes its place, and nothing else is touched',
    (session) => {
      session.visits = 8;
    },
    changed({ visits: 8 }),
  );

  stored(
    'a nested change is seen',
    (session) => {
      session.user.roles.push('c');
    },
    changed({ user: { name: 'ann', roles: ['a', 'b', 'c'] } }),
  );

  stored(
    'a nested change is seen after what could not be spelt',
    (session) => {
      session.user.roles.push(1n);
      assert.throws(() => JSON.stringify(session.user), TypeError);
      session.save((error) => assert.ok(error instanceof TypeError));
      session.user.roles.pop();
      session.user.name = 'bob';
    },
    changed({ user: { name: 'bob', roles: ['a', 'b'] } }),
  );

  stored(
    'several fields at once, whatever the order they are written in',
    (session) => {
      session.none = 'something';
      session.user = 'bob';
      session.visits += 1;
    },
    changed({ user: 'bob', visits: 8, none: 'something' }),
  );

  stored(
    'new fields come behind the others, in the order they were put in',
    (session) => {
      session.second = [];
      session.first = 'it’s "new"';
      session.visits = 8;
    },
    changed({ visits: 8, second: [], first: 'it’s "new"' }),
  );

  stored(
    'a new field whose name is a number comes first, as in any object',
    (session) => {
      session[5] = 'five';
    },
    JSON.stringify({ 5: 'five', cookie: COOKIE, ...FIELDS }),
  );

  stored(
    'a field that is deleted is gone',
    (session) => {
      delete session.user;
    },
    JSON.stringify({ cookie: COOKIE, visits: 7, note: FIELDS.note, none: null }),
  );

  stored(
    'a field that is deleted and put in again comes last',
    (session) => {
      const { user } = session;
      delete session.user;
      session.user = user;
    },
    JSON.stringify({ cookie: COOKIE, visits: 7, note: FIELDS.note, none: null, user: FIELDS.user }),
  );

  stored(
    'a field that is set to undefined is left out',
    (session) => {
      session.user = undefined;
      session.new = undefined;
      session.visits = 8;
    },
    JSON.stringify({ cookie: COOKIE, visits: 8, note: FIELDS.note, none: null }),
  );

  stored(
    'a date is written as JSON has it, and toJSON is told its key',
    (session) => {
      session.visits = new Date(0);
      session.note = { toJSON: (key) => `under ${key}` };
    },
    changed({ visits: '1970-01-01T00:00:00.000Z', note: 'under note' }),
  );

  stored(
    'a value whose toJSON gives nothing is left out, also where there was one',
    (session) => {
      session.visits = { toJSON: () => undefined };
      session.new = { toJSON: () => undefined };
    },
    JSON.stringify({ cookie: COOKIE, user: FIELDS.user, note: FIELDS.note, none: null }),
  );

  stored(
    'a cookie that is changed is saved',
    (session) => {
      session.cookie.path = '/elsewhere';
    },
    JSON.stringify({ cookie: { ...COOKIE, path: '/elsewhere' }, ...FIELDS }),
  );

  stored(
    'Object.assign and spreading back do what they do on any object',
    (session) => {
      Object.assign(session, { ...session, visits: 8, more: 1 });
    },
    changed({ visits: 8, more: 1 }),
  );

  test('a handler that looks at everything and changes nothing writes nothing', LIMIT, async (t) => {
    const { handle, kept } = await begin(t, await open());
    const writes = await kept.writes();
    await handle((session) => {
      session.user.roles.slice();
      session.visits = 7;
      session.note = `${session.note}`;
      void session.cookie.maxAge;
      void session.nothing;
    });
    await handle((session) => void JSON.stringify(session));
    await handle((session) => void Object.entries(session));
    // What an event wrote, the next one would see.
    assert.deepEqual(await handle((session) => session.user), FIELDS.user);
    await settle();
    assert.equal(await kept.writes(), writes);
  });

  test('of a large session only what is looked at is parsed and spelled', LIMIT, async (t) => {
    const { handle } = await begin(t, await open(), { ...FIELDS, large: 'x'.repeat(50_000), last: 1 });
    const longest = watchJson(t);
    await handle((session) => {
      assert.equal(session.user.name, 'ann');
      session.last += 1;
    });
    await settle();
    assert.ok(longest() < 10_000, `${longest()}`);
  });

  test(
    '20,000 objects that an app has put into a session are no burden for later events',
    LIMIT,
    async (t) => {
      const { handle, kept, sid } = await begin(t, await open());
      await handle((session) => {
        for (let n = 0; n < 20_000; n += 1) session[`field${n}`] = { n };
      });
      const began = process.cpuUsage();
      await handle((session) => {
        session.field7.n = 8;
      });
      // All of the text is parsed once, and not for each.
      const { user, system } = process.cpuUsage(began);
      assert.ok(user + system < 2e6, `${(user + system) / 1e6} s`);
      const { field7, field19999 } = JSON.parse(await kept.text(sid));
      assert.deepEqual([field7, field19999], [{ n: 8 }, { n: 19_999 }]);
    },
  );

  test('a session of 20,000 fields, put there or looked at one by one, is no burden', LIMIT, async (t) => {
    const names = Array.from({ length: 20_000 }, (_, n) => `field${n}`);
    const { handle, kept, sid } = await begin(t, await open());
    const began = process.cpuUsage();
    await handle((session) => {
      for (const name of names) session[name] = 1;
    });
    await handle((session) => {
      session.visits = 8;
    });
    const fields = JSON.parse(await kept.text(sid));
    const other = await begin(t, await open(), fields);
    await other.handle((session) => {
      assert.ok(names.every((name) => session[name] === 1));
      session.last = 9;
    });
    // Where each field was looked for in all of the text, it took several seconds.
    const { user, system } = process.cpuUsage(began);
    assert.ok(user + system < 2e6, `${(user + system) / 1e6} s`);
    await settle();
    const stored = JSON.parse(await other.kept.text(other.sid));
    assert.deepEqual([stored.visits, stored.last, stored.field19999], [8, 9, 1]);
  });

  test('it is the Session that express-session would have made', LIMIT, async (t) => {
    const { handle, kept, sid } = await begin(t, await open());
    const request = { sessionID: sid };
    const whole = new expressSession.MemoryStore().createSession(request, JSON.parse(await kept.text(sid)));
    const looks = {
      keys: (session) => Object.keys(session),
      names: (session) => Object.getOwnPropertyNames(session),
      symbols: (session) => Object.getOwnPropertySymbols(session),
      spread: (session) => ({ ...session }),
      entries: (session) => Object.entries(session),
      inspected: (session) => inspect(session),
      'inspected inside something': (session) => inspect({ in: [session] }, { depth: 5 }),
      text: (session) => JSON.stringify(session),
      'in a loop': (session) => {
        const found = [];
        for (const key in session) found.push([key, session[key]]);
        return found;
      },
      has: (session) =>
        ['user', 'none', 'cookie', 'nothing', 'save', 'id', 'toString'].map((key) => key in session),
      own: (session) => ['user', 'cookie', 'nothing', 'save', 'id'].map((key) => Object.hasOwn(session, key)),
      descriptor: (session) => Object.getOwnPropertyDescriptor(session, 'user'),
      'descriptor of id': (session) => Object.getOwnPropertyDescriptor(session, 'id'),
      'an own descriptor that is not there': (session) => Object.getOwnPropertyDescriptor(session, 'nothing'),
      cookie: ({ cookie }) => [
        cookie,
        cookie.expires,
        cookie.originalMaxAge,
        cookie instanceof expressSession.Cookie,
      ],
      class: (session) => [
        session instanceof expressSession.Session,
        session.constructor === expressSession.Session,
        Object.getPrototypeOf(session) === expressSession.Session.prototype,
        `${session}`,
        Object.isExtensible(session),
      ],
      'a copy': (session) => structuredClone({ ...session }),
      methods: (session) => session.save === expressSession.Session.prototype.save,
      id: (session) => [session.id, session.req.sessionID],
      missing: (session) => [session.nothing, session[Symbol.iterator], session.then, session.toJSON],
    };
    for (const [name, look] of Object.entries(looks)) {
      let seen;
      // In an event of its own, so that it is the first to look.
      await handle((session) => {
        seen = look(session);
      });
      assert.deepEqual(seen, look(whole), name);
      // And once more after a single field.
      await handle((session) => {
        assert.deepEqual(session.user, FIELDS.user);
        seen = look(session);
        assert.equal(session.req.session, session);
      });
      assert.deepEqual(seen, look(whole), `${name}, after a look at a field`);
    }
  });

  test(
    'an object that was read is the same object each time, also after the session is whole',
    LIMIT,
    async (t) => {
      const { handle } = await begin(t, await open());
      await handle((session) => {
        const { cookie, user } = session;
        assert.equal(session.user, user);
        assert.equal(session.cookie, cookie);
        Object.keys(session);
        assert.equal(session.user, user);
        assert.equal(session.cookie, cookie);
        const put = {};
        session.put = put;
        assert.equal(session.put, put);
      });
    },
  );

  test('it can be frozen, sealed and given another prototype', LIMIT, async (t) => {
    const { handle } = await begin(t, await open());
    await handle((session) => {
      assert.ok(Object.isFrozen(Object.freeze(session)));
      assert.equal(Object.getPrototypeOf(session), expressSession.Session.prototype);
      assert.equal(session.visits, 7);
      assert.throws(() => {
        session.visits = 8;
      }, TypeError);
      assert.throws(() => {
        session.more = 8;
      }, TypeError);
    });
    await handle((session) => {
      const prototype = Object.create(expressSession.Session.prototype, { extra: { value: 'more' } });
      Object.setPrototypeOf(session, prototype);
      assert.equal(session.extra, 'more');
      assert.equal(Object.getPrototypeOf(session), prototype);
    });
    await handle((session) => {
      Object.defineProperty(session, 'visits', { get: () => 'computed' });
      assert.equal(session.visits, 'computed');
      assert.deepEqual(Object.keys(session), ['cookie', ...Object.keys(FIELDS)]);
    });
  });

  test('what inherits from it gets what is written to it', LIMIT, async (t) => {
    const { handle, kept, sid } = await begin(t, await open());
    const text = await kept.text(sid);
    await handle((session) => {
      const child = Object.create(session);
      assert.equal(child.visits, 7);
      child.visits = 8;
      assert.equal(child.visits, 8);
      assert.equal(session.visits, 7);
    });
    await settle();
    assert.equal(await kept.text(sid), text);
  });

  test('a change that waits for its save survives a stored field that is called `id`', LIMIT, async (t) => {
    const { handle, kept, set, sid } = await begin(t, await open());
    let session;
    await handle((seen) => {
      session = seen;
      return seen.visits;
    });
    session.ticked = 1;
    await set({ cookie: COOKIE, ...FIELDS, id: 'x' });
    assert.equal(await handle((seen) => seen.ticked), 1);
    await until(async () => JSON.parse(await kept.text(sid)).ticked === 1, 'it is saved');
  });

  test(
    'fields with the names of what a Session has do not show, as in Express, and stay',
    LIMIT,
    async (t) => {
      const fields = JSON.parse('{"id":"x","save":"x","toString":"x","__proto__":{"admin":true},"visits":7}');
      const { handle, kept, set, sid } = await begin(t, await open());
      await set(
        Object.defineProperty({ cookie: COOKIE, ...fields }, '__proto__', {
          value: { admin: true },
          enumerable: true,
        }),
      );
      await handle((session) => {
        assert.equal(session.id, sid);
        assert.equal(typeof session.save, 'function');
        assert.equal(session.admin, undefined);
        assert.deepEqual(Object.keys(session), ['cookie', 'visits']);
        session.visits = 8;
      });
      await until(async () => JSON.parse(await kept.text(sid)).visits === 8);
      assert.equal(JSON.parse(await kept.text(sid)).toString, 'x');
      assert.equal({}.admin, undefined);
    },
  );

  test('a field that JSON leaves out keeps its place over a save', LIMIT, async (t) => {
    const { handle } = await begin(t, await open());
    let names;
    await handle((session) => {
      session.nothing = undefined;
      session.after = 1;
      session.save();
      names = Object.keys(session);
    });
    assert.deepEqual(names.slice(-2), ['nothing', 'after']);
  });

  test('save(), reload() and touch() work after a look at a field', LIMIT, async (t) => {
    const { handle, kept, sid } = await begin(t, await open());
    await handle(async (session, context) => {
      session.visits += 1;
      await new Promise((resolve) => session.save(resolve));
      assert.equal(await kept.text(sid), changed({ visits: 8 }));
      session.visits += 1;
      assert.equal(session.save(), session);
      session.visits += 1;
      await new Promise((resolve) => session.reload(resolve));
      assert.notEqual(context.session, session);
      assert.ok([8, 9].includes(context.session.visits));
    });
    await handle((session) => {
      assert.equal(session.touch(), session);
    });
    await until(async () => JSON.parse(await kept.text(sid)).cookie.expires !== COOKIE.expires);
  });

  test('what is written after the handler has ended is saved by save()', LIMIT, async (t) => {
    const { handle, kept, sid } = await begin(t, await open());
    let held;
    await handle((session) => {
      held = session;
      session.visits = 8;
    });
    await until(async () => (await kept.text(sid)) === changed({ visits: 8 }));
    held.visits += 1;
    held.user.name = 'eve';
    held.save();
    await until(
      async () => (await kept.text(sid)) === changed({ visits: 9, user: { name: 'eve', roles: ['a', 'b'] } }),
    );
  });

  test('what HTTP writes to other fields meanwhile is kept', LIMIT, async (t) => {
    const { browser, handle, kept, sid } = await begin(t, await open());
    await handle(async (session) => {
      session.visits = 8;
      await browser.request(`/write?json=${encodeURIComponent('{"note":"by HTTP"}')}`);
    });
    await until(async () => JSON.parse(await kept.text(sid)).visits === 8);
    assert.equal(JSON.parse(await kept.text(sid)).note, 'by HTTP');
  });

  test('destroy() and regenerate() hold', LIMIT, async (t) => {
    const { handle, kept, sid } = await begin(t, await open());
    let fresh;
    await handle(async (session, context) => {
      session.visits = 8;
      await new Promise((resolve) => session.regenerate(resolve));
      fresh = context.session;
      assert.equal(fresh.visits, undefined);
    });
    await settle();
    assert.equal(await kept.text(sid), undefined);
    assert.notEqual(fresh.id, sid);
  });

  test('a createSession that the app puts in place is called with all of the data', LIMIT, async (t) => {
    const { handle, kept } = await begin(t, await open());
    const { createSession } = kept.store;
    const seen = [];
    kept.store.createSession = (req, data) => {
      seen.push(data.visits);
      return createSession.call(kept.store, req, data);
    };
    assert.equal(await handle((session) => session.visits), 7);
    assert.deepEqual(seen, [7]);
  });
}

for (const [name, open] of Object.entries(STORES)) {
  describe(`Express 5, Socket.IO 4, ${name}`, () => rows(open));
}

// Another copy of express-session than the one that this package finds, as package managers lay them out.
function anotherCopy() {
  const ours = Object.keys(require.cache).filter((file) => /[\\/]express-session[\\/]/.test(file));
  const kept = ours.map((file) => [file, require.cache[file]]);
  for (const file of ours) delete require.cache[file];
  const copy = require('express-session');
  // As if it were installed for somebody else.
  require.cache['/elsewhere/node_modules/express-session/index.js'] =
    require.cache[require.resolve('express-session')];
  Object.assign(require.cache, Object.fromEntries(kept));
  return copy;
}

test(
  'a store of another copy of express-session has that one’s sessions, and they are parsed in part too',
  LIMIT,
  async (t) => {
    const copy = anotherCopy();
    assert.notEqual(copy.Session, expressSession.Session);
    const kept = { store: new copy.MemoryStore(), cleanup: async () => {} };
    const { handle, sid } = await begin(t, kept, { ...FIELDS, large: 'x'.repeat(50_000) });
    const longest = watchJson(t);
    await handle((session) => {
      assert.ok(session instanceof copy.Session);
      assert.equal(session.constructor, copy.Session);
      assert.equal(session.user.name, 'ann');
      assert.ok(session.cookie instanceof copy.Cookie);
      session.visits += 1;
    });
    assert.ok(longest() < 10_000, `${longest()}`);
    assert.equal(JSON.parse(kept.store.sessions[sid]).visits, 8);
  },
);
