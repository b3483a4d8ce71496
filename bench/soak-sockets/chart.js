'use strict';

// How long events took, over the time of a soak.

const { steps, svg, text } = require('../chart.js');

const AREA = { left: 60, right: 650, top: 50, bottom: 260 };
/** The classes of bench/chart.js, for lines and for words. */
const CLASSES = ['0', '2'];

/**
 * @param {string} title with the unit
 * @param {number[]} times in seconds
 * @param {{ name: string, values: number[] }[]} series of as many values
 */
function overTime(title, times, series) {
  const { left, right, top, bottom } = AREA;
  const levels = steps(Math.max(...series.flatMap(({ values }) => values)));
  const x = (time) => Math.round(left + ((right - left) * time) / times.at(-1));
  const y = (value) => Math.round(bottom - ((bottom - top) * value) / levels.at(-1));
  const body = levels.flatMap((level) => [
    `<line class="grid" x1="${left}" x2="${right}" y1="${y(level)}" y2="${y(level)}"/>`,
    text(left - 8, y(level) + 4, Number(level.toPrecision(3)), ' text-anchor="end"'),
  ]);
  for (const time of [0, times.at(-1) / 2, times.at(-1)]) {
    body.push(text(x(time), bottom + 18, Math.round(time), ' text-anchor="middle"'));
  }
  body.push(text((left + right) / 2, bottom + 36, 'seconds', ' text-anchor="middle"'));
  for (const [index, { name, values }] of series.entries()) {
    const points = values.map((value, at) => `${x(times[at])},${y(value)}`).join(' ');
    body.push(`<polyline class="l${CLASSES[index]}" points="${points}"/>`);
    body.push(text(right + 8, y(values.at(-1)) + 4, name));
  }
  return svg(bottom + 46, title, body);
}

module.exports = { overTime };
