'use strict';

// The files of docs/nestjs.md, in an app that Nest runs: compiled as Nest's own projects are, and started.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { HttpClient } = require('./support/http-client.js');
const { LIMIT } = require('./support/limit.js');
const { pieces, readPage } = require('./support/page.js');
const { makeFolder, startProgram } = require('./support/program.js');
const { connectSocket, share } = require('./support/socket-client.js');

const ROOT = path.join(__dirname, '..');
const TSC = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

const PACKAGES = [
  'io-session',
  'express-session',
  'socket.io',
  'rxjs',
  'reflect-metadata',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/platform-express',
  '@nestjs/platform-socket.io',
  '@nestjs/websockets',
  '@types/express-session',
  '@types/express',
  '@types/node',
];

// What the app has besides. Its address is told when it listens, as no port is known before.
const REST = {
  'app.module.ts': `
import { Controller, Get, Module, Query, Req } from '@nestjs/common';
import type { Request } from 'express';
import { ProfileGateway } from './profile.gateway.js';
import { LaterGateway } from './later.gateway.js';

@Controller()
class LoginController {
  @Get('login')
  login(@Req() req: Request, @Query('name') name: string) {
    req.session.name = name;
    return { name };
  }
  @Get('me')
  me(@Req() req: Request) {
    return { name: req.session.name ?? null };
  }
}

@Module({ controllers: [LoginController], providers: [ProfileGateway, LaterGateway] })
export class AppModule {}
`,
  'later.gateway.ts': `
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { Socket } from 'socket.io';
import type {} from 'io-session/socket.io';

@WebSocketGateway({ namespace: 'later' })
export class LaterGateway {
  @SubscribeMessage('rename')
  async rename(@ConnectedSocket() socket: Socket, @MessageBody() name: string) {
    await new Promise(setImmediate);
    const { session } = socket;
    session.name = name;
    await session.save();
    socket.emit('renamed');
  }
}
`,
  'start.ts': `
import http from 'node:http';

const { listen } = http.Server.prototype;
http.Server.prototype.listen = function (this: http.Server, ...args: unknown[]) {
  this.once('listening', () => console.log('http://localhost:' + (this.address() as { port: number }).port));
  return (listen as (...args: unknown[]) => http.Server).apply(this, args);
} as typeof listen;
void import('./main.js');
`,
};

const OPTIONS = {
  target: 'es2022',
  module: 'nodenext',
  strict: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  skipLibCheck: true,
  types: ['node'],
  rootDir: '.',
  outDir: 'dist',
};

test('the files of docs/nestjs.md compile, and gateways share the session', LIMIT, async (t) => {
  // `socket.io` is the one that Nest has.
  const folder = makeFolder(t, 'nestjs', PACKAGES, {});
  const named = [...readPage('docs', 'nestjs.md').matchAll(/^`([\w.]+\.ts)`/gm)].map(([, name]) => name);
  const files = pieces(readPage('docs', 'nestjs.md')).filter(({ language }) => language === 'ts');
  assert.deepEqual(named, ['main.ts', 'sharing.adapter.ts', 'profile.gateway.ts']);
  assert.equal(files.length, named.length);
  const sources = { ...REST, ...Object.fromEntries(files.map(({ code }, index) => [named[index], code])) };
  for (const [name, code] of Object.entries(sources)) fs.writeFileSync(path.join(folder, name), code);
  fs.writeFileSync(path.join(folder, 'package.json'), '{}');
  const config = { compilerOptions: OPTIONS, include: ['*.ts'] };
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  try {
    execFileSync(process.execPath, [TSC, '-p', folder], { encoding: 'utf8' });
  } catch ({ stdout }) {
    assert.fail(stdout);
  }

  const env = { PORT: '0', SESSION_SECRET: 'not a secret' };
  const { url } = await startProgram(t, folder, 'dist/start.js', env);
  const browser = new HttpClient(url, { prefix: '/io-session' });
  const me = async () => (await browser.json('/me')).body.name;
  await browser.request('/login?name=Ann');
  assert.equal(await me(), 'Ann');

  const { cookie } = browser;
  const byCookie = await connectSocket(url, { extraHeaders: { cookie } });
  t.after(() => byCookie.close());
  assert.deepEqual(await byCookie.ask('rename', 'Bob'), { name: 'Bob' });
  assert.equal(await me(), 'Bob');

  const byKey = await connectSocket(`${url}/later`);
  t.after(() => byKey.close());
  assert.equal((await share(browser, byKey)).ack.error, undefined);
  const renamed = byKey.next('renamed');
  byKey.send('rename', 'Eve');
  await renamed;
  assert.equal(await me(), 'Eve');
});
