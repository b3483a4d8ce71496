'use strict';

// docs/benchmarks.md says what bench/results has.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { bars, lines } = require('../bench/chart.js');
const { makeReport } = require('../bench/report.js');
const { readOptions } = require('../bench/run-options.js');
const { scenarios } = require('../bench/scenarios.js');
const { interval } = require('../bench/statistics.js');
const { TABLES } = require('../bench/table.js');

const BENCH = path.join(__dirname, '..', 'bench');
const DOCS = path.join(__dirname, '..', 'docs');

test('the page and its charts are what the results make of them: else `node bench/report.js`', () => {
  const files = makeReport();
  for (const [file, text] of files) assert.equal(fs.readFileSync(path.join(DOCS, file), 'utf8'), text, file);
  const charts = fs.readdirSync(path.join(DOCS, 'charts')).map((name) => `charts/${name}`);
  assert.deepEqual(charts.sort(), [...files.keys()].filter((file) => file !== 'benchmarks.md').sort());
});

test('a bar is as long as its value, and what a chart is called cannot break it', () => {
  const bar = (value) => ({ value, low: value, high: value });
  const svg = bars('a < b', ['bare', 'ours'], [{ label: 'read & write', bars: [bar(50), bar(100)] }]);
  const [half, whole] = [...svg.matchAll(/<rect[^>]* width="([\d.]+)" height="14"/g)].map(([, width]) =>
    Number(width),
  );
  assert.equal(half * 2, whole);
  assert.match(svg, /<title>a &lt; b<\/title>/);
  assert.match(svg, /read &amp; write/);
});

test('a line goes up as its values do, a power of ten at a time', () => {
  const svg = lines('pause', 'sessions', [
    {
      name: 'ours',
      points: [
        [1, 1],
        [10, 10],
        [100, 100],
      ],
    },
  ]);
  const heights = [...svg.matchAll(/cy="([\d.]+)"/g)].map(([, y]) => Number(y));
  assert.equal(heights.length, 3);
  assert.ok(Math.abs(heights[0] - heights[1] - (heights[1] - heights[2])) < 0.01, heights.join());
  assert.ok(heights[0] > heights[2]);
});

test('the interval of a median leaves out as many values as the table of the sign test says for 95 %', () => {
  const upTo = (count) => Array.from({ length: count }, (_, index) => index + 1).reverse();
  const table = { 1: [1, 1], 5: [1, 5], 6: [1, 6], 9: [2, 8], 20: [6, 15], 21: [6, 16], 40: [14, 27] };
  for (const [count, places] of Object.entries(table)) {
    assert.deepEqual(interval(upTo(Number(count))), places, count);
  }
});

test('a goal is met or missed when nearly all rounds say so, by what each was of its neighbour, else not settled', () => {
  const [, events] = TABLES.events;
  const verdict = (multiples) => {
    // The machine gets slower and slower, and both with it.
    const bare = multiples.map((_, round) => ({ cpu: 10 * (round + 1) }));
    const ours = bare.map(({ cpu }, round) => ({ cpu: cpu * multiples[round] }));
    const rivals = {
      bare: { cpu: 10, rounds: bare },
      ours: { cpu: 10, rounds: ours },
      'ours-path': { cpu: 10, rounds: ours },
    };
    const goals = [{ most: 1.1, of: ['bare'], only: ['ours'] }];
    return events([{ name: 'one', goals, rivals }])
      .split('\n')
      .at(-1);
  };
  assert.match(
    verdict([1, 1.02, 1.04, 1.05, 1.06, 1.08]),
    / {2}ours 1\.04 \(1\.00–1\.08\) × bare, ≤ 1\.1: met$/,
  );
  assert.match(verdict([1.2, 1.2, 1.3, 1.3, 1.4, 1.4]), /: missed$/);
  assert.match(verdict([1, 1, 1, 1, 1, 1.2]), /: not settled$/);
});

function run(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(BENCH, 'run.js'), ...args], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

test('--help prints each option that bench/README.md has, and measures nothing', () => {
  const { status, stdout, stderr } = run('--help');
  assert.deepEqual([status, stderr], [0, '']);
  const readme = fs.readFileSync(path.join(BENCH, 'README.md'), 'utf8');
  const table = readme.slice(readme.indexOf('## `run.js`'), readme.indexOf('### What is measured'));
  const documented = [...table.matchAll(/`(--[a-z-]+)`/g)].map(([, option]) => option);
  const printed = [...stdout.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option]) => option);
  assert.deepEqual(new Set(printed), new Set([...documented, '--help']));
});

test('--only chooses by name, and one that fits no scenario is an error that says so', () => {
  const { chosen } = readOptions(['--only', 'share/redis']);
  assert.deepEqual(
    chosen,
    scenarios.filter(({ name }) => name.startsWith('share/Redis')),
  );
  assert.throws(() => readOptions(['--only', 'rediss']), {
    name: 'TypeError',
    message: /--only fits no scenario: rediss\. There are:\n {2}\w+/,
  });
  assert.throws(() => readOptions(['--only', '(']), { name: 'TypeError', message: /regular expression/ });
  const { status, stdout, stderr } = run('--only', 'rediss');
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /^--only fits no scenario: rediss/);
});
