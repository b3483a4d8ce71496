'use strict';

// What is measured, whom beside, and the goals: what ours (those of a goal's `only`, else all) may cost as a multiple of
// others.

const STORES = ['MemoryStore', 'Redis'];
// `rate`: events per second, so that the slowest of the rivals is busy for about half of the time.
const SIZES = [
  { label: '1 KB', bytes: 1024, rate: 5000 },
  { label: '16 KB', bytes: 16_384, rate: 1000 },
];
const EVENTS = ['read', 'write', 'ignore'];
const SOCKETS = 50;
// Those of any app that read a session again and save it by hand.
const COOKIE_RIVALS = ['official', 'express-socket.io-session', 'socket.io-express-session'];

const ZAPPA_RIVALS = ['bare', 'straight-port', 'ours'];
const ZAPPA_GOALS = {
  MemoryStore: { read: 0.9, write: 0.8, ignore: 0.8 },
  Redis: { read: 0.9, write: 1.1, ignore: 0.8 },
};

// On an `EmbeddedStore`, beside those on MemoryStore: the module's own part, and then that of the file.
const EMBEDDED = ['ours-embedded', 'ours-path'];
const EMBEDDED_GOALS = {
  read: { most: 0.8, of: ['straight-port'], only: EMBEDDED },
  write: { most: 0.8, of: ['straight-port'], only: EMBEDDED },
  ignore: { most: 1.1, of: ['bare'], only: EMBEDDED },
};
const PATH_GOAL = { most: 1.15, of: ['ours-embedded'], only: ['ours-path'] };

const SHARE_RIVALS = {
  MemoryStore: ['plain', ...COOKIE_RIVALS, 'ours-share', 'ours-share-embedded', 'ours-share-redis-cache'],
  // The straight port is beside it because it too is what ours may not cost much more than.
  Redis: ['plain', ...COOKIE_RIVALS, 'straight-port', 'ours-share', 'ours-share-redis-cache'],
};
const IN_MEMORY = ['ours-share', 'ours-share-embedded'];
const CACHED = ['ours-share-redis-cache'];
// With its client's cache, Redis is to be about as quick as a store in memory.
const CACHED_GOAL = { most: 1.15, of: ['ours-share'], only: CACHED };
const SHARE_GOALS = {
  MemoryStore: {
    read: [{ most: 1, of: COOKIE_RIVALS, only: IN_MEMORY }, CACHED_GOAL],
    write: [{ most: 0.7, of: COOKIE_RIVALS, only: IN_MEMORY }],
    ignore: [{ most: 1.2, of: ['plain'], only: IN_MEMORY }],
  },
  Redis: {
    read: [
      { most: 1, of: COOKIE_RIVALS },
      { most: 1, of: ['straight-port'], only: CACHED },
    ],
    write: [{ most: 0.85, of: COOKIE_RIVALS, only: ['ours-share'] }],
    ignore: [],
  },
};
// Where the session is large, that it is not parsed as a whole counts.
const LARGE_REDIS_GOALS = { read: 0.7, write: 0.6 };

// On the versions that such an app has installed.
const ZAPPA_STACK_GOALS = {
  '1 KB': { read: 0.9, write: 1.1, ignore: 0.9 },
  '16 KB': { read: 0.9, write: 1.1, ignore: 0.9 },
};

const label = (size) => size.label.replace(' ', '');

function zappaScenarios(store) {
  const own = { store, rivals: ZAPPA_RIVALS };
  const events = SIZES.flatMap((size) =>
    EVENTS.map((event) => ({
      ...own,
      name: `events/${store}/${label(size)}/${event}`,
      kind: 'events',
      size,
      event,
      sockets: SOCKETS,
      goals: [
        { most: ZAPPA_GOALS[store][event], of: ['straight-port'], only: ['ours'] },
        ...(store === 'MemoryStore' ? [EMBEDDED_GOALS[event], PATH_GOAL] : []),
      ],
    })),
  );
  return [
    ...events,
    { ...own, name: `calls/${store}`, kind: 'calls', size: SIZES[0] },
    {
      ...own,
      name: `footprint/${store}`,
      kind: 'footprint',
      size: SIZES[0],
      sockets: 2000,
      goals: [{ most: 1, of: ['straight-port'] }],
    },
  ];
}

function zappaStackScenarios() {
  const own = { store: 'Redis', stack: 'zappa', rivals: ZAPPA_RIVALS };
  const events = SIZES.flatMap((size) =>
    EVENTS.map((event) => ({
      ...own,
      name: `zappa/Redis/${label(size)}/${event}`,
      kind: 'zappa',
      size,
      event,
      sockets: SOCKETS,
      goals: [{ most: ZAPPA_STACK_GOALS[size.label][event], of: ['straight-port'] }],
    })),
  );
  return [...events, { ...own, name: 'zappa/Redis/calls', kind: 'calls', size: SIZES[0] }];
}

function shareGoals(store, size, event) {
  const most = store === 'Redis' && size === SIZES[1] ? LARGE_REDIS_GOALS[event] : undefined;
  return most === undefined ? SHARE_GOALS[store][event] : [{ most, of: COOKIE_RIVALS, only: ['ours-share'] }];
}

function shareScenarios(store) {
  const crowds = [
    [SIZES[0], SOCKETS],
    [SIZES[0], 500],
    [SIZES[1], SOCKETS],
  ];
  const events = crowds.flatMap(([size, sockets]) =>
    EVENTS.map((event) => ({
      name: `share/${store}/${label(size)}/${event}/${sockets}`,
      kind: 'share',
      store,
      rivals: SHARE_RIVALS[store],
      size,
      event,
      sockets,
      goals: shareGoals(store, size, event),
    })),
  );
  const bound = {
    store,
    size: SIZES[0],
    rivals: ['plain', ...COOKIE_RIVALS, 'ours-share', 'ours-share-cookie'],
  };
  return [
    ...events,
    { ...bound, name: `connect/${store}`, kind: 'connect', goals: [{ most: 1, of: COOKIE_RIVALS }] },
    {
      ...bound,
      name: `crowd/${store}`,
      kind: 'crowd',
      sockets: 10_000,
      rivals: ['plain', 'official', 'ours-share', 'ours-share-cookie'],
      goals: [
        { most: 1.2, of: ['plain'] },
        { most: 1, of: ['official'] },
      ],
    },
  ];
}

const scenarios = [
  ...STORES.flatMap((store) => [...zappaScenarios(store), ...shareScenarios(store)]),
  ...zappaStackScenarios(),
];

module.exports = { scenarios };
