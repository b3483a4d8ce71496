'use strict';

// A load of events, during which the store has an outage. Every event ends, in an acknowledgement or in an error that
// `onError` is told of, and what was acknowledged is in the store afterwards.

const assert = require('node:assert/strict');
const { performance } = require('node:perf_hooks');
const { adopt } = require('../../lib/stores/adopted-store.js');
const { updateSession } = require('../../lib/session/update.js');
const { fixture } = require('./fixture.js');
const { share } = require('./socket-client.js');
const { until } = require('./wait.js');

const SESSIONS = 4;
const SOCKETS = 3;
const STORE_TIMEOUT = 1_000;
// A load, a wait in the session's lane, a load and a write: each has its deadline. The rest is what a busy machine takes.
const LONGEST = 5 * STORE_TIMEOUT + 10_000;

class Load {
  constructor(t, kept) {
    this.t = t;
    this.kept = kept;
    // By session: the numbers that were acknowledged.
    this.acknowledged = new Map();
    this.sent = 0;
    this.failures = [];
    this.slowest = 0;
    this.going = true;
    // By socket id: who waits for an error of it.
    this.waiting = new Map();
  }

  async start() {
    const { kept, t } = this;
    this.host = await fixture(t, {
      store: kept.store,
      options: {
        storeTimeout: STORE_TIMEOUT,
        onError: (error, { socket }) => this.waiting.get(socket?.id)?.(error),
      },
      app: (context) => {
        context.on('count', async function (_data, ack) {
          const store = adopt(context.session_store, 'the store');
          await updateSession(store, this.session.id, this.session, (session) => {
            session.count = (session.count ?? 0) + 1;
          });
          ack({ sid: this.session.id, count: this.session.count });
        });
      },
    });
    this.clients = [];
    for (let n = 0; n < SESSIONS; n += 1) {
      const browser = await this.host.login();
      this.acknowledged.set(browser.sid, []);
      for (let m = 0; m < SOCKETS; m += 1) {
        const socket = await this.host.connect();
        await share(browser, socket);
        this.clients.push({ browser, socket });
      }
    }
    this.running = Promise.all(this.clients.map((client) => this.run(client)));
    await this.progress('the load is under way');
  }

  async run({ browser, socket }) {
    while (this.going) {
      const began = performance.now();
      this.sent += 1;
      const failed = new Promise((resolve) => this.waiting.set(socket.id, resolve));
      const outcome = await Promise.race([socket.ask('count', {}), failed]);
      this.slowest = Math.max(this.slowest, performance.now() - began);
      if (outcome instanceof Error) this.failures.push(outcome);
      else {
        // An outage logs nobody out.
        assert.equal(outcome.sid, browser.sid);
        this.acknowledged.get(browser.sid).push(outcome.count);
      }
    }
  }

  count() {
    return [...this.acknowledged.values()].reduce((sum, numbers) => sum + numbers.length, 0);
  }

  // Every socket has had more of its events acknowledged.
  async progress(what) {
    const before = this.count();
    await until(() => this.count() >= before + 10 * this.clients.length, what);
  }

  // Events end in errors, for every socket several times.
  async fail(what) {
    const before = this.failures.length;
    await until(() => this.failures.length >= before + 2 * this.clients.length, what);
  }

  async end() {
    this.going = false;
    await this.running;
    assert.ok(this.slowest < LONGEST, `an event took ${this.slowest} ms`);
    let counted = 0;
    for (const [sid, numbers] of this.acknowledged) {
      const { count } = await this.kept.read(sid);
      // No number was given twice, and the highest one is not lost.
      assert.equal(new Set(numbers).size, numbers.length);
      assert.ok(count >= Math.max(...numbers), `${count} in the store, ${Math.max(...numbers)} acknowledged`);
      counted += count;
    }
    // An update that failed in the middle may have been written, and no other.
    assert.ok(counted >= this.count() && counted <= this.sent, `${this.count()} ≤ ${counted} ≤ ${this.sent}`);
  }
}

// `servers` are stopped after everything that uses them.
async function startLoad(t, kept, ...servers) {
  const load = new Load(t, kept);
  await load.start();
  t.after(async () => {
    await kept.cleanup();
    for (const server of servers) await server.stop();
  });
  return load;
}

module.exports = { STORE_TIMEOUT, startLoad };
