'use strict';

// One host, its clients, and the guarantee that a test leaves nothing behind.

const { basicApp } = require('./basic-app.js');
const { HttpClient } = require('./http-client.js');
const { HostileStore } = require('./hostile-store.js');
const { connectSocket, share } = require('./socket-client.js');
const { startHost } = require('./zappa-host.js');
const { express, socketIoServer } = require('./versions.js');
const { settle } = require('./wait.js');
const subject = require('./subject.js');

// `store`: a store, or nothing for a HostileStore that behaves. `kept`: one of support/stores.js, cleaned up behind the host.
// `options`: the app's `io_session` setting.
async function fixture(
  t,
  {
    expressVersion = 5,
    socketIoVersion = 4,
    kept,
    store = kept ? kept.store : new HostileStore(),
    app,
    options,
    settings,
    ...rest
  } = {},
) {
  const sockets = new Set();
  const host = await startHost({
    ioSession: subject,
    express: express(expressVersion),
    socketio: socketIoServer(socketIoVersion),
    store,
    settings: { ...(options && { io_session: options }), ...settings },
    app(context) {
      basicApp(context);
      app?.call(context, context);
    },
    ...rest,
  });
  t.after(async () => {
    for (const socket of sockets) {
      socket.close();
    }
    await host.close();
    if (kept) {
      // What the sockets that have just left had still to take out of the store.
      await settle();
      await kept.cleanup();
    }
  });

  const connect = async (clientOptions) => {
    const socket = await connectSocket(host.ioUrl, { version: socketIoVersion, ...clientOptions });
    sockets.add(socket);
    return socket;
  };
  const browser = () => new HttpClient(host.url);
  const login = async () => {
    const client = browser();
    await client.request('/login');
    return client;
  };

  return {
    host,
    kept,
    store,
    connect,
    browser,
    login,
    // A browser that is logged in, its socket, bound.
    async bound() {
      const client = await login();
      const socket = await connect();
      const { key, ack } = await share(client, socket);
      return { browser: client, socket, sid: client.sid, key, ack };
    },
  };
}

module.exports = { fixture };
