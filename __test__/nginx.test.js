'use strict';

// The nginx configuration of docs/how-to.md, as it stands there: a socket is bound by the cookie of its handshake.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const assert = require('node:assert/strict');
const { freePort } = require('./support/free-port.js');
const { HttpClient } = require('./support/http-client.js');
const { LIMIT } = require('./support/limit.js');
const { SECRET, shareFixture } = require('./support/share-fixture.js');
const { connectSocket } = require('./support/socket-client.js');
const { until } = require('./support/wait.js');

const HOW_TO = path.join(__dirname, '..', 'docs', 'how-to.md');

async function startNginx(t, target) {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'io-session-nginx-'));
  const [, block] = /```nginx\n(.*?)```/s.exec(await fs.readFile(HOW_TO, 'utf8'));
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  await fs.writeFile(
    path.join(folder, 'nginx.conf'),
    `worker_processes 1; daemon off; pid nginx.pid; error_log stderr error;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${name};`).join(' ')}
      upstream web { server ${target}; }
      upstream live { server ${target}; }
      server { listen 127.0.0.1:${port}; ${block} }
    }`,
  );
  // The workers of an nginx that root starts have another user.
  await fs.chmod(folder, 0o755);
  const nginx = spawn('nginx', ['-p', folder, '-c', path.join(folder, 'nginx.conf'), '-e', 'stderr'], {
    stdio: 'inherit',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  t.after(async () => {
    nginx.kill();
    await once(nginx, 'exit');
    await fs.rm(folder, { recursive: true, force: true });
  });
  const url = `http://localhost:${port}`;
  await until(() => fetch(url).then(Boolean, () => false), 'nginx answers');
  return url;
}

test(
  'a page behind nginx, as docs/how-to.md has it, is known by its cookie and by its key',
  LIMIT,
  async (t) => {
    const { url } = await shareFixture(t, {
      options: { cookie: { secret: SECRET } },
      app: ({ io }) => {
        io.on('connection', (socket) => socket.on('who', (ack) => ack(socket.session.user ?? 'nobody')));
      },
    });
    const behind = await startNginx(t, new URL(url).host);
    const browser = new HttpClient(behind);
    await browser.request('/login');
    const headers = { cookie: browser.cookie, origin: behind };
    for (const transports of [['websocket'], ['polling']]) {
      const socket = await connectSocket(behind, { transports, extraHeaders: headers });
      t.after(() => socket.close());
      assert.equal(await socket.ask('who'), 'ann');
    }
    const answer = await fetch(`${behind}/io-session/socket/__local`, { headers });
    assert.equal(answer.status, 200);
  },
);
