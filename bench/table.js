'use strict';

// The results as text: one table for each kind of measurement, for a terminal or as `rendered` draws it.

const YARDSTICK = 'straight-port';

function render(heads, rows) {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column].length)));
  const line = (cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd();
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function eventsTable(results, rivals, rendered = render) {
  const heads = [
    'store',
    'session',
    'event',
    ...rivals.map((rival) => `${rival} µs (min–max)`),
    'ours × port',
    'target',
    '',
  ];
  const rows = results.map(({ store, size, event, target, rivals: taken }) => {
    const costs = rivals.map((rival) => {
      const rounds = taken[rival].rounds.map(({ cpu }) => cpu);
      return `${taken[rival].cpu.toFixed(1)} (${Math.min(...rounds).toFixed(1)}–${Math.max(...rounds).toFixed(1)})`;
    });
    const ratio = taken.ours && taken[YARDSTICK] ? taken.ours.cpu / taken[YARDSTICK].cpu : undefined;
    const verdict = ratio === undefined ? '' : ratio <= target ? 'met' : 'missed';
    return [store, size, event, ...costs, ratio?.toFixed(2) ?? '–', `≤ ${target.toFixed(1)}`, verdict];
  });
  return rendered(heads, rows);
}

function countText({ calls, commands }) {
  const text = (counts) =>
    Object.entries(counts)
      .map(([name, number]) => `${Number(number.toFixed(2))} ${name}`)
      .join(' + ') || 'none';
  return Object.keys(commands).length === 0 ? text(calls) : `${text(calls)} [${text(commands)}]`;
}

function callsTable(results, rivals, rendered = render) {
  const heads = ['store', 'calls for', ...rivals];
  const parts = ['firstHandshake', 'repeatedHandshake', 'read', 'write', 'ignore'];
  const rows = results.flatMap(({ store, rivals: taken }) =>
    parts.map((part) => [
      store,
      part,
      ...rivals.map((rival) => (taken[rival][part] ? countText(taken[rival][part]) : '–')),
    ]),
  );
  return rendered(heads, rows);
}

function footprintTable(results, rivals, rendered = render) {
  const heads = ['store', 'bytes per socket', ...rivals];
  const rows = results.flatMap(({ store, rivals: taken }) =>
    ['heapUsed', 'external', 'rss'].map((part) => [
      store,
      part,
      ...rivals.map((rival) => String(taken[rival][part])),
    ]),
  );
  return rendered(heads, rows);
}

module.exports = { eventsTable, callsTable, footprintTable };
