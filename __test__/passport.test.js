'use strict';

// The app of docs/passport.md, driven: Passport's logins and logouts by HTTP and by sockets.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { shareSession } = require('io-session/client');
const { HttpClient } = require('./support/http-client.js');
const { fetchOf } = require('./support/client-page.js');
const { LIMIT } = require('./support/limit.js');
const { pieces, readPage } = require('./support/page.js');
const { makeFolder, startProgram } = require('./support/program.js');
const { socketIoClient } = require('./support/versions.js');
const { until } = require('./support/wait.js');

const PACKAGES = ['io-session', 'express', 'express-session', 'socket.io', 'passport', 'passport-local'];
const ANN = { username: 'ann', password: 'not a secret' };

async function start(t) {
  const { code } = pieces(readPage('docs', 'passport.md')).find(({ mark }) => mark === 'app');
  const folder = makeFolder(t, 'passport', PACKAGES);
  fs.writeFileSync(path.join(folder, 'app.js'), code);
  const { url } = await startProgram(t, folder, 'app.js', { PORT: '0' });
  return url;
}

// A visitor's browser: its cookies, and tabs whose sockets share the session as the client's module does it.
function visit(t, url) {
  const http = new HttpClient(url);
  const post = async (path, body = {}) => {
    const answer = await fetch(url + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        cookie: http.cookie,
      },
      body: JSON.stringify(body),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      http.cookies.set(name, value);
    }
    return { status: answer.status, body: await answer.json().catch(() => undefined) };
  };
  const tab = async () => {
    const socket = socketIoClient(4)(url, { transports: ['websocket'], forceNew: true });
    t.after(() => socket.close());
    const ended = [];
    socket.on('session:end', ({ reason }) => ended.push(reason));
    let binds = 0;
    await shareSession(socket, {
      url,
      fetch: fetchOf(http),
      onBind: () => {
        binds += 1;
      },
    });
    return {
      ended,
      ask: (...args) => new Promise((resolve) => socket.emit(...args, resolve)),
      boundAgain: (count) => until(() => binds === count, `the socket has been bound ${count} times`),
    };
  };
  return { post, tab, me: async () => (await http.json('/me')).body };
}

test('a login by HTTP: its sockets have the user, and what keepSessionInfo has kept', LIMIT, async (t) => {
  const { post, tab, me } = visit(t, await start(t));
  await post('/cart', { apples: 2 });
  const tabs = [await tab(), await tab()];
  assert.deepEqual(await tabs[0].ask('whoami'), { cart: { apples: 2 } });

  assert.deepEqual(await post('/login', ANN), { status: 200, body: { name: 'Ann' } });
  assert.deepEqual(await me(), { name: 'Ann', cart: { apples: 2 } });
  for (const { ask, boundAgain, ended } of tabs) {
    await boundAgain(2);
    assert.deepEqual(ended, ['regenerate']);
    assert.deepEqual(await ask('whoami'), { name: 'Ann', cart: { apples: 2 } });
  }
});

test('a wrong password changes nothing', LIMIT, async (t) => {
  const { post, tab, me } = visit(t, await start(t));
  const { ask, ended } = await tab();
  assert.equal((await post('/login', { ...ANN, password: 'wrong' })).status, 401);
  assert.deepEqual(await me(), {});
  assert.deepEqual(await ask('whoami'), {});
  assert.deepEqual(ended, []);
});

for (const [where, logOut] of [
  ['HTTP', ({ post }) => post('/logout')],
  ['a socket', ({ ask }) => ask('logout')],
]) {
  test(`a logout by ${where}: no socket of the session has the user any more`, LIMIT, async (t) => {
    const { post, tab, me } = visit(t, await start(t));
    await post('/login', ANN);
    const tabs = [await tab(), await tab()];
    assert.equal((await tabs[0].ask('whoami')).name, 'Ann');
    const stranger = await visit(t, await start(t)).tab();

    await logOut({ post, ask: tabs[0].ask });
    for (const { ask, boundAgain } of tabs) {
      assert.deepEqual(await ask('whoami'), {});
      await boundAgain(2);
      assert.deepEqual(await ask('whoami'), {});
    }
    assert.deepEqual(await me(), {});
    assert.deepEqual(stranger.ended, []);
  });
}

test('one user of two browsers logs out at one of them', LIMIT, async (t) => {
  const url = await start(t);
  const [here, there] = [visit(t, url), visit(t, url)];
  for (const { post } of [here, there]) await post('/login', ANN);
  const tab = await there.tab();
  await here.post('/logout');
  assert.equal((await tab.ask('whoami')).name, 'Ann');
  assert.deepEqual(tab.ended, []);
});

test(
  'a login that a socket begins and HTTP ends: the socket is bound to the new session',
  LIMIT,
  async (t) => {
    const { post, tab, me } = visit(t, await start(t));
    await post('/cart', { pears: 1 });
    const { ask, boundAgain } = await tab();
    assert.deepEqual(await ask('login', 'ann', 'wrong'), { error: 'No.' });
    const { ticket } = await ask('login', 'ann', 'not a secret');
    assert.deepEqual((await post('/ticket', { ticket })).body, { name: 'Ann' });
    await boundAgain(2);
    assert.deepEqual(await ask('whoami'), { name: 'Ann', cart: { pears: 1 } });
    assert.equal((await me()).name, 'Ann');
    assert.equal((await post('/ticket', { ticket })).status, 403);
  },
);
