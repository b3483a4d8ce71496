'use strict';

// Server CPU per connection that is bound at connection; for those that show a key, the GET of a key beside it.

const CONNECTIONS = 500;
// V8 forgets what it has compiled for sockets when the last of them has gone: a server that is up has some.
const RESIDENTS = 20;
// Until the code is compiled, nobody is measured.
const WARM_UPS = 12;
const KEY_ROUNDS = 3;

async function measureConnections(turns, { store, size, kind }, { rivals }) {
  const crowd = { rivals, store, bytes: size.bytes, size: CONNECTIONS + RESIDENTS };
  await turns.prepare(`${kind}/${store}`, crowd, warm);
  return turns.take(connectAll);
}

async function warm(stage) {
  const { binding } = stage;
  await stage.crowdDoes('stay', { binding, count: RESIDENTS });
  for (let turn = 0; turn < WARM_UPS; turn += 1) await connectAll(stage);
  if (binding !== 'key') return;
  const costs = [];
  for (let round = 0; round < KEY_ROUNDS; round += 1) {
    const { user, system } = await stage.cost('fetchKeys');
    costs.push((user + system) / CONNECTIONS);
  }
  stage.beside = { fetch: Math.min(...costs) };
  // The socket's half of a handshake is cheaper within seconds of the GET. A key is good for a day: that is measured.
  await connectAll(stage);
}

async function connectAll(stage) {
  const { beside, binding } = stage;
  await stage.collect();
  const { user, system } = await stage.cost('connect', { binding });
  if (binding !== null) await stage.crowdDoes('checkBound');
  // And a moment for the server to notice.
  await stage.cost('disconnect');
  return { user: user / CONNECTIONS, system: system / CONNECTIONS, ...beside };
}

module.exports = { measureConnections };
