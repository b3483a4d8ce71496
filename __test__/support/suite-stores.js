'use strict';

// The stores that an app may have, each as of stores.js, for a suite that runs on all of them: two that are at hand, and two that
// have to be waited for.

const { suitePostgres } = require('./postgres-server.js');
const { suiteRedis } = require('./redis-server.js');
const stores = require('./stores.js');

function suiteStores() {
  const redis = suiteRedis();
  const postgres = suitePostgres();
  return {
    MemoryStore: () => stores.memory(),
    EmbeddedStore: () => stores.embedded(),
    'connect-redis': () => stores.redis(redis),
    'connect-pg-simple': () => stores.postgres(postgres),
  };
}

module.exports = { suiteStores };
