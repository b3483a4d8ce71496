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
const { pathToFileURL } = require('node:url');
const session = require('express-session');
const { EmbeddedStore, redisCompareAndSet } = require('../..');
const { TABLE } = require('../../lib/stores/embedded-store.js');

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

/** The ids by which the product finds out what a store does. */
const PROBE = /^io-session-probe:/;

const REDIS_STORES = {
  'connect-redis 3': () => require('connect-redis3')(session),
  'connect-redis 6': () => require('connect-redis6')(session),
  'connect-redis 7': () => require('connect-redis7').default,
  'connect-redis 8': () => require('connect-redis8').RedisStore,
  'connect-redis 9': () => require('connect-redis').RedisStore,
  'connect-redis 10': () => require('connect-redis10').RedisStore,
};

// Until it is ready a client of node-redis 2 or 3 keeps what it is asked.
const byCallback = (name) => (port) => {
  const client = require(name).createClient({ port, host: '127.0.0.1' });
  client.on('error', () => {});
  return [client, () => new Promise((resolve) => client.quit(resolve))];
};

const byPromise = (name, options) => async (port) => {
  const client = require(name).createClient({ ...options, socket: { port, host: '127.0.0.1' } });
  client.on('error', () => {});
  await client.connect();
  return [client, () => client.close()];
};

const REDIS_CLIENTS = {
  'node-redis 2': byCallback('redis2'),
  'node-redis 3': byCallback('redis3'),
  'node-redis 5': byPromise('redis5'),
  'node-redis': byPromise('redis'),
  'node-redis 5 with a cache': byPromise('redis5', { RESP: 3, clientSideCache: {} }),
  'node-redis with a cache': byPromise('redis', { RESP: 3, clientSideCache: {} }),
  async ioredis(port) {
    const client = new (require('ioredis').Redis)({ port, host: '127.0.0.1' });
    client.on('error', () => {});
    return [client, () => client.quit()];
  },
  // Which looks by itself whether the keys of a command are in one slot.
  async 'ioredis cluster'(port) {
    const { Cluster } = require('ioredis');
    const client = new Cluster([{ port, host: '127.0.0.1' }], { enableAutoPipelining: true });
    client.on('error', () => {});
    return [client, () => client.quit()];
  },
};

// `version` and `client` of those above. Before 9 a store hides its client: the app gives it to io-session.
async function redis(
  server,
  prefix = `${randomUUID()}:`,
  { version = 'connect-redis 9', client: name = 'node-redis', options } = {},
) {
  const [client, closeClient] = await REDIS_CLIENTS[name](server.port);
  const [ours, closeOurs] = await REDIS_CLIENTS['node-redis'](server.port);
  const RedisStore = REDIS_STORES[version]();
  const store = new RedisStore({ client, prefix, ...options });
  // 7 and 8 hide their client.
  if (store.client !== client) store.compareAndSet = redisCompareAndSet(client);
  return {
    store,
    port: server.port,
    prefix,
    read: async (id) => parsed(await ours.get(prefix + id)),
    text: async (id) => (await ours.get(prefix + id)) ?? undefined,
    ttl: (id) => ours.ttl(prefix + id),
    expire: (id, seconds) => ours.expire(prefix + id, seconds),
    // Without what a probe has there for a moment.
    ids: async () =>
      (await ours.keys(`${prefix}*`)).map((key) => key.slice(prefix.length)).filter((id) => !PROBE.test(id)),
    remove: (id) => ours.del(prefix + id),
    // Redis counts the changes itself, whatever command made them.
    writes: async () => /rdb_changes_since_last_save:(\d+)/.exec(await ours.info('persistence'))[1],
    async cleanup() {
      // Not destroy(): what the product still had to say when the sockets left may be on its way.
      await Promise.all([closeClient(), closeOurs()]);
    },
  };
}

// `column`: connect-pg-simple's own table has `json`; many apps have made theirs with `jsonb`. `shared`: the table is there.
async function postgres(
  server,
  table = `sessions "${randomUUID()}"`,
  { column = 'json', shared = false } = {},
) {
  const { Pool } = require('pg');
  const PostgresStore = require('connect-pg-simple')(session);
  const pool = new Pool({ ...server.config, max: 6 });
  pool.on('error', () => {});
  const name = `"${table.replaceAll('"', '""')}"`;
  if (!shared) {
    await pool.query(
      `CREATE TABLE ${name} (sid varchar PRIMARY KEY, sess ${column} NOT NULL, expire timestamp(6) NOT NULL)`,
    );
  }
  const one = async (columns, id) =>
    (await pool.query(`SELECT ${columns} AS value FROM ${name} WHERE sid = $1`, [id])).rows[0]?.value;
  const store = new PostgresStore({ pool, tableName: table, pruneSessionInterval: false });
  return {
    store,
    table,
    read: async (id) => parsed(await one('sess::text', id)),
    text: (id) => one('sess::text', id),
    ttl: (id) => one('ceil(extract(epoch FROM expire - now()::timestamp))::int', id),
    ids: async () =>
      (await pool.query(`SELECT sid FROM ${name}`)).rows
        .map(({ sid }) => sid)
        .filter((id) => !PROBE.test(id)),
    remove: (id) => pool.query(`DELETE FROM ${name} WHERE sid = $1`, [id]),
    // Each version of a row has the number of the transaction that wrote it.
    writes: async () =>
      (await pool.query(`SELECT sid, xmin::text, ctid::text FROM ${name} ORDER BY sid`)).rows
        .map((row) => Object.values(row))
        .join(),
    async cleanup() {
      await store.close();
      await pool.end();
    },
  };
}

async function mysql(server) {
  const { createPool } = require('mysql2/promise');
  const MysqlStore = require('express-mysql-session')(session);
  const pool = createPool({ ...server.config, connectionLimit: 4 });
  const tableName = `sessions_${randomUUID().replaceAll('-', '')}`;
  const store = new MysqlStore({ clearExpired: false, schema: { tableName } }, pool);
  await store.onReady();
  // Every write is in the server's own count of changed rows.
  const rows = async (sql, ...values) => (await pool.query(sql, values))[0];
  const one = async (column, id) =>
    (await rows(`SELECT ${column} AS value FROM ?? WHERE session_id = ?`, tableName, id))[0]?.value;
  return {
    store,
    read: async (id) => parsed(await one('data', id)),
    text: (id) => one('data', id),
    ttl: (id) => one('expires - unix_timestamp()', id),
    ids: async () => (await rows('SELECT session_id FROM ??', tableName)).map((row) => row.session_id),
    remove: (id) => rows('DELETE FROM ?? WHERE session_id = ?', tableName, id),
    writes: async () =>
      (await rows("SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_insert', 'Com_update', 'Com_delete')"))
        .map((row) => row.Value)
        .join(),
    async cleanup() {
      await store.close();
      await pool.end();
    },
  };
}

async function memorystore() {
  const MemoryStore = require('memorystore')(session);
  const store = new MemoryStore({});
  const kept = store.store;
  let writes = 0;
  for (const method of ['set', 'del']) {
    const own = kept[method];
    kept[method] = (...args) => {
      writes += 1;
      return own.apply(kept, args);
    };
  }
  return {
    store,
    read: async (id) => parsed(kept.peek(id)),
    text: async (id) => kept.peek(id),
    ttl: undefined,
    ids: async () => kept.keys(),
    remove: async (id) => kept.del(id),
    writes: async () => writes,
    async cleanup() {
      store.stopInterval();
    },
  };
}

// better-sqlite3 cannot be built by every machine; libsql has its API, and comes built.
async function sqlite() {
  const Database = require('libsql');
  const SqliteStore = require('better-sqlite3-session-store')(session);
  const client = new Database(':memory:');
  const { setInterval } = globalThis;
  // It sweeps for as long as the process lives, and has no way to stop.
  globalThis.setInterval = (...args) => setInterval(...args).unref();
  const store = new SqliteStore({ client });
  globalThis.setInterval = setInterval;
  const one = (column, id) =>
    client.prepare(`SELECT ${column} AS value FROM sessions WHERE sid = ?`).get(id)?.value;
  return {
    store,
    read: async (id) => parsed(one('sess', id)),
    text: async (id) => one('sess', id),
    ttl: async (id) => one("CAST(strftime('%s', expire) - strftime('%s', 'now') AS INTEGER)", id),
    ids: async () =>
      client
        .prepare('SELECT sid FROM sessions')
        .all()
        .map((row) => row.sid),
    remove: async (id) => client.prepare('DELETE FROM sessions WHERE sid = ?').run(id),
    writes: async () => client.prepare('SELECT total_changes() AS n').get().n,
    async cleanup() {
      client.close();
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
  let writes = 0;
  for (const method of ['set', 'compareAndSet', 'touch']) {
    const write = table[method];
    table[method] = function (...args) {
      writes += 1;
      return write.apply(this, args);
    };
  }
  const ids = async () => Object.keys(await EmbeddedStore.prototype.all.call(store));
  const text = async (id) => table.get(id, Date.now()) ?? undefined;
  return {
    store,
    read: async (id) => parsed(table.get(id, Date.now()) ?? undefined),
    text,
    ttl: undefined,
    ids,
    remove: async (id) => table.destroy(id),
    // How often something was written.
    writes: async () => writes,
    cleanup: () => store.close(),
  };
}

// Puts other methods in the place of a store's, where the store has its own: to the product it is the same store.
function replaceMethod(store, method, replacement) {
  let holder = store;
  while (holder !== null && !Object.hasOwn(holder, method)) holder = Object.getPrototypeOf(holder);
  if (holder === null) return () => {};
  const descriptor = Object.getOwnPropertyDescriptor(holder, method);
  const original = descriptor.value;
  Object.defineProperty(holder, method, {
    ...descriptor,
    value(...args) {
      if (this === store) replacement(...args);
      return original.apply(this, args);
    },
  });
  return () => Object.defineProperty(holder, method, descriptor);
}

// The store of somebody's own that a module makes, for `npm run store-contract`. It is looked at through its own methods.
async function own(module) {
  const { default: make } = await import(pathToFileURL(module).href);
  const made = await make(session);
  const { store, close = () => {} } = typeof made.get === 'function' ? { store: made } : made;
  const { get, destroy } = store;
  const known = new Set();
  let writes = 0;
  const restores = ['set', 'touch', 'destroy', 'compareAndSet'].map((method) =>
    replaceMethod(store, method, (id) => {
      writes += 1;
      if (method === 'set') known.add(id);
    }),
  );
  const call = (method, id) =>
    new Promise((resolve, reject) => {
      method.call(store, id, (error, data) => {
        if (error && error.code !== 'ENOENT') reject(error);
        else resolve(error ? undefined : (data ?? undefined));
      });
    });
  const read = async (id) => parsed(JSON.stringify(await call(get, id)));
  const text = async (id) => JSON.stringify(await call(get, id));
  const ids = async () => {
    const there = [];
    for (const id of known) if (await call(get, id)) there.push(id);
    return there;
  };
  return {
    store,
    read,
    text,
    ttl: undefined,
    ids,
    remove: (id) => call(destroy, id),
    // What has been called, and what is there: a driver of ours may write past the store's methods.
    writes: async () => JSON.stringify([writes, await Promise.all([...known].map(text))]),
    async cleanup() {
      await close();
      for (const restore of restores) restore();
    },
  };
}

module.exports = {
  REDIS_CLIENTS,
  REDIS_STORES,
  embedded,
  file,
  memory,
  memorystore,
  mysql,
  own,
  postgres,
  redis,
  sqlite,
};
