// Starts everything: Redis (unless REDIS_URL names one), two Express and two Socket.IO processes, and nginx before them.
// Ctrl-C ends it.

import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const port = Number(process.env.PORT ?? 3000);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'io-session-cluster-'));
const children = new Set();
// The workers of an nginx that root starts have another user.
fs.chmodSync(folder, 0o755);

function watch(name, child) {
  children.add(child);
  child.on('error', (error) => {
    console.error(`${name} does not start: ${error.message}`);
    stop(1);
  });
  child.on('exit', (code, signal) => {
    children.delete(child);
    console.error(`${name} has ended: ${signal ?? code}`);
  });
}

function run(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  watch(command, child);
  // Nothing works without it.
  child.on('exit', () => stop(1));
}

async function node(script, name, env) {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const child = fork(file, { env: { ...process.env, ...env, NAME: name } });
  watch(name, child);
  const [message] = await once(child, 'message');
  console.log(`${name}  process ${child.pid}, port ${message.port}`);
  return `server 127.0.0.1:${message.port};`;
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function isOpen(port) {
  const socket = net.connect(port, '127.0.0.1');
  const opened = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return opened;
}

async function open(port) {
  while (!(await isOpen(port))) await new Promise((resolve) => setTimeout(resolve, 20));
}

function stop(code) {
  for (const child of children) child.kill();
  fs.rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}
process.on('SIGINT', () => stop(0));
process.on('SIGTERM', () => stop(0));

let { REDIS_URL } = process.env;
if (!REDIS_URL) {
  const redisPort = await freePort();
  run('redis-server', ['--port', redisPort, '--bind', '127.0.0.1', '--save', '', '--dir', folder]);
  await open(redisPort);
  REDIS_URL = `redis://127.0.0.1:${redisPort}`;
}

const env = { REDIS_URL, SESSION_SECRET: process.env.SESSION_SECRET ?? 'only for an example' };
const web = [await node('web.js', 'web-1', env), await node('web.js', 'web-2', env)];
const live = [await node('live.js', 'live-1', env), await node('live.js', 'live-2', env)];

const conf = fs
  .readFileSync(new URL('nginx.conf', import.meta.url), 'utf8')
  .replace('{{web}}', web.join('\n    '))
  .replace('{{live}}', live.join('\n    '))
  .replace('{{port}}', port);
fs.writeFileSync(path.join(folder, 'nginx.conf'), conf);
run('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr']);
await open(port);
console.log(`http://localhost:${port}`);
