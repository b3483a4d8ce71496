'use strict';

// A rolling upgrade: our process and one of the original's kind share a Redis, and each takes the other's keys.

const path = require('node:path');
const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const { startChild } = require('./support/child.js');
const { HttpClient } = require('./support/http-client.js');
const { LIMIT } = require('./support/limit.js');
const { suiteRedis } = require('./support/redis-server.js');
const { connectSocket, keyPath, share } = require('./support/socket-client.js');
const stores = require('./support/stores.js');
const { until } = require('./support/wait.js');

const HOST = path.join(__dirname, 'support', 'children', 'host.js');

describe('a process of ours and one of the original on one Redis', () => {
  const server = suiteRedis();

  async function begin(t) {
    const prefix = `${t.name}:`;
    const kept = await stores.redis(server, prefix);
    t.after(() => kept.cleanup());
    const start = async (original) => {
      const child = startChild(t, HOST, { redis: [{ port: server.port }, prefix], original });
      return (await child.message('ready')).url;
    };
    const [ours, original] = await Promise.all([start(false), start(true)]);
    const connect = async (url) => {
      const socket = await connectSocket(url);
      t.after(() => socket.close());
      return socket;
    };
    return { kept, urls: { ours, original }, connect };
  }

  for (const [http, io] of [
    ['original', 'ours'],
    ['ours', 'original'],
  ]) {
    test(`a key of ${http} binds at ${io}, whose writes are kept`, LIMIT, async (t) => {
      const { kept, urls, connect } = await begin(t);
      const browser = new HttpClient(urls[http]);
      await browser.request('/login');
      const socket = await connect(urls[io]);
      const { key, ack } = await share(browser, socket);
      assert.deepEqual(ack, { key });
      const { id, session } = await socket.ask('read', {});
      assert.deepEqual([id, session.user], [browser.sid, 'ann']);
      await socket.ask('write', { from: io });
      await until(async () => (await kept.read(browser.sid)).from === io, 'the write is saved');
      assert.equal((await browser.json('/read')).body.session.from, io);
      await browser.request('/write?json={"more":1}');
      assert.equal((await socket.ask('read', {})).session.more, 1);
    });
  }

  test('a browser that moves between the two keeps its key, and reconnects at either', LIMIT, async (t) => {
    const { urls, connect } = await begin(t);
    const browser = new HttpClient(urls.original);
    await browser.request('/login');
    const first = await share(browser, await connect(urls.original));
    for (const [http, io] of [
      ['ours', 'ours'],
      ['original', 'ours'],
      ['ours', 'original'],
    ]) {
      const moved = browser.copy();
      moved.url = urls[http];
      const socket = await connect(urls[io]);
      assert.deepEqual((await share(moved, socket)).ack, { key: first.key });
      assert.equal((await socket.ask('read', {})).id, browser.sid);
    }
  });

  test('a logout at the original unbinds a socket of ours, and its key binds nobody', LIMIT, async (t) => {
    const { urls, connect, kept } = await begin(t);
    const browser = new HttpClient(urls.original);
    await browser.request('/login');
    const socket = await connect(urls.ours);
    const { key } = await share(browser, socket);
    await browser.request('/logout');
    assert.equal((await socket.ask('read', {})).id, socket.id);
    await socket.ask('write', { late: true });
    assert.deepEqual(await (await connect(urls.ours)).ask('__zappa_key', { key }), { error: 'Missing data' });
    assert.equal(await kept.read(browser.sid), undefined);
  });

  test('a logout at ours ends a key that the original has made', LIMIT, async (t) => {
    const { urls, connect } = await begin(t);
    const browser = new HttpClient(urls.original);
    await browser.request('/login');
    const { key } = (await browser.json(keyPath('a-socket'))).body;
    const leaving = browser.copy();
    leaving.url = urls.ours;
    await leaving.request('/logout');
    assert.deepEqual(await (await connect(urls.ours)).ask('__zappa_key', { key }), { error: 'Missing data' });
  });
});
