'use strict';

// io-session/client in a real Chromium, on two origins: the page comes from Express on `localhost`, the sockets go to
// `127.0.0.1` on another port, where the browser sends no cookie.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { startChromium } = require('./support/chromium.js');
const { deferred } = require('./support/deferred.js');
const { fixture } = require('./support/fixture.js');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { look, shareApp } = require('./support/share-app.js');
const { until } = require('./support/wait.js');

const ROOT = path.join(__dirname, '..');
const SCRIPTS = {
  '/client.js': () => path.join(ROOT, 'client', 'index.js'),
  '/socket.io.js': (version) => path.join(ROOT, `node_modules/socketio${version}-client/dist/socket.io.js`),
};

// What a person sees: whose session it is, which one, how often it was bound.
const html = (ioUrl) => `<!doctype html>
<output id="user"></output> <output id="session"></output> <output id="binds">0</output> <output id="error"></output>
<button id="login">log in</button> <button id="renew">log in anew</button> <button id="logout">log out</button>
<script src="/socket.io.js" crossorigin></script>
<script type="module">
  import { shareSession } from '/client.js';
  const at = (id) => document.getElementById(id);
  const socket = io('${ioUrl}', { transports: ['websocket'], reconnectionDelay: 1, reconnectionDelayMax: 1 });
  const look = () => new Promise((seen) => socket.emit('read', {}, ({ bound, session }) => {
    at('user').textContent = session?.user ?? 'nobody';
    at('session').textContent = bound ?? 'none';
    seen();
  }));
  const onBind = async () => {
    await look();
    at('binds').textContent = Number(at('binds').textContent) + 1;
  };
  const go = (id, url) => at(id).addEventListener('click', async () => {
    await fetch(url);
    await look();
  });
  go('login', '/login');
  go('renew', '/regenerate');
  go('logout', '/logout');
  try {
    await shareSession(socket, { prefix: '/zappa', onBind, onError: (error) => { at('error').textContent = error.message; } });
  } catch (error) {
    at('error').textContent = error.message;
  }
</script>`;

// A frame without an origin of its own: no cookies, no locks. Its page is inside, since it may load none of ours.
const framed = (page) => `<!doctype html>
<iframe sandbox="allow-scripts" srcdoc="${page.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}"></iframe>`;

// Before the session: the page's own files cost no session and set no cookie.
function files(version, urls) {
  return (req, res, next) => {
    // Only for the frame, whose origin is `null`; no app should do that.
    if (req.headers.origin === 'null') {
      res.set({ 'Access-Control-Allow-Origin': 'null', 'Access-Control-Allow-Credentials': 'true' });
    }
    if (req.path === '/') {
      res.type('html').send(html(urls.io));
    } else if (req.path === '/framed') {
      res
        .type('html')
        .send(
          framed(
            html(urls.io)
              .replaceAll('src="/', `src="${urls.page}/`)
              .replace("'/client.js'", `'${urls.page}/client.js'`)
              .replace('{ prefix:', `{ url: '${urls.page}', prefix:`),
          ),
        );
    } else if (SCRIPTS[req.path]) {
      res.type('text/javascript').send(fs.readFileSync(SCRIPTS[req.path](version), 'utf8'));
    } else {
      next();
    }
  };
}

async function start(t, version) {
  const urls = {};
  const sockets = new Map();
  const cookies = [];
  const f = await fixture(t, {
    socketIoVersion: version,
    splitPorts: true,
    middleware: [files(version, urls)],
    options: { onSessionEnd: ({ socket, reason }) => socket.emit('session:end', reason) },
    app(context) {
      context.io.on('connection', (socket) => {
        cookies.push(socket.handshake.headers.cookie);
        sockets.set(socket.id, socket);
        socket.on('disconnect', () => sockets.delete(socket.id));
      });
    },
  });
  urls.page = f.host.url.replace('127.0.0.1', 'localhost');
  urls.io = f.host.ioUrl;
  const browser = await startChromium(t);
  const faults = [];
  const open = async (where = '/') => {
    const tab = await browser.newPage();
    tab.on('pageerror', (error) => faults.push(error));
    await tab.goto(urls.page + where);
    return tab;
  };
  return { f, urls, sockets, cookies, browser, faults, open };
}

const read = (tab, id) => tab.locator(`#${id}`).textContent();

async function shows(tab, expected) {
  let seen;
  const same = async () => {
    seen = {};
    for (const id of Object.keys(expected)) {
      seen[id] = await read(tab, id);
    }
    return Object.entries(expected).every(([id, text]) => seen[id] === text);
  };
  await until(same, `the page shows ${JSON.stringify(expected)}`).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(seen)}`);
  });
}

for (const version of [2, 4]) {
  test(`what the tabs of a browser show, Socket.IO ${version}`, LIMIT, async (t) => {
    const { f, urls, sockets, cookies, browser, faults, open } = await start(t, version);
    const sid = async () => {
      const all = await browser.cookies(urls.page);
      const { value } = all.find(({ name }) => name === 'connect.sid');
      return /^s:(.*)\.[^.]*$/.exec(decodeURIComponent(value))[1];
    };

    const first = await open();
    await shows(first, { user: 'nobody', binds: '1', error: '' });
    await shows(first, { session: await sid() });

    await first.click('#login');
    await shows(first, { user: 'ann', binds: '1' });

    const second = await open();
    await shows(second, { user: 'ann', binds: '1', session: await sid() });

    // The server closes the connections: both come back by themselves.
    for (const socket of [...sockets.values()]) {
      socket.conn.close();
    }
    await shows(first, { user: 'ann', binds: '2', session: await sid() });
    await shows(second, { user: 'ann', binds: '2', session: await sid() });

    // Both tabs learn of the logout, and are bound to one new session, not to one each.
    const before = await sid();
    await first.click('#logout');
    await shows(first, { user: 'nobody', binds: '3' });
    await shows(second, { user: 'nobody', binds: '3' });
    const stranger = await sid();
    assert.notEqual(stranger, before);
    await shows(first, { session: stranger });
    await shows(second, { session: stranger });
    assert.equal(f.store.read(before), undefined, 'the session is gone for good');

    // A login that changes the session id, as it should: it outlives the handshakes that follow.
    await second.click('#renew');
    await shows(first, { user: 'somebody new', binds: '4' });
    await shows(second, { user: 'somebody new', binds: '4' });
    assert.notEqual(await sid(), stranger);
    await first.reload();
    await shows(first, { user: 'somebody new', binds: '1', session: await sid() });

    assert.equal(await read(second, 'error'), '');
    assert.deepEqual(faults, []);
    // What the whole module is for.
    assert.ok(cookies.length >= 5, `${cookies.length} connections`);
    assert.deepEqual(new Set(cookies), new Set([undefined]));
  });
}

test('tabs that open at the same time, without a session, are given one together', LIMIT, async (t) => {
  const { faults, open } = await start(t, 4);
  const tabs = await Promise.all(Array.from({ length: 4 }, () => open()));
  await Promise.all(tabs.map((tab) => shows(tab, { user: 'nobody', binds: '1' })));
  const sessions = await Promise.all(tabs.map((tab) => read(tab, 'session')));
  assert.equal(new Set(sessions).size, 1, sessions.join(' '));
  assert.deepEqual(faults, []);
});

test('a sandboxed frame, which may not use locks, is bound to a session of its own', LIMIT, async (t) => {
  const { faults, open } = await start(t, 4);
  const tab = await open('/framed');
  await shows(tab.frameLocator('iframe'), { error: '', binds: '1', user: 'nobody' });
  assert.notEqual(await read(tab.frameLocator('iframe'), 'session'), 'none');
  assert.deepEqual(faults, []);
});

// A page on a third origin: the module and the keys come from Express, the messages from Socket.IO.
const guest = (urls) => `<!doctype html>
<output id="arrived"></output> <output id="user"></output> <output id="session"></output>
<output id="binds">0</output> <output id="ended"></output> <output id="error"></output>
<button id="login">log in</button> <button id="logout">log out</button>
<script src="/socket.io.js"></script>
<script type="module">
  import { keyFor, shareSession } from '${urls.express}/io-session/client.js';
  const at = (id) => document.getElementById(id);
  const url = '${urls.express}';
  const socket = io('${urls.io}', {
    transports: ['websocket'], reconnectionDelay: 1, reconnectionDelayMax: 1,
    auth: async (cb) => cb({ key: await keyFor(url) }),
  });
  socket.on('welcome', ({ user }) => { at('arrived').textContent = user ?? 'nobody'; });
  socket.on('session:end', ({ reason }) => { at('ended').textContent = reason; });
  for (const id of ['login', 'logout']) {
    const path = id === 'login' ? '/regenerate' : '/logout';
    at(id).addEventListener('click', () => fetch(url + path, { credentials: 'include', mode: 'no-cors' }));
  }
  const onBind = () => socket.emit('read', ({ id, user }) => {
    at('user').textContent = user ?? 'nobody';
    at('session').textContent = id;
    at('binds').textContent = Number(at('binds').textContent) + 1;
  });
  const onError = (error) => { at('error').textContent = error.message; };
  await shareSession(socket, { url, onBind, onError }).catch(onError);
</script>`;

test('a page on an origin of its own has its session from the first connection', LIMIT, async (t) => {
  const urls = {};
  const pages = http.createServer((req, res) => {
    const script = SCRIPTS[req.url];
    res.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
    res.end(script ? fs.readFileSync(script(4)) : guest(urls));
  });
  t.after(() => closeServer(pages));
  urls.page = (await listen(pages)).replace('127.0.0.1', 'localhost');
  const sockets = new Set();
  // A request for a key that is on its way for as long as somebody holds it.
  let held;
  const f = await shareApp(t, {
    splitPorts: true,
    options: { allowedOrigins: [urls.page] },
    before: [
      (req, _res, next) => {
        if (!held || !req.path.startsWith('/io-session/socket/')) return next();
        const { asked, go } = held;
        held = undefined;
        asked.resolve();
        return go.promise.then(() => next());
      },
    ],
    app({ io }) {
      io.on('connection', (socket) => {
        sockets.add(socket);
        socket.on('disconnect', () => sockets.delete(socket));
        socket.emit('welcome', look(socket));
      });
    },
  });
  urls.express = f.url.replace('127.0.0.1', 'localhost');
  urls.io = f.ioUrl;
  const browser = await startChromium(t);
  const faults = [];
  const open = async () => {
    const tab = await browser.newPage();
    tab.on('pageerror', (error) => faults.push(error));
    await tab.goto(urls.page);
    return tab;
  };
  const sid = async () => {
    const { value } = (await browser.cookies(urls.express)).find(({ name }) => name === 'connect.sid');
    return /^s:(.*)\.[^.]*$/.exec(decodeURIComponent(value))[1];
  };

  const first = await open();
  await shows(first, { arrived: 'nobody', user: 'nobody', binds: '1', error: '' });
  const visitor = await sid();
  await shows(first, { session: visitor });

  await first.click('#login');
  await shows(first, { ended: 'regenerate', user: 'somebody new', binds: '2' });
  assert.notEqual(await sid(), visitor);

  // A second tab is somebody as it arrives, and so is the first when its connection is lost.
  const second = await open();
  await shows(second, { arrived: 'somebody new', user: 'somebody new', session: await sid() });

  // It asks for a key when it has lost its connection, with the cookie that a login of the first is replacing.
  const before = await sid();
  const [asked, go] = [deferred(), deferred()];
  held = { asked, go };
  [...sockets].at(-1).conn.close();
  await asked.promise;
  await first.click('#login');
  await until(async () => (await sid()) !== before, 'the first tab is logged in');
  const renewed = await sid();
  go.resolve();
  await shows(second, { user: 'somebody new', session: renewed, error: '' });
  await shows(first, { user: 'somebody new', session: renewed, error: '' });
  assert.equal(await sid(), renewed);

  for (const socket of [...sockets]) socket.conn.close();
  await shows(first, { arrived: 'somebody new', binds: '4' });
  await shows(second, { arrived: 'somebody new', binds: '3' });

  await second.click('#logout');
  await shows(first, { ended: 'destroy', user: 'nobody', error: '' });
  await shows(second, { ended: 'destroy', user: 'nobody', error: '' });
  await shows(first, { session: await sid() });
  await shows(second, { session: await sid() });
  assert.deepEqual(faults, []);
  for (const { handshake } of sockets) assert.equal(handshake.headers.cookie, undefined);
});

// What another site can have a browser load without asking: none of it says where it comes from by an `Origin`.
const trap = (url) => `<!doctype html>
<img src="${url}/io-session/socket/image"><script src="${url}/io-session/socket/script"></script>
<iframe src="${url}/io-session/socket/frame"></iframe><link rel="stylesheet" href="${url}/io-session/socket/style">
<a href="${url}/io-session/socket/link">a link</a>
<script>fetch('${url}/io-session/socket/fetch', { mode: 'no-cors', credentials: 'include' });</script>`;

test('another site has the browser load the key route in vain, however it does it', LIMIT, async (t) => {
  const answers = new Map();
  const note = (req, res, next) => {
    const [, name] = /^\/io-session\/socket\/(\w+)$/.exec(req.url) ?? [];
    if (name) res.once('finish', () => answers.set(name, res.statusCode));
    next();
  };
  const f = await shareApp(t, { before: [note] });
  const evil = http.createServer((_req, res) => res.setHeader('Content-Type', 'text/html').end(trap(f.url)));
  // Another site than the app's, which is on 127.0.0.1.
  const evilUrl = (await listen(evil)).replace('127.0.0.1', 'localhost');
  t.after(() => closeServer(evil));
  const browser = await startChromium(t);
  const tab = await browser.newPage();
  await tab.goto(`${f.url}/login`);
  const { value } = (await browser.cookies(f.url))[0];
  const sid = /^s:(.*)\.[^.]*$/.exec(decodeURIComponent(value))[1];
  await tab.goto(evilUrl);
  await until(() => answers.size === 5, 'all are answered');
  // This one brings the cookie along, whatever it is set to: `lax` allows for it.
  await tab.click('a');
  await until(() => answers.size === 6, 'the link is answered');
  assert.deepEqual(
    [...answers].sort(),
    ['fetch', 'frame', 'image', 'link', 'script', 'style'].map((name) => [name, 403]),
  );
  assert.equal(f.store.read(sid).__socket, undefined);
  assert.deepEqual(f.store.ids(), [sid]);
  // A person who types it in is the app's own.
  await tab.goto('about:blank');
  await tab.goto(`${f.url}/io-session/socket/typed`);
  assert.equal(answers.get('typed'), 200);
});
