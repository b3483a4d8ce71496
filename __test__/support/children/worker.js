'use strict';

// A whole app in a worker thread, started and ended by process.test.js.

const { parentPort } = require('node:worker_threads');
const { basicApp } = require('../basic-app.js');
const { HostileStore } = require('../hostile-store.js');
const { HttpClient } = require('../http-client.js');
const { connectSocket, share } = require('../socket-client.js');
const { startHost } = require('../zappa-host.js');
const { express, socketIoServer } = require('../versions.js');
const subject = require('../subject.js');

async function main() {
  const host = await startHost({
    ioSession: subject,
    express: express(5),
    socketio: socketIoServer(4),
    store: new HostileStore(),
    app: basicApp,
  });
  const browser = new HttpClient(host.url);
  await browser.request('/login');
  const socket = await connectSocket(host.url);
  await share(browser, socket);
  const { id, session } = await socket.ask('read', {});
  parentPort.postMessage({ same: id === browser.sid, user: session.user });
  socket.close();
  await host.close();
}

main();
