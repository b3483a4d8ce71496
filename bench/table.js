'use strict';

// The results as text: one table for each kind of measurement, for a terminal or as `rendered` draws it.

const { interval, median } = require('./statistics.js');

function render(heads, rows) {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column].length)));
  const line = (cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd();
  return [line(heads), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

// All rivals of a table, in the order in which they are first seen.
function rivalsOf(results) {
  return [...new Set(results.flatMap(({ rivals }) => Object.keys(rivals)))];
}

// For each goal and each rival of ours: the multiple of the cheapest of those that it is measured against.
function verdicts(goals, rivals, figure, multiple) {
  const ours = Object.keys(rivals).filter((name) => name.startsWith('ours'));
  return goals.flatMap(({ most, of, only = ours }) => {
    const costs = of.filter((name) => rivals[name]).map((name) => [figure(rivals[name]), name]);
    const [least] = costs.sort(([a], [b]) => a - b);
    if (least === undefined) return [];
    return ours
      .filter((name) => only.includes(name))
      .map((name) => {
        const [ratio, low, high] = multiple(rivals[name], rivals[least[1]]);
        const range = low === high ? '' : ` (${low.toFixed(2)}–${high.toFixed(2)})`;
        const verdict = high <= most ? 'met' : low > most ? 'missed' : 'not settled';
        return `${name} ${ratio.toFixed(2)}${range} × ${least[1]}, ≤ ${most}: ${verdict}`;
      });
  });
}

// Round by round, because what else the machine does falls on neighbours: the median of the ratios, and where it lies.
function pairedMultiple(ours, theirs) {
  const ratios = ours.rounds.map(({ cpu }, round) => cpu / theirs.rounds[round].cpu);
  return [median(ratios), ...interval(ratios)];
}

function costText({ cpu, rounds }) {
  const all = rounds.map((round) => round.cpu);
  const fetches = rounds.map(({ fetch }) => fetch).filter((fetch) => fetch !== undefined);
  const fetch = fetches.length === 0 ? '' : `, its key ${Math.min(...fetches).toFixed(0)}+`;
  const woken = rounds.map(({ wakeUps }) => wakeUps).filter((wakeUps) => wakeUps !== undefined);
  const sleeps = woken.length === 0 ? '' : `, woken ${median(woken).toFixed(2)}`;
  return `${cpu.toFixed(1)} (${Math.min(...all).toFixed(1)}–${Math.max(...all).toFixed(1)})${fetch}${sleeps}`;
}

function costTable(results, rendered = render) {
  const rivals = rivalsOf(results);
  const rows = results.map(({ name, goals, rivals: taken }) => [
    name,
    ...rivals.map((rival) => (taken[rival] ? costText(taken[rival]) : '–')),
    verdicts(goals, taken, ({ cpu }) => cpu, pairedMultiple).join('; '),
  ]);
  return rendered(['median (min–max)', ...rivals, 'goals'], rows);
}

function countText({ calls, commands }) {
  const text = (counts) =>
    Object.entries(counts)
      .map(([name, number]) => `${Number(number.toFixed(2))} ${name}`)
      .join(' + ') || 'none';
  return Object.keys(commands).length === 0 ? text(calls) : `${text(calls)} [${text(commands)}]`;
}

function callsTable(results, rendered = render) {
  const rivals = rivalsOf(results);
  const parts = ['firstHandshake', 'repeatedHandshake', 'read', 'write', 'ignore'];
  const rows = results.flatMap(({ name, rivals: taken }) =>
    parts.map((part) => [
      name,
      part,
      ...rivals.map((rival) => (taken[rival][part] ? countText(taken[rival][part]) : '–')),
    ]),
  );
  return rendered(['scenario', 'calls for', ...rivals], rows);
}

function footprintTable(results, rendered = render) {
  const rivals = rivalsOf(results);
  const parts = ['heapUsed', 'external', 'rss', 'process'];
  const verdictsOf = (part, goals, taken) => {
    const multiple = (ours, theirs) => Array(3).fill(ours[part] / theirs[part]);
    return verdicts(goals, taken, (row) => row[part], multiple).join('; ');
  };
  const rows = results.flatMap(({ name, goals, rivals: taken }) =>
    parts.map((part) => [
      name,
      part,
      ...rivals.map((rival) => String(taken[rival]?.[part] ?? '–')),
      part === 'external' ? '' : verdictsOf(part, goals, taken),
    ]),
  );
  return rendered(['bytes per socket', '', ...rivals, 'goals'], rows);
}

const TABLES = {
  share: ['Any app: server CPU per event in µs', costTable],
  connect: ['Any app: server CPU per connection in µs', costTable],
  crowd: ['Any app: memory per socket in bytes', footprintTable],
  events: ['Zappa: server CPU per event in µs', costTable],
  zappa: ["Zappa's own stack: server CPU per event in µs", costTable],
  calls: ['Zappa: store calls [Redis commands] per handshake and per event', callsTable],
  footprint: ['Zappa: memory per bound socket in bytes', footprintTable],
};

module.exports = { TABLES };
