'use strict';

// A real headless Chromium: Debian's, or the one that CHROMIUM names. scripts/test.js leaves out the suites that load
// this file where there is none. scripts/screenshots.js has its browser from here, too.

const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { chromium } = require('playwright-core');

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

// Tests have no network to offer, and nothing of a person's browser.
const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * One browser with a profile of its own: its tabs share their cookies, and nobody else's.
 *
 * @param {{ after: (end: () => Promise<void>) => void }} t
 * @param {import('playwright-core').BrowserContextOptions} [options]
 */
async function startChromium(t, options) {
  const profile = await fs.mkdtemp(path.join(os.tmpdir(), 'io-session-chromium-'));
  const remove = () => fs.rm(profile, { recursive: true, force: true, maxRetries: 5 });
  let browser;
  try {
    browser = await chromium.launchPersistentContext(profile, {
      executablePath: EXECUTABLE,
      headless: true,
      args: ARGS,
      ...options,
    });
  } catch (error) {
    await remove();
    throw error;
  }
  // One hook: node:test runs the first one first.
  t.after(async () => {
    await browser.close();
    await remove();
  });
  return browser;
}

module.exports = { startChromium };
