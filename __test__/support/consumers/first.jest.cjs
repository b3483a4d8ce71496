// Jest gives each file a context of its own, and loads the modules again in each.

const session = require('express-session');
const { EmbeddedStore, sessionRoom } = require('io-session');

test('the addon works', async () => {
  const store = new EmbeddedStore({ name: 'jest' });
  await store.set('sid', { cookie: new session.Cookie(), file: 'first' });
  expect((await store.get('sid')).file).toBe('first');
  await store.close();
});

test('what is thrown is an error of this context', () => {
  expect(() => sessionRoom('')).toThrow(TypeError);
  expect(() => new EmbeddedStore({ tll: 1 })).toThrow(TypeError);
});

test('the client is there by require', () => {
  const { keyFor, shareSession } = require('io-session/client');
  expect(typeof keyFor).toBe('function');
  expect(typeof shareSession).toBe('function');
});
