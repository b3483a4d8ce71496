'use strict';

// Opens a store and says what came of it; writes something, and then leaves without closing.

const { EmbeddedStore } = require('../../..');

const { options, set } = JSON.parse(process.argv[2]);
try {
  const store = new EmbeddedStore(options);
  if (set) store.set(set, { cookie: {}, set: true }, () => {});
  process.send({ type: 'opened' });
} catch (error) {
  process.send({ type: 'failed', code: error.code, message: error.message });
}
process.disconnect();
