'use strict';

// A host in a process of its own. `watch: true` counts what would have ended the process; without it, it ends.

const { basicApp } = require('../basic-app.js');
const { HostileStore } = require('../hostile-store.js');
const { startHost } = require('../zappa-host.js');
const { express, socketIoServer } = require('../versions.js');
const stores = require('../stores.js');
const theSubject = require('../subject.js');
const { adopt } = require('../../../lib/stores/adopted-store.js');
const { updateSession } = require('../../../lib/session/update.js');

// `original: true`: io-session as it was, in place of ours.
// `redis` and `postgres`: the arguments of the store's maker in support/stores.js; without either, a HostileStore.
const { options, original, sessionOptions, watch, redis, postgres } = JSON.parse(process.argv[2]);
const subject = original ? require('../../../bench/rivals/straight-port.js') : theSubject;

// The clock of this process, as others see it: `jump` moves it.
let ahead = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [RealDate.now() + ahead] : args));
  }

  static now() {
    return RealDate.now() + ahead;
  }
};

const seen = { uncaughtException: [], unhandledRejection: [], warning: [] };
process.on('warning', ({ message }) => {
  seen.warning.push(message);
  process.send({ type: 'warning' });
});
if (watch) {
  for (const name of ['uncaughtException', 'unhandledRejection']) {
    process.on(name, (error) => {
      seen[name].push(error.message);
      process.send({ type: 'failed' });
    });
  }
}

function failing(context) {
  context.on('throw', function () {
    this.session.half = 'done';
    throw new Error('thrown by the handler');
  });
  context.on('reject', async function () {
    this.session.half = 'done';
    throw new Error('rejected by the handler');
  });
  let go;
  context.on('slow', async function (_data, ack) {
    const { session } = this;
    session.slow = 'begun';
    await new Promise((resolve) => {
      go = resolve;
      process.send({ type: 'entered' });
    });
    session.slow = 'done';
    ack();
  });
  context.on('go', () => go());
  context.on('count', async function (_data, ack) {
    const store = adopt(context.session_store, 'the store');
    await updateSession(store, this.session.id, this.session, (session) => {
      session.count = (session.count ?? 0) + 1;
    });
    ack(this.session.count);
  });
  context.on('jump', (ms, ack) => {
    ahead += ms;
    ack();
  });
  context.on('mark', function ({ socket, round }, ack) {
    this.session.marks ??= {};
    this.session.marks[socket] ??= {};
    this.session.marks[socket][round] = true;
    ack();
  });
  context.on('seen', (_data, ack) => ack(seen));
  context.on('break', (method, ack) => {
    context.session_store.next(method, 'error');
    ack();
  });
}

async function main() {
  const kept = await (redis ? stores.redis(...redis) : postgres && stores.postgres(...postgres));
  const host = await startHost({
    ioSession: subject,
    express: express(5),
    socketio: socketIoServer(4),
    store: kept?.store ?? new HostileStore(),
    settings: options && { io_session: options },
    sessionOptions,
    app(context) {
      basicApp(context);
      failing(context);
    },
  });
  process.send({ type: 'ready', url: host.url });
  process.on('message', async ({ type }) => {
    if (type === 'close') {
      await host.close();
      await kept?.cleanup();
      process.disconnect();
    }
  });
}

main();
