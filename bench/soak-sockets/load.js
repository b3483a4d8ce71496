'use strict';

// The clients of the soak, as many as one process bears: browsers with two tabs each, which send events at a steady rate, log
// out and in again, and reconnect. They look after themselves: a tab knows what was acknowledged, and must read just that.

const { setTimeout: delay } = require('node:timers/promises');
const { answer } = require('../child.js');
const { Browser } = require('../browser.js');

const TABS = 2;
/** How many browsers begin at the same time. */
const ABREAST = 40;
/** How often events are sent, in ms. */
const TICK = 2;
/** How long anything may take, in ms. */
const DEADLINE = 30_000;

const KEY_ROUTE = '/io-session/socket/__local';

/** A tab: a socket, and the one field of the session that it alone writes. */
class Tab {
  constructor(visitor, number) {
    this.visitor = visitor;
    this.field = `tab${number}`;
    this.acknowledged = null;
    this.busy = false;
    this.browser = new Browser(visitor);
  }

  get socket() {
    return this.browser.socket;
  }

  open() {
    return this.browser.connect({ auth: (done) => done({ key: this.visitor.key }) });
  }

  ask(...args) {
    return this.socket.timeout(DEADLINE).emitWithAck(...args);
  }

  ended() {
    return new Promise((resolve) => this.socket.once('session:end', resolve));
  }

  async reconnect() {
    this.socket.disconnect();
    const connected = this.browser.connected();
    this.socket.connect();
    await connected;
  }

  /** One event. Gives what is wrong, or undefined. */
  async send(value) {
    const { field, visitor } = this;
    const { epoch } = visitor;
    if (value % 2 === 0) {
      const answer = await this.ask('write', field, value);
      if (visitor.epoch !== epoch) return undefined;
      if (answer !== true) return `a write was answered by ${JSON.stringify(answer)}`;
      this.acknowledged = value;
      return undefined;
    }
    const expected = this.acknowledged;
    const read = await this.ask('read', field);
    if (visitor.epoch !== epoch || read === expected) return undefined;
    return `${expected} was acknowledged, ${JSON.stringify(read)} was read`;
  }
}

/** A browser: one session at a time, and its tabs. */
class Visitor {
  constructor(port, number) {
    this.port = port;
    this.number = number;
    this.browser = new Browser(this);
    /** Counts its sessions: an event that began in an earlier one proves nothing. */
    this.epoch = 0;
    this.busy = false;
    this.tabs = Array.from({ length: TABS }, (_, index) => new Tab(this, index));
  }

  async login() {
    this.browser.cookie = undefined;
    await this.browser.get(`/login/${this.number}`);
    ({ key: this.key } = await this.browser.get(KEY_ROUTE));
    for (const tab of this.tabs) tab.acknowledged = null;
  }

  async open() {
    await this.login();
    for (const tab of this.tabs) await tab.open();
  }

  /** Out, heard of by each tab, and in again on the same sockets. Gives what is wrong, or undefined. */
  async renew() {
    const told = Promise.all(this.tabs.map((tab) => tab.ended()));
    this.epoch += 1;
    await this.browser.get('/logout');
    const late = await Promise.race([told, delay(DEADLINE, 'late', { ref: false })]);
    if (late === 'late') return 'a tab did not hear of the logout';
    await this.login();
    for (const tab of this.tabs) {
      const { error } = await tab.ask('__zappa_key', { key: this.key });
      if (error) return `a key was refused: ${error}`;
    }
    this.epoch += 1;
    return undefined;
  }
}

let visitors = [];

const any = (list) => list[Math.floor(Math.random() * list.length)];
const isFree = (visitor) => !visitor.busy && visitor.tabs.every((tab) => !tab.busy);

/** Sends at a steady rate for a while: each event's time counts from when it was due. */
async function run({ events, logouts, reconnects, seconds }) {
  const faults = [];
  const latencies = [];
  const pending = new Set();
  const done = { events: 0, logouts: 0, reconnects: 0 };
  const track = (kind, holder, promise) => {
    holder.busy = true;
    const settled = promise
      .catch((error) => error.message)
      .then((fault) => {
        holder.busy = false;
        pending.delete(settled);
        done[kind] += 1;
        if (fault) faults.push(`${kind}: ${fault}`);
      });
    pending.add(settled);
  };
  let value = 0;
  const begin = {
    events(due) {
      const tab = any(any(visitors).tabs);
      if (tab.busy || tab.visitor.busy) return;
      value += 1;
      const sent = tab.send(value).then((fault) => {
        latencies.push(performance.now() - due);
        return fault;
      });
      track('events', tab, sent);
    },
    // With events of its tabs under way.
    logouts() {
      const visitor = any(visitors);
      if (!visitor.busy && visitor.tabs.every((tab) => tab.socket.connected)) {
        track('logouts', visitor, visitor.renew());
      }
    },
    reconnects() {
      const visitor = any(visitors);
      if (!isFree(visitor)) return;
      const tab = any(visitor.tabs);
      track('reconnects', tab, tab.reconnect());
    },
  };

  const rates = { events, logouts, reconnects };
  const begun = performance.now();
  const counts = { events: 0, logouts: 0, reconnects: 0 };
  for (;;) {
    const passed = performance.now() - begun;
    if (passed >= seconds * 1000) break;
    for (const [kind, rate] of Object.entries(rates)) {
      for (; counts[kind] < (rate * passed) / 1000; counts[kind] += 1) {
        begin[kind](begun + (1000 * counts[kind]) / rate);
      }
    }
    await delay(TICK);
  }
  await Promise.all(pending);
  return { done, faults, latencies };
}

answer({
  async open({ port, first, sessions }) {
    visitors = Array.from({ length: sessions }, (_, index) => new Visitor(port, first + index));
    const waiting = [...visitors];
    const worker = async () => {
      for (let visitor = waiting.pop(); visitor; visitor = waiting.pop()) await visitor.open();
    };
    await Promise.all(Array.from({ length: ABREAST }, worker));
  },
  run,
  async close() {
    for (const { tabs } of visitors) for (const tab of tabs) tab.browser.close();
  },
});
