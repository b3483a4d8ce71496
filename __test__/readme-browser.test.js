'use strict';

// The pieces of code on the pages of the documentation that are for a browser, in a real Chromium.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { startChromium } = require('./support/chromium.js');
const { LIMIT } = require('./support/limit.js');
const { pieces, readPage } = require('./support/page.js');
const { makeFolder, startProgram } = require('./support/program.js');
const { until } = require('./support/wait.js');

const README = pieces(readPage('README.md'));
const APP = README.find(({ mark }) => mark === 'app').code;
const PAGE = README.find(({ language }) => language === 'html').code;

// The README's app, with a page.
async function open(t, html) {
  const folder = makeFolder(t, 'readme', ['io-session', 'express', 'express-session', 'socket.io']);
  fs.writeFileSync(path.join(folder, 'app.js'), APP);
  fs.writeFileSync(path.join(folder, 'index.html'), html);
  const program = await startProgram(t, folder, 'app.js', { PORT: '0' });
  const browser = await startChromium(t);
  const faults = [];
  const tab = async () => {
    const page = await browser.newPage();
    page.on('pageerror', (error) => faults.push(error.message));
    await page.goto(program.url);
    return page;
  };
  return { program, faults, tab };
}

const shows = (page, name) =>
  until(async () => (await page.textContent('output')) === name, `the page shows ${name}`);

test('README.md: the app and its page do what they say', LIMIT, async (t) => {
  const { program, faults, tab } = await open(t, PAGE);
  const first = await tab();
  await shows(first, 'nobody');
  await first.click('button');
  await first.click('a');
  await shows(first, 'Ann');
  await first.click('button');
  await shows(first, 'Bob');
  await shows(await tab(), 'Bob');
  await first.reload();
  await shows(first, 'Bob');
  assert.deepEqual(faults, []);
  assert.equal(program.stderr, '');
});

for (const { code, line } of pieces(readPage('docs', 'share-session.md')).filter(
  ({ language, code }) => language === 'js' && /^import /m.test(code),
)) {
  test(`docs/share-session.md, line ${line}: its socket is bound as it connects`, LIMIT, async (t) => {
    const { faults, tab } = await open(
      t,
      `<output></output>
<script src="/socket.io/socket.io.js"></script>
<script type="module">
${code}
socket.emit('whoami', (name) => (document.querySelector('output').textContent = name));
</script>`,
    );
    const page = await tab();
    await shows(page, 'nobody');
    await page.goto(new URL('/login', page.url()).href);
    await shows(page, 'Ann');
    assert.deepEqual(faults, []);
  });
}
