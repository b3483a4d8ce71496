'use strict';

// Small programs that a handler may run on its session, as JSON: each step gives something to look at.

const { inspect } = require('node:util');
const fc = require('fast-check');

// Ordinary names, names that the prototype has, names that JavaScript or JSON treats in its own way.
const KEYS = ['a', 'b', 'user', 'cart', 'toString', 'constructor', 'id', 'save', '5', '', 'é’"\\', 'toJSON'];

const key = fc.constantFrom(...KEYS);
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom('a "quoted" \\ text', '’', '{"a":1}', 0, -0, 1e21, {}, [], { x: { y: [1, '}'] } }),
);

const step = fc.oneof(
  fc.record({
    what: fc.constantFrom('read', 'delete', 'in', 'own', 'define', 'nest', 'push', 'inherit'),
    key,
  }),
  fc.record({ what: fc.constantFrom('write', 'write', 'assign', 'date', 'undefined'), key, value }),
  fc.record({
    what: fc.constantFrom(
      'keys',
      'json',
      'spread',
      'loop',
      'inspect',
      'cookie',
      'cookie path',
      'class',
      'symbols',
      'freeze',
      'save',
    ),
  }),
);

const program = fc.array(step, { maxLength: 6 });
const data = fc.dictionary(key, value, { maxKeys: 6 });

// The id is another one in each run.
function shown(result, { id }) {
  return inspect(result, { depth: 9 }).replaceAll(id, 'the id');
}

const STEPS = {
  read: (session, { key }) => session[key],
  write: (session, { key, value }) => {
    session[key] = value;
  },
  delete: (session, { key }) => delete session[key],
  in: (session, { key }) => key in session,
  own: (session, { key }) => [Object.hasOwn(session, key), Object.getOwnPropertyDescriptor(session, key)],
  define: (session, { key }) =>
    Object.defineProperty(session, key, { value: 1, enumerable: true, configurable: true })[key],
  nest: (session, { key }) => {
    if (typeof session[key] === 'object' && session[key] !== null) session[key].nested = 'changed';
  },
  push: (session, { key }) => Array.isArray(session[key]) && session[key].push({ more: true }),
  inherit: (session, { key }) => {
    const child = Object.create(session);
    child[key] = 'mine';
    return [child[key], Object.hasOwn(child, key), session[key]];
  },
  assign: (session, { key, value }) => Object.assign(session, { [key]: value, z: 1 }).z,
  date: (session, { key }) => {
    session[key] = new Date(0);
  },
  undefined: (session, { key }) => {
    session[key] = undefined;
  },
  keys: (session) => Object.keys(session),
  json: (session) => JSON.stringify(session),
  spread: (session) => ({ ...session }),
  loop: (session) => {
    const found = [];
    for (const name in session) found.push(name);
    return found;
  },
  inspect: (session) => inspect(session, { depth: 9 }),
  cookie: ({ cookie }) => [cookie.path, cookie.originalMaxAge, cookie.expires, cookie.constructor.name],
  'cookie path': ({ cookie }) => {
    cookie.path = '/elsewhere';
  },
  class: (session) => [
    session.constructor.name,
    Object.getPrototypeOf(session) === session.constructor.prototype,
    Object.prototype.toString.call(session),
  ],
  symbols: (session) => [Object.getOwnPropertySymbols(session), Object.getOwnPropertyNames(session)],
  freeze: (session) => Object.isFrozen(Object.freeze(session)),
  save: (session) => session.save(),
};

// What a person would see who looked at each step's result while it runs.
function run(session, steps) {
  const seen = [];
  for (const step of steps) {
    try {
      const result = STEPS[step.what](session, step);
      seen.push(step.what === 'save' ? result === session : shown(result, session));
    } catch (error) {
      // A Proxy has its own words for a property that cannot be written.
      seen.push(error.name);
    }
  }
  return seen;
}

module.exports = { data, program, run };
