'use strict';

// A Redis of our own: a free port, nothing written to disk, gone with the benchmark.

const { spawn } = require('node:child_process');
const net = require('node:net');
const os = require('node:os');
const { setTimeout: sleep } = require('node:timers/promises');
const { createClient } = require('redis');

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

class RedisServer {
  static async start() {
    const port = await freePort();
    const server = spawn(
      'redis-server',
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--appendonly',
        'no',
        '--dir',
        os.tmpdir(),
      ],
      { stdio: 'ignore' },
    );
    const failure = new Promise((_resolve, reject) => {
      server.on('error', reject);
      server.on('exit', (code) => reject(new Error(`redis-server ended with ${code}`)));
    });
    failure.catch(() => {});
    process.on('exit', () => server.kill());
    const client = createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: () => 50 } });
    client.on('error', () => {});
    await Promise.race([client.connect(), failure]);
    return new RedisServer({ port, server, client });
  }

  constructor({ port, server, client }) {
    this.port = port;
    this.server = server;
    this.client = client;
  }

  async version() {
    return /redis_version:(\S+)/.exec(await this.client.info('server'))[1];
  }

  async resetCalls() {
    await this.client.sendCommand(['CONFIG', 'RESETSTAT']);
  }

  // How often each command was called since: what a store's own client is used for shows here too.
  async calls() {
    const calls = {};
    const stats = await this.client.info('commandstats');
    for (const [, command, count] of stats.matchAll(/cmdstat_(\S+?):calls=(\d+)/g)) {
      if (!/^(info|config|ping|hello|client)/.test(command)) {
        calls[command] = Number(count);
      }
    }
    return calls;
  }

  async stop() {
    this.client.destroy();
    this.server.kill();
    await sleep(50);
  }
}

module.exports = { RedisServer };
