'use strict';

// Server CPU per connection that is bound at connection; for those that show a key, the GET of the key beside it.

const CONNECTIONS = 500;
const WARM_UPS = 3;

async function measureConnections(turns, { store, size, kind }, { rivals }) {
  await turns.prepare(`${kind}/${store}`, { rivals, store, bytes: size.bytes, size: CONNECTIONS }, warm);
  return turns.take(connectAll);
}

async function warm(stage) {
  for (let turn = 0; turn < WARM_UPS; turn += 1) await connectAll(stage);
}

async function connectAll(stage) {
  const { binding } = stage;
  const fetched = binding === 'key' ? await stage.cost('fetchKeys') : undefined;
  const { user, system } = await stage.cost('connect', { binding });
  if (binding !== null) await stage.crowdDoes('checkBound');
  // And a moment for the server to notice.
  await stage.cost('disconnect');
  return {
    user: user / CONNECTIONS,
    system: system / CONNECTIONS,
    ...(fetched && { fetch: (fetched.user + fetched.system) / CONNECTIONS }),
  };
}

module.exports = { measureConnections };
