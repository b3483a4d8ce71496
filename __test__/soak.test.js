'use strict';

// The short form of `npm run soak:sockets`: it holds for seconds what the long form, by hand, holds for as long as one likes.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const RUN = path.join(__dirname, '..', 'bench', 'soak-sockets', 'run.js');

test('bound sockets under a steady load, logouts and reconnects: nothing grows, fails or is lost', {
  timeout: 120_000,
}, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-soak-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'soak.svg');
  const args = {
    sockets: 600,
    intervals: 6,
    seconds: 2,
    events: 300,
    logouts: 20,
    reconnects: 20,
    chart: file,
  };
  const flags = Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(process.execPath, [RUN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill());
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said += text;
    });
  }
  const [code] = await once(child, 'close');
  assert.equal(code, 0, said);
  assert.match(said, /^holds$/m);

  const rows = [...said.matchAll(/^ +\d+ +(\d+) +(\d+) +(\d+) +[\d.]+ +[\d.]+ +[\d.]+ +\d+$/gm)];
  assert.equal(rows.length, args.intervals, said);
  const total = (column) => rows.reduce((sum, row) => sum + Number(row[column]), 0);
  assert.ok(total(1) > 1000, `${total(1)} events`);
  assert.ok(total(2) > 50, `${total(2)} logouts`);
  assert.ok(total(3) > 50, `${total(3)} reconnects`);
  assert.match(fs.readFileSync(file, 'utf8'), /^<svg .*>median<.*>p99<.*<\/svg>\n$/s);
});
