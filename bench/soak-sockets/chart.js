'use strict';

// Lines over time, as an SVG that is readable on light and dark pages.

const WIDTH = 760;
const HEIGHT = 300;
const MARGIN = { top: 44, right: 70, bottom: 42, left: 56 };
/** Of each line, on light and on dark. */
const COLOURS = [
  ['#1d5fbf', '#7fb2f7'],
  ['#b4510b', '#f2a25f'],
];

/** The least of 1, 2, 5, 10, 20 … that is not below a number. */
function roundUp(number) {
  const power = 10 ** Math.floor(Math.log10(number));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= number);
}

/**
 * @param {{ title: string, unit: string, times: number[], lines: { name: string, values: number[] }[] }} data `times` in
 *   seconds
 * @returns {string}
 */
function chart({ title, unit, times, lines }) {
  const top = roundUp(Math.max(...lines.flatMap(({ values }) => values)));
  const last = times.at(-1);
  const x = (time) => MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * time) / last;
  const y = (value) => HEIGHT - MARGIN.bottom - ((HEIGHT - MARGIN.top - MARGIN.bottom) * value) / top;
  const fixed = (number) => number.toFixed(1);

  const grid = [0, top / 4, top / 2, (3 * top) / 4, top].map(
    (value) =>
      `<line class="grid" x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${fixed(y(value))}" y2="${fixed(y(value))}"/>` +
      `<text x="${MARGIN.left - 8}" y="${fixed(y(value) + 4)}" text-anchor="end">${Number(value.toPrecision(3))}</text>`,
  );
  const labels = [0, last / 2, last].map(
    (time) =>
      `<text x="${fixed(x(time))}" y="${HEIGHT - MARGIN.bottom + 18}" text-anchor="middle">${Math.round(time)}</text>`,
  );
  const drawn = lines.map(({ name, values }, index) => {
    const points = values.map((value, at) => `${fixed(x(times[at]))},${fixed(y(value))}`).join(' ');
    return (
      `<polyline class="line${index}" points="${points}"/>` +
      `<text class="name${index}" x="${WIDTH - MARGIN.right + 8}" y="${fixed(y(values.at(-1)) + 4)}">${name}</text>`
    );
  });
  const colours = (theme) =>
    COLOURS.map(
      (pair, index) => `.line${index}{stroke:${pair[theme]}}.name${index}{fill:${pair[theme]}}`,
    ).join('');

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">
<style>
text{font:12px system-ui,sans-serif;fill:#5f5d57}.title{font-size:15px;font-weight:600;fill:#1b1b1a}
.grid{stroke:#dcd9d1}polyline{fill:none;stroke-width:2;stroke-linejoin:round}${colours(0)}
@media(prefers-color-scheme:dark){text{fill:#a8a59c}.title{fill:#ededea}.grid{stroke:#3a3935}${colours(1)}}
</style>
<text class="title" x="${MARGIN.left}" y="22">${title}</text>
<text x="${MARGIN.left}" y="${MARGIN.top - 6}">${unit}</text>
${[...grid, ...labels, ...drawn].join('\n')}
<text x="${(WIDTH + MARGIN.left - MARGIN.right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">seconds</text>
</svg>
`;
}

module.exports = { chart };
