'use strict';

// examples/, each started by its own `npm start` command, in a real Chromium: what a person sees. The cluster is behind a
// real nginx, with a real redis-server.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { startChromium } = require('./support/chromium.js');
const { startExample } = require('./support/example.js');
const { freePort } = require('./support/free-port.js');
const { LIMIT } = require('./support/limit.js');
const { until } = require('./support/wait.js');

async function open(t, env, name) {
  const example = await startExample(t, name, env);
  const browser = await startChromium(t);
  const faults = [];
  const tab = async () => {
    const page = await browser.newPage();
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(example.url);
    return page;
  };
  return { browser, example, faults, tab };
}

const read = (tab, id) => tab.locator(`#${id}`).textContent();

// What HTTP and the socket say, in every tab.
async function show(tabs, name) {
  let seen;
  const same = async () => {
    seen = await Promise.all(tabs.map((tab) => Promise.all([read(tab, 'http'), read(tab, 'socket')])));
    return seen.flat().every((text) => text === name);
  };
  await until(same, `the tabs show ${name}`).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(seen)}`);
  });
}

async function enter(tab, form, name) {
  await tab.fill(`#${form} input`, name);
  await tab.click(`#${form} button`);
}

// The life of a session, as every example has it.
async function live({ faults, tab }) {
  const first = await tab();
  await show([first], 'nobody');

  await enter(first, 'login', 'Ada');
  await show([first], 'Ada');

  const second = await tab();
  await show([first, second], 'Ada');

  await enter(second, 'rename', 'Grace');
  await show([first, second], 'Grace');

  await second.click('#logout');
  await show([first, second], 'nobody');

  await enter(first, 'rename', 'Eve');
  await until(async () => (await read(first, 'error')) === 'Log in first.', 'a stranger is refused');
  await first.reload();
  await show([first, second], 'nobody');
  assert.equal(await read(second, 'error'), '');
  assert.deepEqual(faults, []);
}

test('one-port: log in, rename over the socket, a second tab, log out', LIMIT, async (t) => {
  const one = await open(t, { PORT: '0' }, 'one-port');
  await live(one);
  assert.equal(one.example.stderr, '');
});

for (const name of ['server-rendered', 'plain-http', 'koa']) {
  test(`${name}: the same`, LIMIT, async (t) => {
    const one = await open(t, { PORT: '0' }, name);
    await live(one);
    assert.equal(one.example.stderr, '');
  });
}

test('two-origins: the same, with sockets to which the browser sends no cookie', LIMIT, async (t) => {
  const port = await freePort();
  const two = await open(t, { PORT: String(await freePort()), SOCKET_PORT: String(port) }, 'two-origins');
  await live(two);
  assert.deepEqual(await two.browser.cookies(`http://127.0.0.1:${port}/`), []);
  const [cookie] = await two.browser.cookies(two.example.url);
  assert.equal(cookie.name, 'connect.sid');
  assert.equal(two.example.stderr, '');
});

test(
  'cluster: behind nginx, logged in by one process, renamed by another, logged out by a third',
  LIMIT,
  async (t) => {
    const cluster = await open(t, { PORT: String(await freePort()) }, 'cluster');
    await live(cluster);

    // nginx gives a socket to the process that has the fewest: sooner or later the other one.
    const first = await cluster.tab();
    await show([first], 'nobody');
    const second = await until(async () => {
      const tab = await cluster.tab();
      await show([tab], 'nobody');
      return (await read(tab, 'socket-by')) !== (await read(first, 'socket-by')) && tab;
    }, 'a tab has its socket in the other process');
    await enter(first, 'login', 'Ada');
    await show([first, second], 'Ada');

    // nginx takes turns: the logout shall be answered by the process that did not answer the login. Other tabs ask in between.
    const by = async (tab) => (await tab.evaluate(() => fetch('/me').then((answer) => answer.json()))).by;
    const answered = (tab, route) => tab.waitForResponse((response) => response.url().endsWith(route));
    const processOf = async (response) => (await (await response).json()).by;

    await until(async () => {
      const login = processOf(answered(first, '/login'));
      await enter(first, 'login', 'Lin');
      await show([first, second], 'Lin');
      await until(async () => (await by(second)) === (await login), 'it is the turn of the other');
      const logout = processOf(answered(second, '/logout'));
      await second.click('#logout');
      await show([first, second], 'nobody');
      return (await logout) !== (await login);
    }, 'another process has answered the logout');

    // A Socket.IO process dies: nginx takes its sockets to the other one, where they are bound again.
    await enter(first, 'login', 'Ada');
    await show([first, second], 'Ada');
    const dying = (await read(first, 'socket-by')).slice(1, -1);
    const pid = Number(new RegExp(`${dying}  process (\\d+)`).exec(cluster.example.stdout)[1]);
    process.kill(pid, 'SIGKILL');
    const living = dying === 'live-1' ? '(live-2)' : '(live-1)';
    await until(async () => (await read(first, 'socket-by')) === living, 'the tab has come back');
    await enter(first, 'rename', 'Grace');
    await show([first, second], 'Grace');
  },
);
