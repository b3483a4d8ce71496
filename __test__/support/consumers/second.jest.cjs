// The second file of one Jest process: the addon is loaded already, this context has not seen it.

const { EmbeddedStore } = require('io-session');

test('the addon works again', async () => {
  const store = new EmbeddedStore({ name: 'jest' });
  expect(await store.get('sid')).toBeUndefined();
  await store.set('sid', { cookie: {}, file: 'second' });
  expect((await store.get('sid')).file).toBe('second');
  await store.close();
});

test('modules that are reset share what is in Rust', async () => {
  const store = new EmbeddedStore({ name: 'shared' });
  await store.set('sid', { cookie: {}, kept: true });
  jest.resetModules();
  const again = require('io-session');
  expect(again.EmbeddedStore).not.toBe(EmbeddedStore);
  const same = new again.EmbeddedStore({ name: 'shared' });
  expect((await same.get('sid')).kept).toBe(true);
  await Promise.all([store.close(), same.close()]);
});
