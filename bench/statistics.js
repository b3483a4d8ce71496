'use strict';

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Between which two of the values the median of all that could have been measured lies, with a probability of 95 % whatever
// their distribution: as many of them are below it as coins fall on one side. Fewer than six values cannot say it for sure;
// their range has to do.
function interval(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  let chance = 0.5 ** count;
  let outside = chance;
  let skipped = 0;
  while (2 * outside <= 0.05 && skipped < (count - 1) >> 1) {
    skipped += 1;
    chance *= (count - skipped + 1) / skipped;
    outside += chance;
  }
  const place = Math.max(skipped - 1, 0);
  return [sorted[place], sorted[count - 1 - place]];
}

module.exports = { interval, median };
