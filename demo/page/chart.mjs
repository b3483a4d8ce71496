// A line of the last values, with its median, in an SVG of 480 by 150.

const WIDTH = 480;
const HEIGHT = 150;
const LEFT = 34;
const BOTTOM = 8;
const KEPT = 60;

/** The round numbers that an axis may end with. */
const TOPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000];

function element(name, attributes, text) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

export const quantile = (values, part) =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)];

export function chart(svg) {
  const values = [];

  return function add(value) {
    values.push(value);
    if (values.length > KEPT) values.shift();
    const high = Math.max(...values);
    const top = TOPS.find((one) => one >= high) ?? high;
    const x = (index) => LEFT + ((WIDTH - LEFT) * index) / (KEPT - 1);
    const y = (ms) => HEIGHT - BOTTOM - ((HEIGHT - 2 * BOTTOM) * ms) / top;
    const level = (ms, name) => element('line', { class: name, x1: LEFT, x2: WIDTH, y1: y(ms), y2: y(ms) });
    const label = (ms) => element('text', { x: LEFT - 6, y: y(ms) + 4, 'text-anchor': 'end' }, String(ms));

    const median = quantile(values, 0.5);
    const points = values.map((ms, index) => `${x(index).toFixed(1)},${y(ms).toFixed(1)}`);
    svg.replaceChildren(
      ...[0, top / 2, top].flatMap((ms) => [level(ms, 'grid'), label(ms)]),
      level(median, 'median'),
      element('polyline', { class: 'line', points: points.join(' ') }),
    );
    const words = `median ${median.toFixed(1)} ms, p99 ${quantile(values, 0.99).toFixed(1)} ms, of the last ${values.length}`;
    svg.setAttribute('aria-label', `Round trips of events: ${words}`);
    return words;
  };
}
