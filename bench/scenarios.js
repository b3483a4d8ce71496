'use strict';

// What is measured, and what ours may cost as a multiple of the straight port.

const STORES = ['MemoryStore', 'Redis'];
// `rate`: events per second, so that the slowest of the rivals is busy for about half of the time.
const SIZES = [
  { label: '1 KB', bytes: 1024, rate: 5000 },
  { label: '16 KB', bytes: 16_384, rate: 1000 },
];
const TARGETS = {
  MemoryStore: { read: 1.1, write: 1.3, ignore: 0.8 },
  Redis: { read: 0.8, write: 1.6, ignore: 0.8 },
};

const scenarios = STORES.flatMap((store) => [
  ...SIZES.flatMap((size) =>
    Object.entries(TARGETS[store]).map(([event, target]) => ({
      name: `events/${store}/${size.label.replace(' ', '')}/${event}`,
      kind: 'events',
      store,
      size,
      event,
      target,
    })),
  ),
  { name: `calls/${store}`, kind: 'calls', store, size: SIZES[0] },
  { name: `footprint/${store}`, kind: 'footprint', store, size: SIZES[0] },
]);

module.exports = { scenarios };
