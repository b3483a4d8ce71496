'use strict';

// `node scripts/platforms/smoke.js`: a smoke test of the addon on the machine that runs it. On an EmbeddedStore in memory, then on
// one with a file: two sockets of one session update it 100 times, the app restarts, and a logout ends the session.
// HTTP is node:http's: under Wine a socket of `fetch` does not connect.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const express = /** @type {typeof import('express')} */ (require('express5'));
const session = require('express-session');
const { Server } = require('socketio4');
const { io: connect } = require('socketio4-client');
const { EmbeddedStore, shareSession } = require('../../index.js');

const UPDATES = 100;
/** When a run that hangs is ended, in ms: an emulator is slow, and does nothing else. */
const DEADLINE = 120_000;

/** An app whose sockets count in their session. @param {EmbeddedStore} store */
async function startApp(store) {
  const sharing = shareSession({ store });
  const app = express();
  app.use(session({ store: sharing.store, secret: 'not a secret', resave: false, saveUninitialized: false }));
  app.use(sharing.express());
  app.get('/login', (req, res) => {
    Object.assign(req.session, { count: 0 });
    res.json('hello');
  });
  app.get('/key', async (req, res) => void res.json(await sharing.key(req.session)));
  app.get('/count', (req, res) => void res.json(countOf(req.session)));
  app.get('/logout', (req, res) => void req.session.destroy(() => res.json('bye')));

  const server = http.createServer(app);
  const io = new Server(server, { serveClient: false });
  io.use(sharing.socket());
  io.on('connection', (/** @type {any} */ socket) => {
    socket.on('add', async (/** @type {(count: number) => void} */ ack) => {
      ack(await socket.session.update((/** @type {any} */ stored) => (stored.count += 1)));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      await io.close();
      sharing.close();
      await store.close();
    },
  };
}

/** @param {any} session */
function countOf({ count = null }) {
  return count;
}

/** A browser: it asks for JSON, and keeps its cookie over restarts of the app. */
function makeBrowser() {
  /** @type {string | undefined} */
  let cookie;
  return async (/** @type {string} */ url) => {
    const request = http.get(url, { agent: false, headers: cookie ? { cookie } : {} });
    const [response] = /** @type {[http.IncomingMessage]} */ (await once(request, 'response'));
    cookie = response.headers['set-cookie']?.[0].split(';')[0] ?? cookie;
    let text = '';
    for await (const part of response.setEncoding('utf8')) text += part;
    return JSON.parse(text);
  };
}

/** A socket of the browser's session. @param {string} url @param {ReturnType<typeof makeBrowser>} browser */
async function openSocket(url, browser) {
  const auth = { key: await browser(`${url}/key`) };
  const socket = connect(url, { auth, forceNew: true, transports: ['websocket'], reconnection: false });
  await new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(undefined));
    socket.once('connect_error', reject);
  });
  return socket;
}

/**
 * The life of a session on a store.
 *
 * @param {() => EmbeddedStore} openStore
 * @param {boolean} lasts whether the store has its sessions after a restart
 */
async function live(openStore, lasts) {
  const browser = makeBrowser();
  let app = await startApp(openStore());
  await browser(`${app.url}/login`);
  let sockets = await Promise.all([openSocket(app.url, browser), openSocket(app.url, browser)]);
  const adding = Array.from({ length: UPDATES }, (_, n) => sockets[n % 2].emitWithAck('add'));
  assert.equal(new Set(await Promise.all(adding)).size, UPDATES, 'each update has its own count');
  assert.equal(await browser(`${app.url}/count`), UPDATES);
  for (const socket of sockets) socket.disconnect();
  await app.close();

  app = await startApp(openStore());
  assert.equal(await browser(`${app.url}/count`), lasts ? UPDATES : null, 'after a restart');
  await browser(`${app.url}/login`);
  sockets = await Promise.all([openSocket(app.url, browser), openSocket(app.url, browser)]);
  assert.equal(await sockets[0].emitWithAck('add'), 1);
  const ends = sockets.map((socket) => once(/** @type {any} */ (socket), 'session:end'));
  await browser(`${app.url}/logout`);
  for (const [end] of await Promise.all(ends)) assert.deepEqual(end, { reason: 'destroy' });
  assert.equal(await browser(`${app.url}/count`), null, 'after the logout');
  for (const socket of sockets) socket.disconnect();
  await app.close();
}

async function main() {
  setTimeout(() => assert.fail(`not done after ${DEADLINE} ms`), DEADLINE).unref();
  console.log(`smoke on ${process.platform} ${process.arch}, ${process.release.name} ${process.version}`);
  await live(() => new EmbeddedStore(), false);
  console.log('ok: in memory');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-smoke-'));
  await live(() => new EmbeddedStore({ path: path.join(folder, 'sessions.redb') }), true);
  fs.rmSync(folder, { recursive: true });
  console.log('ok: with a file');
}

main();
