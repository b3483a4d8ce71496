'use strict';

// The life of one session, told over two servers that share nothing but a session store.

const assert = require('node:assert/strict');
const { Browser, shorten } = require('./wire');

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** @typedef {Awaited<ReturnType<typeof import('./host').startHost>>} Host */
/** @typedef {import('./wire').Socket} Socket */

/**
 * @param {import('express-session').Store | undefined} store
 * @param {string} id
 */
function stored(store, id) {
  return new Promise((resolve, reject) => {
    assert.ok(store);
    store.get(id, (error, session) => (error ? reject(error) : resolve(session ?? null)));
  });
}

/** The session id inside a signed cookie. @param {string | undefined} cookie */
const sessionId = (cookie) =>
  decodeURIComponent(cookie ?? '')
    .replace(/^.*?=s:/, '')
    .replace(/\..*$/, '');

/**
 * Tells the story; the first step that is not as it should be ends it.
 *
 * @param {Host} host
 */
async function tellStory(host) {
  const { context } = host;
  const browser = new Browser(host);
  /** @type {Socket} */
  let tab;
  let key = '';
  let id = '';
  let count = 0;

  /** @param {string} title @param {() => Promise<string>} body which says in the end what it has shown */
  const step = async (title, body) => {
    count += 1;
    console.log(`\n${String(count).padStart(2)}. ${title}`);
    console.log(`   ✓ ${shorten(await body())}`);
  };

  /** What `zappajs-client` does at every connection. @param {Socket} socket */
  const handshake = async (socket) => {
    const { json } = await browser.request('GET', `/zappa/socket/__local/${socket.id}`);
    assert.deepEqual(await browser.emit(socket, '__zappa_key', { key: json.key }), { key: json.key });
    return json.key;
  };

  try {
    await step('visit', async () => {
      const { status, setCookie } = await browser.request('GET', '/me');
      assert.equal(status, 200);
      assert.ok(setCookie);
      id = sessionId(browser.cookie);
      return `the browser has a session cookie of ${new URL(host.pages).host}`;
    });

    await step('log in', async () => {
      const { json } = await browser.request('POST', '/login', { name: 'Ada' });
      assert.deepEqual(json, { name: 'Ada' });
      return 'the session holds a name';
    });

    await step('a socket on another server', async () => {
      tab = await browser.openTab();
      const [server] = await context.io.fetchSockets();
      assert.equal(server.handshake.headers.cookie, undefined);
      assert.deepEqual(await browser.emit(tab, 'whoami'), { name: null });
      return 'no cookie came with it: a stranger';
    });

    await step('key', async () => {
      const { status, json } = await browser.request('GET', `/zappa/socket/__local/${tab.id}`);
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(json), ['key']);
      assert.match(json.key, UUID_V4);
      assert.equal((await stored(context.session_store, json.key)).id, id);
      key = json.key;
      return 'over HTTP, with the cookie, the browser got a key that tells nothing of the session id';
    });

    await step('bind', async () => {
      assert.deepEqual(await browser.emit(tab, '__zappa_key', { key }), { key });
      return 'the socket presented the key: it belongs to the session now';
    });

    await step('a handler reads the HTTP session', async () => {
      assert.deepEqual(await browser.emit(tab, 'whoami'), { name: 'Ada' });
      return 'the name from the log-in';
    });

    await step('a handler writes', async () => {
      assert.deepEqual(await browser.emit(tab, 'rename', { name: 'Grace' }), { name: 'Grace' });
      return 'nothing but `session.name = …`; it is saved when the handler is done';
    });

    await step('HTTP sees it', async () => {
      const { json } = await browser.request('GET', '/me');
      assert.deepEqual(json, { name: 'Grace', visits: 2 });
      return "the socket's write, and the visits that HTTP counts";
    });

    await step('reconnect', async () => {
      const before = tab.id;
      await browser.reconnect(tab);
      assert.notEqual(tab.id, before);
      assert.deepEqual(await browser.emit(tab, 'whoami'), { name: null });
      assert.equal(await handshake(tab), key);
      assert.deepEqual(await browser.emit(tab, 'whoami'), { name: 'Grace' });
      return `a new socket id, the same key ${key}, bound again`;
    });

    await step('HTTP speaks to the socket', async () => {
      const notice = browser.hear(tab, 'notice');
      await browser.request('POST', '/login', { name: 'Grace' });
      assert.equal(await notice, 'HTTP: hello, Grace');
      return 'the newest socket of the session heard it';
    });

    await step('second tab', async () => {
      const second = await browser.openTab();
      assert.equal(await handshake(second), key);
      await browser.emit(second, 'rename', { name: 'Barbara' });
      assert.deepEqual(await browser.emit(tab, 'whoami'), { name: 'Barbara' });
      return 'one key, one session, two sockets: what one writes the other reads';
    });

    await step('log out', async () => {
      await browser.request('POST', '/logout');
      assert.equal(await stored(context.session_store, id), null);
      return 'the session is gone from the store';
    });

    await step('the sockets are strangers again', async () => {
      for (const socket of browser.tabs) {
        assert.deepEqual(await browser.emit(socket, 'whoami'), { name: null });
        assert.deepEqual(await browser.emit(socket, 'rename', { name: 'Eve' }), { error: 'Who are you?' });
      }
      assert.deepEqual(await browser.emit(tab, '__zappa_key', { key }), { error: 'Missing data' });
      assert.equal(await stored(context.session_store, id), null);
      return 'the old key is worth nothing, and no event brought the session back';
    });

    console.log(`\nAll ${count} steps are as they should be.`);
  } finally {
    browser.close();
  }
}

module.exports = { tellStory };
