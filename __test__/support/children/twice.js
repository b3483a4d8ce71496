'use strict';

// The package more than once in one process: from a copy of its files, and again from its own files with the cache emptied.
// Each has an app with a session store, and a socket that writes.

const fs = require('node:fs');
const path = require('node:path');
const { basicApp } = require('../basic-app.js');
const { HttpClient } = require('../http-client.js');
const { connectSocket, share } = require('../socket-client.js');
const { express, socketIoServer } = require('../versions.js');
const { startHost } = require('../zappa-host.js');
const { until } = require('../wait.js');

const ROOT = path.join(__dirname, '..', '..', '..');
const { folder } = JSON.parse(process.argv[2]);

function copied() {
  for (const name of fs.readdirSync(ROOT)) {
    if (/^(index|native)\.js$|\.node$|^lib$|^package\.json$/.test(name)) {
      fs.cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
    }
  }
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'), 'junction');
  return require(folder);
}

function again() {
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(ROOT) && !file.includes('node_modules')) delete require.cache[file];
  }
  return require(ROOT);
}

async function main() {
  const first = require(ROOT);
  const parts = { express: express(5), socketio: socketIoServer(4), app: basicApp };
  const subjects = [first, copied(), again()];
  const hosts = await Promise.all(
    subjects.map((ioSession) => startHost({ ...parts, ioSession, store: new ioSession.EmbeddedStore() })),
  );
  const users = await Promise.all(
    hosts.map(async (host, n) => {
      const browser = new HttpClient(host.url);
      await browser.request('/login');
      const socket = await connectSocket(host.ioUrl);
      await share(browser, socket);
      await socket.ask('write', { n });
      await until(async () => (await browser.json('/read')).body.session.n === n);
      socket.close();
      await host.close();
      return n;
    }),
  );
  const named = new first.EmbeddedStore({ name: 'shared' });
  await named.set('sid', { cookie: {} });
  const [, , reloaded] = subjects;
  process.send({
    type: 'done',
    served: users,
    distinct: new Set(subjects).size,
    shared: (await new reloaded.EmbeddedStore({ name: 'shared' }).get('sid')) !== undefined,
  });
  process.disconnect();
}

main();
