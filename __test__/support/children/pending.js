'use strict';

// Ends while a call to the store is pending and its deadline is far away: nothing of ours may hold the process.

const { basicApp } = require('../basic-app.js');
const { HostileStore } = require('../hostile-store.js');
const { HttpClient } = require('../http-client.js');
const { connectSocket, share } = require('../socket-client.js');
const { startHost } = require('../zappa-host.js');
const { express, socketIoServer } = require('../versions.js');
const subject = require('../subject.js');

async function main() {
  const store = new HostileStore();
  const host = await startHost({
    ioSession: subject,
    express: express(5),
    socketio: socketIoServer(4),
    store,
    settings: { io_session: { storeTimeout: 3_600_000 } },
    app: basicApp,
  });
  const browser = new HttpClient(host.url);
  await browser.request('/login');
  const socket = await connectSocket(host.url);
  await share(browser, socket);
  const hold = store.hold('get', (sid) => sid === browser.sid);
  socket.send('read', {});
  await hold.reached;
  socket.close();
  await host.close();
  process.send({ type: 'closed' });
  process.disconnect();
}

main();
