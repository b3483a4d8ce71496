'use strict';

// A real redis-server on a free port, keeping nothing on disk.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');
const readline = require('node:readline');
const { freePort } = require('./free-port.js');

async function answersPing(port) {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('PING\r\n');
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return String(answer).startsWith('+PONG');
}

async function tryStart() {
  const port = await freePort();
  const flags = { port, bind: '127.0.0.1', save: '', appendonly: 'no', dir: '/tmp' };
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const lines = readline.createInterface({ input: child.stdout });
  const ready = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => resolve(false));
    lines.on('line', (line) => line.includes('Ready to accept connections') && resolve(true));
  });
  if (!(await ready) || !(await answersPing(port))) {
    child.kill('SIGKILL');
    return undefined;
  }
  return { child, port };
}

class RedisServer {
  constructor({ child, port }) {
    this.child = child;
    this.port = port;
    this.exited = once(child, 'exit');
    // A test process that dies early must not leave a server behind.
    this.onExit = () => child.kill('SIGKILL');
    process.once('exit', this.onExit);
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
    process.removeListener('exit', this.onExit);
  }

  stop() {
    return this.kill();
  }
}

async function startRedis() {
  // Somebody else may take the port between asking for it and using it.
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const started = await tryStart();
    if (started) {
      return new RedisServer(started);
    }
  }
  throw new Error('redis-server did not start on five ports');
}

module.exports = { startRedis };
