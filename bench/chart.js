'use strict';

// Charts as plain SVG, readable on a light and on a dark page.

const WIDTH = 720;
const LEFT = 150;
const RIGHT = 70;
const BAR = 16;
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 14px; font-weight: 600; }
  .grid { stroke: #d0d7de; }
  .range { stroke: #1f2328; }
  .c0 { fill: #8c959f; } .c1 { fill: #bf8700; } .c2 { fill: #0969da; } .c3 { fill: #1a7f37; } .c4 { fill: #cf222e; }
  .l0 { stroke: #8c959f; } .l1 { stroke: #bf8700; } .l2 { stroke: #0969da; } .l3 { stroke: #1a7f37; } .l4 { stroke: #cf222e; }
  polyline { fill: none; stroke-width: 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .grid { stroke: #30363d; }
    .range { stroke: #e6edf3; }
    .c0 { fill: #6e7681; } .c1 { fill: #d29922; } .c2 { fill: #2f81f7; } .c3 { fill: #3fb950; } .c4 { fill: #f85149; }
    .l0 { stroke: #6e7681; } .l1 { stroke: #d29922; } .l2 { stroke: #2f81f7; } .l3 { stroke: #3fb950; } .l4 { stroke: #f85149; }
  }
`;

// One colour for one thing, in every chart.
const COLOURS = ['bare', 'straight-port', 'ours', 'ours-embedded', 'ours-path'];
const SAME = {
  MemoryStore: 'bare',
  memorystore: 'straight-port',
  'ours, path': 'ours-embedded',
  'better-sqlite3': 'ours-path',
};
const colour = (name) => Math.max(COLOURS.indexOf(SAME[name] ?? name), 0);

const escaped = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const text = (x, y, words, more = '') => `<text x="${x}" y="${y}"${more}>${escaped(words)}</text>`;

function svg(height, title, body) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
${text(8, 20, title, ' class="title"')}
${body.join('\n')}
</svg>
`;
}

function legend(names, y) {
  let x = LEFT;
  return names.flatMap((name) => {
    const parts = [
      `<rect class="c${colour(name)}" x="${x}" y="${y - 10}" width="12" height="12"/>`,
      text(x + 17, y, name),
    ];
    x += 34 + name.length * 7;
    return parts;
  });
}

// A round number of steps that reach over the largest value.
function steps(most) {
  const size = 10 ** Math.floor(Math.log10(most));
  const step = [0.2, 0.5, 1, 2].map((factor) => factor * size).find((one) => most / one <= 6) ?? size * 2;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
}

/**
 * Bars from the left, grouped.
 *
 * @param {string} title with the unit
 * @param {string[]} names of the bars in each group
 * @param {{ label: string, bars: ({ value: number, low: number, high: number } | undefined)[] }[]} groups
 */
function bars(title, names, groups) {
  const most = Math.max(...groups.flatMap((group) => group.bars.map((bar) => bar?.high ?? 0)));
  const ticks = steps(most);
  const x = (value) => LEFT + (value / ticks.at(-1)) * (WIDTH - LEFT - RIGHT);
  const body = legend(names, 42);
  let y = 60;
  const bottom = y + groups.length * (names.length * BAR + 14);
  for (const tick of ticks) {
    body.push(`<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${y - 6}" y2="${bottom}"/>`);
    body.push(text(x(tick), bottom + 16, Number(tick.toPrecision(3)), ' text-anchor="middle"'));
  }
  for (const { label, bars: values } of groups) {
    body.push(text(LEFT - 10, y + (values.length * BAR) / 2 + 4, label, ' text-anchor="end"'));
    values.forEach((bar, index) => {
      const top = y + index * BAR;
      if (!bar) return;
      const middle = top + BAR / 2 - 1;
      body.push(
        `<rect class="c${colour(names[index])}" x="${LEFT}" y="${top}" width="${x(bar.value) - LEFT}" height="${BAR - 2}"/>`,
      );
      body.push(`<line class="range" x1="${x(bar.low)}" x2="${x(bar.high)}" y1="${middle}" y2="${middle}"/>`);
      body.push(text(x(bar.high) + 6, middle + 4, bar.value.toFixed(0)));
    });
    y += values.length * BAR + 14;
  }
  return svg(bottom + 28, title, body);
}

/**
 * Lines over powers of ten, both ways.
 *
 * @param {string} title with the unit
 * @param {string} across what the horizontal axis is
 * @param {{ name: string, points: [number, number][] }[]} series
 */
function lines(title, across, series) {
  const [top, bottom] = [66, 330];
  const powers = (values) => {
    const [least, most] = [
      Math.floor(Math.log10(Math.min(...values))),
      Math.ceil(Math.log10(Math.max(...values))),
    ];
    return Array.from({ length: Math.max(most - least, 1) + 1 }, (_, index) => least + index);
  };
  const place = (value, axis, from, to) =>
    from + ((Math.log10(value) - axis[0]) / (axis.at(-1) - axis[0])) * (to - from);
  const points = series.flatMap((one) => one.points);
  const [xs, ys] = [powers(points.map(([x]) => x)), powers(points.map(([, y]) => y))];
  const x = (value) => place(value, xs, LEFT, WIDTH - RIGHT);
  const y = (value) => place(value, ys, bottom, top);
  const number = (power) => (10 ** power).toLocaleString('en');
  const body = legend(
    series.map(({ name }) => name),
    42,
  );
  for (const power of ys) {
    const at = y(10 ** power);
    body.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`);
    body.push(text(LEFT - 10, at + 4, number(power), ' text-anchor="end"'));
  }
  for (const power of xs)
    body.push(text(x(10 ** power), bottom + 18, number(power), ' text-anchor="middle"'));
  body.push(text((LEFT + WIDTH - RIGHT) / 2, bottom + 38, across, ' text-anchor="middle"'));
  for (const { name, points: own } of series) {
    body.push(
      `<polyline class="l${colour(name)}" points="${own.map(([a, b]) => `${x(a)},${y(b)}`).join(' ')}"/>`,
    );
    for (const [a, b] of own)
      body.push(`<circle class="c${colour(name)}" cx="${x(a)}" cy="${y(b)}" r="3.5"/>`);
  }
  return svg(bottom + 50, title, body);
}

module.exports = { bars, lines, steps, svg, text };
