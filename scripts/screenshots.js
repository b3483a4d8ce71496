'use strict';

// `npm run screenshots`: the pictures of the demo in docs/images, as a headless Chromium sees it.

const path = require('node:path');
const { startServer } = require('../demo/server');
const { startChromium } = require('../__test__/support/chromium');
const { ROOT } = require('./step');

const SHOTS = [
  { name: 'demo', colorScheme: /** @type {const} */ ('light'), width: 1000, height: 990 },
  { name: 'demo-dark', colorScheme: /** @type {const} */ ('dark'), width: 1000, height: 990 },
  { name: 'demo-phone', colorScheme: /** @type {const} */ ('light'), width: 390, height: 844 },
];

/**
 * Brings the page to where there is something to see, and takes its picture.
 *
 * @param {string} url
 * @param {typeof SHOTS[number]} shot
 */
async function take(url, { name, colorScheme, width, height }) {
  /** @type {(() => Promise<void>)[]} */
  const ends = [];
  const browser = await startChromium(
    { after: (end) => void ends.push(end) },
    { colorScheme, viewport: { width, height } },
  );
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.locator('.bridge[data-bound]').waitFor();
    await page.click('#login button');
    await page.locator('#socket:text("Ada")').waitFor();
    const second = await browser.newPage();
    await second.goto(url);
    await second.locator('#socket:text("Ada")').waitFor();
    await page.bringToFront();
    await page.click('#rename button');
    await page.locator('#http:text("Grace")').waitFor();
    await page.click('#race');
    await page.locator('#kept:text("48 of 48")').waitFor();
    // A chart with something in it.
    await page.locator('#median:text-matches("last (4[5-9]|[56].)$")').waitFor();
    await page.locator('#tabs:text("2")').waitFor();
    await page.mouse.move(0, 0);
    await page.evaluate(() => /** @type {any} */ (globalThis).scrollTo(0, 0));
    await page.screenshot({ path: path.join(ROOT, 'docs', 'images', `${name}.png`) });
  } finally {
    for (const end of ends) await end();
  }
}

async function main() {
  const server = await startServer({ port: 0 });
  try {
    for (const shot of SHOTS) {
      await take(server.pages, shot);
      console.log(`docs/images/${shot.name}.png`);
    }
  } finally {
    await server.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
