'use strict';

// `node bench/report.js`: writes docs/benchmarks.md, and its charts, from results/*.json and from nothing else.

const fs = require('node:fs');
const path = require('node:path');
const { bars, lines } = require('./chart.js');
const { TABLES } = require('./table.js');

const RESULTS = path.join(__dirname, 'results');
const DOCS = path.join(__dirname, '..', 'docs');

const STORE_COLUMNS = {
  pause: 'full GC, ms',
  collecting: 'GC in a mixed load, µs per operation',
  mixed: 'mixed load, µs per operation',
  get: 'get and parse, µs',
  set: 'set, µs',
  touch: 'touch, µs',
  rss: 'resident set, MiB',
};

// As the formatter would have it.
function table(heads, rows) {
  const widths = heads.map((head, column) =>
    Math.max(3, head.length, ...rows.map((row) => row[column].length)),
  );
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [heads, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n');
}

const chartFile = (name) => `charts/${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`;

// What the numbers were taken on, and with.
function origin({ date, command, node, machine = {}, versions = {}, settings }) {
  const known = (words, value) => (value === undefined ? [] : [`${words}${value}`]);
  const lists = [
    [
      date.slice(0, 10),
      `Node.js ${node}`,
      ...Object.entries(versions).map(([name, version]) => `${name} ${version}`),
    ],
    [
      ...known('', machine.platform),
      ...known('', machine.cpu),
      ...known('cores: ', machine.cores),
      ...known('memory: ', machine.memory),
      ...known('load before: ', machine.loadBefore?.toFixed(1)),
      ...known('after: ', machine.loadAfter?.toFixed(1)),
      ...known('rounds: ', settings?.rounds),
      ...known('events in a round: ', settings?.events),
    ],
  ];
  return `${lists.map((words) => words.join(', ')).join('. ')}.\n\n\`\`\`\n${command}\n\`\`\``;
}

// One chart for each store, size and crowd.
function eventCharts(name, rows, charts) {
  const groupOf = ({ store, size, sockets }) =>
    `${store}, ${size} of session${sockets === undefined ? '' : `, ${sockets} sockets`}`;
  return [...new Set(rows.map(groupOf))].map((group) => {
    const own = rows.filter((row) => groupOf(row) === group);
    const rivals = Object.keys(own[0].rivals);
    const title = `Server CPU per event in µs: ${group}`;
    const chart = bars(
      title,
      rivals,
      own.map(({ event, rivals: taken }) => ({
        label: event,
        bars: rivals.map((rival) => {
          if (!taken[rival]) return undefined;
          const costs = taken[rival].rounds.map(({ cpu }) => cpu);
          return { value: taken[rival].cpu, low: Math.min(...costs), high: Math.max(...costs) };
        }),
      })),
    );
    const file = chartFile(`${name} ${group}`);
    charts.set(file, chart);
    return `![${title}](${file})`;
  });
}

function measuredSection(name, results, charts) {
  const kinds = Object.keys(TABLES).filter((kind) => results[kind]?.length > 0);
  return kinds
    .flatMap((kind, position) => {
      const rows = results[kind];
      const [title, draw] = TABLES[kind];
      const stores = [...new Set(rows.map(({ store }) => store))].join(' and ');
      const drawn = ['events', 'share', 'zappa'].includes(kind)
        ? eventCharts(name === kind ? kind : `${name} ${kind}`, rows, charts)
        : [];
      return [
        `## ${title}, ${stores}`,
        ...(position === 0 ? [origin(results)] : []),
        draw(rows, table),
        ...drawn,
      ];
    })
    .join('\n\n');
}

function storeSection(results, charts) {
  const rows = results.rows.filter(({ failed }) => !failed);
  const heads = ['sessions', 'store', ...Object.values(STORE_COLUMNS)];
  const cells = rows.map(({ count, rival, ...row }) => [
    count.toLocaleString('en'),
    rival,
    ...Object.keys(STORE_COLUMNS).map((name) => row[name]?.toFixed(name === 'rss' ? 0 : 2) ?? '–'),
  ]);
  const rivals = [...new Set(rows.map(({ rival }) => rival))];
  const series = rivals.map((name) => ({
    name,
    points: rows.filter(({ rival }) => rival === name).map(({ count, pause }) => [count, pause]),
  }));
  const title = 'How long a full garbage collection stops the process, in ms';
  const file = chartFile('pause');
  charts.set(file, lines(title, `sessions of ${rows[0].bytes} bytes`, series));
  return `## Session stores\n\n${origin(results)}\n\n${table(heads, cells)}\n\n![${title}](${file})`;
}

/** The page and its charts: what each file in docs/ has. @returns {Map<string, string>} */
function makeReport() {
  const names = fs.readdirSync(RESULTS).filter((name) => name.endsWith('.json'));
  const all = names.sort().map((name) => ({
    name: path.basename(name, '.json'),
    results: JSON.parse(fs.readFileSync(path.join(RESULTS, name), 'utf8')),
  }));
  const files = new Map();
  const page = [
    '# Benchmarks',
    'Written by `node bench/report.js` from [bench/results](../bench/results). [bench/README.md](../bench/README.md) says what is measured, and how to read it. The bars are medians, the thin lines reach from the lowest round to the highest.',
    ...all.map(({ name, results }) =>
      results.rows ? storeSection(results, files) : measuredSection(name, results, files),
    ),
  ];
  return files.set('benchmarks.md', `${page.join('\n\n')}\n`);
}

function writeReport() {
  fs.rmSync(path.join(DOCS, 'charts'), { recursive: true, force: true });
  fs.mkdirSync(path.join(DOCS, 'charts'));
  for (const [file, text] of makeReport()) fs.writeFileSync(path.join(DOCS, file), text);
}

if (require.main === module) writeReport();

module.exports = { makeReport, writeReport };
