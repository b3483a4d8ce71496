'use strict';

// A real redis-server on a free port, keeping nothing on disk unless it is told to.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { after, before } = require('node:test');
const { freePort } = require('./free-port.js');

async function answersPing(port) {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('PING\r\n');
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return String(answer).startsWith('+PONG');
}

class RedisServer {
  constructor(port, flags) {
    this.port = port;
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-redis-'));
    this.flags = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: this.folder, ...flags };
    // A test process that dies early must not leave a server behind.
    this.onExit = () => this.remove();
    process.once('exit', this.onExit);
  }

  async start() {
    const args = Object.entries(this.flags).flatMap(([name, value]) => [
      `--${name}`,
      ...String(value).split(' '),
    ]);
    this.child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const { child } = this;
    this.exited = once(child, 'exit');
    const ready = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => resolve(false));
      const lines = readline.createInterface({ input: child.stdout });
      lines.on('line', (line) => line.includes('Ready to accept connections') && resolve(true));
    });
    return ready && answersPing(this.port);
  }

  // Keeps its connections and answers nothing: the store that never calls back.
  pause() {
    this.child.kill('SIGSTOP');
  }

  resume() {
    this.child.kill('SIGCONT');
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  // After kill(): with `appendonly`, it has what it had acknowledged.
  async restart() {
    if (!(await this.start())) throw new Error('redis-server did not start again on its port');
  }

  async stop() {
    await this.kill();
    process.removeListener('exit', this.onExit);
    this.remove();
  }

  remove() {
    this.child?.kill('SIGKILL');
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

// `flags`: of redis-server's own, without the dashes.
async function startRedis(flags = {}) {
  // Somebody else may take the port between asking for it and using it.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const server = new RedisServer(await freePort(), flags);
    if (await server.start()) return server;
    await server.stop();
  }
  throw new Error('redis-server did not start on five ports');
}

// One for the tests of a suite, or of the `describe` in which it is called: there before them, gone after them.
function suiteRedis(flags) {
  let server;
  before(async () => {
    server = await startRedis(flags);
  });
  after(() => server.stop());
  return {
    get port() {
      return server.port;
    },
  };
}

module.exports = { startRedis, suiteRedis };
