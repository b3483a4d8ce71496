'use strict';

// Several processes that write one session at once: every increment by an update counts, every field is kept.

const assert = require('node:assert/strict');
const path = require('node:path');
const { startChild } = require('./child.js');
const { HttpClient } = require('./http-client.js');
const { connectSocket, share } = require('./socket-client.js');
const { until } = require('./wait.js');

const HOST = path.join(__dirname, 'children', 'host.js');
const PROCESSES = 4;
const SOCKETS = 4;

// `input`: what children/host.js makes its store from. `kept`: the same store, seen by the test. `rounds`: of each socket.
async function countExactly(t, input, kept, rounds) {
  const children = Array.from({ length: PROCESSES }, () => startChild(t, HOST, input));
  const urls = await Promise.all(children.map(async (child) => (await child.message('ready')).url));
  const browser = new HttpClient(urls[0]);
  await browser.request('/login');
  const sockets = [];
  t.after(() => {
    for (const socket of sockets) socket.close();
  });
  for (const url of urls) {
    for (let n = 0; n < SOCKETS; n += 1) {
      const socket = await connectSocket(url);
      sockets.push(socket);
      await share(browser, socket);
    }
  }
  const seen = [];
  await Promise.all(
    sockets.map(async (socket, number) => {
      for (let round = 0; round < rounds; round += 1) {
        const counted = socket.ask('count', {});
        await socket.ask('mark', { socket: number, round });
        seen.push(await counted);
      }
    }),
  );
  const total = PROCESSES * SOCKETS * rounds;
  const fields = async () => {
    const { marks } = await kept.read(browser.sid);
    return Object.values(marks).reduce((sum, socket) => sum + Object.keys(socket).length, 0);
  };
  await until(async () => (await fields()) === total, `all ${total} fields are kept`).catch(async (error) => {
    error.message += ` (${await fields()} are)`;
    throw error;
  });
  assert.equal((await kept.read(browser.sid)).count, total);
  // Each update has seen what it wrote itself, and no two have written the same.
  assert.equal(new Set(seen).size, total);
}

module.exports = { countExactly };
