'use strict';

// What is measured, and what ours may cost as a multiple of the straight port.

const STORES = ['MemoryStore', 'Redis'];
const SIZES = [
  { label: '1 KB', bytes: 1024 },
  { label: '16 KB', bytes: 16_384 },
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
