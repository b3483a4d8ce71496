'use strict';

// The page of `npm run demo` in a real Chromium: what a person does there, and sees.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { startServer } = require('../demo/server.js');
const { startChromium } = require('./support/chromium.js');
const { LIMIT } = require('./support/limit.js');
const { until } = require('./support/wait.js');

async function start(t, { life, ...options } = {}) {
  const server = await startServer({ port: 0, life });
  const browser = await startChromium(t, options);
  // After the browser: it has connections open.
  t.after(() => server.close());
  const faults = [];
  const open = async () => {
    const tab = await browser.newPage();
    tab.on('pageerror', (error) => faults.push(error.message));
    tab.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await tab.goto(server.pages);
    await shows(tab, { binding: 'bound by key' });
    return tab;
  };
  return { browser, faults, open, server };
}

const read = (tab, id) => tab.locator(`#${id}`).textContent();
const number = async (tab, id) => Number(await read(tab, id));

async function shows(tab, expected) {
  let seen;
  const same = async () => {
    seen = {};
    for (const id of Object.keys(expected)) seen[id] = await read(tab, id);
    return Object.entries(expected).every(([id, text]) => seen[id].includes(text));
  };
  await until(same, `the page shows ${JSON.stringify(expected)}`).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(seen)}`);
  });
}

test('log in, rename over the socket, a second tab, log out: both tabs see it all', LIMIT, async (t) => {
  const { browser, faults, open, server } = await start(t);
  const first = await open();
  await shows(first, { http: 'a stranger', socket: 'a stranger', cookie: 'no cookie came' });
  assert.ok(await first.locator('#logout').isDisabled());

  await first.click('#login button');
  await shows(first, { http: 'Ada', socket: 'Ada', notice: 'Logged in', binding: 'bound by key', tabs: '1' });

  const [second] = await Promise.all([browser.waitForEvent('page'), first.click('#tab')]);
  await shows(second, { http: 'Ada', socket: 'Ada', tabs: '2' });

  await second.fill('#new-name', 'Hedy');
  await second.click('#rename button');
  for (const tab of [first, second]) await shows(tab, { http: 'Hedy', socket: 'Hedy' });
  await shows(second, { notice: 'Renamed' });

  await first.click('#logout');
  for (const tab of [first, second]) {
    await shows(tab, { http: 'a stranger', socket: 'a stranger', notice: 'every tab has lost the session' });
  }
  await second.click('#rename button');
  await shows(second, { notice: 'Log in first' });

  assert.deepEqual(await browser.cookies(server.sockets), []);
  assert.deepEqual(faults, []);
});

test(
  'a session that nobody touches ends: the seconds are counted, and every tab is told',
  LIMIT,
  async (t) => {
    const { browser, faults, open } = await start(t, { life: 4000 });
    const first = await open();
    await first.click('#login button');
    const [second] = await Promise.all([browser.waitForEvent('page'), first.click('#tab')]);
    for (const tab of [first, second]) await shows(tab, { socket: 'Ada' });
    await shows(second, { left: '2 s' });
    for (const tab of [first, second])
      await shows(tab, { notice: 'expired', http: 'a stranger', socket: 'a stranger' });
    assert.deepEqual(faults, []);
  },
);

test('a second tab is told of a rename without asking', LIMIT, async (t) => {
  const { open } = await start(t);
  const first = await open();
  await first.click('#login button');
  await shows(first, { socket: 'Ada' });
  const second = await open();
  await shows(second, { socket: 'Ada' });
  // No look of its own in between.
  await second.evaluate(() => Object.defineProperty(document, 'hidden', { value: true }));
  await first.fill('#new-name', 'Hedy');
  await first.click('#rename button');
  await shows(second, { socket: 'Hedy', notice: 'Told without asking' });
});

test('48 writes at once are all kept, and looking writes nothing', LIMIT, async (t) => {
  const { faults, open } = await start(t);
  const tab = await open();
  await tab.click('#login button');
  await shows(tab, { socket: 'Ada' });
  await tab.click('#race');
  await shows(tab, { kept: '48 of 48 kept' });
  assert.equal(await tab.locator('#marks').getAttribute('aria-label'), '48 of 48 fields are written');
  assert.equal(await tab.locator('#marks .http').count(), 24);
  assert.equal(await tab.locator('#marks .socket').count(), 24);

  const before = { loads: await number(tab, 'loads'), commits: await number(tab, 'commits') };
  assert.ok(before.commits > 0);
  assert.ok((await number(tab, 'merges')) > 0);
  await until(async () => (await number(tab, 'loads')) >= before.loads + 5, 'the page looks on');
  assert.equal(await number(tab, 'commits'), before.commits);

  await shows(tab, { median: 'median' });
  assert.match(await tab.locator('#chart').getAttribute('aria-label'), /median [\d.]+ ms, p99 [\d.]+ ms/);
  const points = await tab.locator('#chart .line').getAttribute('points');
  assert.ok(points.split(' ').length > 5);
  assert.deepEqual(faults, []);
});

test('the keyboard alone will do, also after the connection was cut', LIMIT, async (t) => {
  const { faults, open } = await start(t);
  const tab = await open();
  const focus = async (id) => {
    for (let presses = 0; presses < 20; presses += 1) {
      if ((await tab.evaluate(() => document.activeElement.id)) === id) return;
      await tab.keyboard.press('Tab');
    }
    assert.fail(`Tab does not lead to #${id}`);
  };
  await focus('login-name');
  await tab.keyboard.type('Katherine');
  await tab.keyboard.press('Enter');
  await shows(tab, { http: 'Katherine', socket: 'Katherine' });
  await focus('reconnect');
  await tab.keyboard.press('Enter');
  await until(
    async () => ((await read(tab, 'log')).match(/connected as socket/g) ?? []).length === 2,
    'it has connected again',
  );
  await shows(tab, { binding: 'bound by key', socket: 'Katherine' });
  await tab.evaluate(() => document.activeElement.blur());
  await focus('logout');
  await tab.keyboard.press('Enter');
  await shows(tab, { http: 'a stranger', socket: 'a stranger' });
  assert.deepEqual(faults, []);
});

for (const colorScheme of ['light', 'dark']) {
  test(`on a phone nothing sticks out, ${colorScheme}`, LIMIT, async (t) => {
    const { open } = await start(t, { colorScheme, viewport: { width: 360, height: 720 } });
    const tab = await open();
    await tab.fill('#login-name', 'A name as long as a name may be at all..');
    await tab.click('#login button');
    await shows(tab, { socket: 'A name as long' });
    const { back, width } = await tab.evaluate(() => ({
      back: getComputedStyle(document.body).backgroundColor,
      width: document.documentElement.scrollWidth,
    }));
    assert.equal(width, 360);
    assert.equal(back, colorScheme === 'dark' ? 'rgb(20, 20, 19)' : 'rgb(244, 243, 239)');
  });
}
