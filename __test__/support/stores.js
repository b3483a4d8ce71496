'use strict';

// Makers of the stores that the product is tried with. Each gives
//   store      what the app gets
//   read(id)   the stored object, past the store's own methods
//   text(id)   the stored text
//   ttl(id)    seconds left by the store's own clock, where it has one
//   ids()      every id in the store
//   remove(id) takes one away behind everybody's back: expired, flushed
//   writes()   changes with every write, also one that writes the same again
//   cleanup()

const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { randomUUID } = require('node:crypto');
const session = require('express-session');
const { EmbeddedStore } = require('../..');
const { TABLE } = require('../../lib/embedded-store.js');

function parsed(text) {
  return text == null ? undefined : JSON.parse(text);
}

async function memory() {
  const store = new session.MemoryStore();
  let writes = 0;
  const texts = store.sessions;
  // Watched from below: the store's methods stay the ones that the product knows.
  store.sessions = new Proxy(texts, {
    set(target, id, value) {
      writes += 1;
      target[id] = value;
      return true;
    },
    deleteProperty(target, id) {
      writes += 1;
      return delete target[id];
    },
  });
  return {
    store,
    read: async (id) => parsed(texts[id]),
    text: async (id) => texts[id],
    ttl: undefined,
    ids: async () => Object.keys(texts),
    remove: async (id) => delete texts[id],
    writes: async () => writes,
    cleanup: async () => {},
  };
}

async function redis(server, prefix = `${randomUUID()}:`) {
  const { createClient } = require('redis');
  const { RedisStore } = require('connect-redis');
  const client = createClient({ socket: { port: server.port, host: '127.0.0.1' } });
  const ours = createClient({ socket: { port: server.port, host: '127.0.0.1' } });
  for (const one of [client, ours]) {
    one.on('error', () => {});
    await one.connect();
  }
  return {
    store: new RedisStore({ client, prefix }),
    port: server.port,
    prefix,
    read: async (id) => parsed(await ours.get(prefix + id)),
    text: async (id) => (await ours.get(prefix + id)) ?? undefined,
    ttl: (id) => ours.ttl(prefix + id),
    ids: async () => (await ours.keys(`${prefix}*`)).map((key) => key.slice(prefix.length)),
    remove: (id) => ours.del(prefix + id),
    // Redis counts the changes itself, whatever command made them.
    writes: async () => /rdb_changes_since_last_save:(\d+)/.exec(await ours.info('persistence'))[1],
    async cleanup() {
      // Not destroy(): what the product still had to say when the sockets left may be on its way.
      await Promise.all([client.close(), ours.close()]);
    },
  };
}

async function file() {
  const FileStore = require('session-file-store')(session);
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'io-session-'));
  // One try: by default this store asks six times, in 250 ms, before it says that there is nothing.
  const store = new FileStore({ path: folder, retries: 0, reapInterval: -1, logFn() {} });
  const text = (id) => fs.readFile(path.join(folder, `${id}.json`), 'utf8').catch(() => undefined);
  const files = async () => (await fs.readdir(folder)).filter((name) => name.endsWith('.json'));
  return {
    store,
    read: async (id) => parsed(await text(id)),
    text,
    ttl: undefined,
    ids: async () => (await files()).map((name) => name.slice(0, -'.json'.length)),
    remove: (id) => fs.rm(path.join(folder, `${id}.json`), { force: true }),
    // A write is a new file under the old name.
    async writes() {
      const stats = await Promise.all(
        (await files()).map((name) => fs.stat(path.join(folder, name), { bigint: true })),
      );
      return stats.map((stat) => `${stat.ino}/${stat.mtimeNs}`).join();
    },
    cleanup: () => fs.rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
}

async function embedded() {
  const store = new EmbeddedStore();
  const table = store[TABLE];
  const ids = async () => Object.keys(await EmbeddedStore.prototype.all.call(store));
  const text = async (id) => table.get(id);
  return {
    store,
    read: async (id) => parsed(table.get(id)),
    text,
    ttl: undefined,
    ids,
    remove: async (id) => table.destroy(id),
    // The versions of all sessions: each write gives a session another.
    async writes() {
      return (await ids())
        .sort()
        .map((id) => table.get(id) && table.version())
        .join();
    },
    cleanup: () => store.close(),
  };
}

module.exports = { embedded, memory, redis, file };
