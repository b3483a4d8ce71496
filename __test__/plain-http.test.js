'use strict';

// The key route and the client's module without Express: on node:http, on Connect and on HTTP/2, with express-session.

const { describe, test } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const http2 = require('node:http2');
const { once } = require('node:events');
const connect = require('connect');
const session = require('express-session');
const { Server } = require('socketio4');
const { shareSession } = require('..');
const { HttpClient } = require('./support/http-client.js');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { connectSocket } = require('./support/socket-client.js');
const { UUID_V4 } = require('./support/uuid.js');

const APP = 'https://app.example';
const ROUTE = '/io-session/socket/__local';

// What handles a request: the middlewares one after the other, as each kind of server has it.
const KINDS = {
  'node:http': (middlewares) => (req, res) => {
    const run = ([middleware, ...rest]) => middleware(req, res, () => run(rest));
    run(middlewares);
  },
  Connect: (middlewares) => middlewares.reduce((app, middleware) => app.use(middleware), connect()),
};

// Logs everybody in, and says of all other requests that there is nothing.
function middlewares(sharing, before = []) {
  return [
    ...before,
    session({ store: sharing.store, secret: 'not a secret', resave: false, saveUninitialized: false }),
    sharing.express(),
    (req, res) => {
      const [path] = req.url.split('?');
      if (path === '/login') req.session.user = 'ann';
      else if (path === '/logout') req.session.destroy();
      // Before its body: express-session cannot save a session of HTTP/2 otherwise.
      res.writeHead(path === '/login' || path === '/logout' ? 200 : 404);
      res.end(JSON.stringify(req.session?.user ?? null));
    },
  ];
}

for (const [kind, makeHandler] of Object.entries(KINDS)) {
  describe(kind, () => {
    const start = async (t, { before, ...options } = {}) => {
      const sharing = shareSession(options);
      const server = http.createServer(makeHandler(middlewares(sharing, before)));
      const io = new Server(server);
      io.use(sharing.socket());
      io.on('connection', (socket) => socket.on('whoami', (ack) => ack(socket.session.user ?? 'nobody')));
      const url = await listen(server);
      t.after(async () => {
        io.close();
        await closeServer(server);
        sharing.close();
      });
      const browser = new HttpClient(url);
      await browser.request('/login');
      return { browser, sharing, url };
    };

    test('gives a key, and the socket that presents it is bound until the logout', LIMIT, async (t) => {
      const { browser, url } = await start(t);
      const { status, headers, body } = await browser.json(ROUTE);
      assert.equal(status, 200);
      assert.match(body.key, UUID_V4);
      assert.equal(headers.get('vary'), 'Origin');
      assert.equal(headers.get('cache-control'), 'no-store');
      const socket = await connectSocket(url, { auth: { key: body.key } });
      t.after(() => socket.close());
      assert.equal(await socket.ask('whoami'), 'ann');
      const ended = socket.next('session:end');
      await browser.request('/logout');
      assert.deepEqual(await ended, { reason: 'destroy' });
      assert.equal(await socket.ask('whoami'), 'nobody');
    });

    test('gives it to a request in absolute form, as a proxy gets it', LIMIT, async (t) => {
      const { browser } = await start(t);
      const { status, text } = await browser.requestInAbsoluteForm(ROUTE);
      assert.deepEqual([status, text], [200, (await browser.request(ROUTE)).text]);
    });

    test('answers pages of allowed origins by CORS, and refuses all others', LIMIT, async (t) => {
      const { browser } = await start(t, { allowedOrigins: [APP] });
      const allowed = await browser.json(ROUTE, { headers: { origin: APP } });
      assert.equal(allowed.status, 200);
      assert.equal(allowed.headers.get('access-control-allow-origin'), APP);
      const preflight = await browser.request(ROUTE, { method: 'OPTIONS', headers: { origin: APP } });
      assert.equal(preflight.status, 204);
      const refused = await browser.json(ROUTE, { headers: { origin: 'https://evil.example' } });
      assert.equal(refused.status, 403);
      assert.equal(refused.body.code, 'ERR_BAD_ORIGIN');
    });

    for (const [said, becomes] of [
      ['Accept', 'Accept, Origin'],
      [['Accept', 'Cookie'], 'Accept, Cookie, Origin'],
      ['accept, origin', 'accept, origin'],
      ['*', '*'],
    ]) {
      test(`makes '${becomes}' of the app's Vary ${JSON.stringify(said)}`, LIMIT, async (t) => {
        const tell = (_req, res, next) => {
          res.setHeader('Vary', said);
          next();
        };
        const { browser } = await start(t, { before: [tell] });
        assert.equal((await browser.json(ROUTE)).headers.get('vary'), becomes);
      });
    }

    test("serves the client's module, once", LIMIT, async (t) => {
      const { url } = await start(t);
      const get = async (headers) => {
        // Not by `fetch`, which asks past every cache when it is given a condition.
        const [response] = await once(http.get(`${url}/io-session/client.js`, { headers }), 'response');
        response.resume();
        return response;
      };
      const first = await get();
      assert.equal(first.statusCode, 200);
      assert.equal(first.headers['content-type'], 'text/javascript; charset=utf-8');
      assert.equal((await get({ 'if-none-match': `W/${first.headers.etag}` })).statusCode, 304);
    });
  });
}

test('Connect: app.use(prefix, sharing.express()) is warned of as with Express', LIMIT, async (t) => {
  const sharing = shareSession();
  const app = connect();
  app.use('/io-session', sharing.express());
  const server = http.createServer(app);
  const url = await listen(server);
  t.after(async () => {
    await closeServer(server);
    sharing.close();
  });
  const warned = once(process, 'warning');
  assert.equal((await fetch(`${url}${ROUTE}`)).status, 404);
  assert.equal((await warned)[0].code, 'IO_SESSION_MOUNTED');
});

test('HTTP/2: the key route answers by the same rules', LIMIT, async (t) => {
  const sharing = shareSession({ allowedOrigins: [APP] });
  const server = http2.createServer(KINDS['node:http'](middlewares(sharing)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const authority = `127.0.0.1:${server.address().port}`;
  const client = http2.connect(`http://${authority}`);
  t.after(async () => {
    client.close();
    await new Promise((done) => server.close(done));
    sharing.close();
  });
  const get = async (path, headers) => {
    const stream = client.request({ ':path': path, ...headers });
    const [head] = await once(stream, 'response');
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk;
    return { ...head, body };
  };
  const {
    'set-cookie': [line],
  } = await get('/login');
  const cookie = line.split(';')[0];
  const own = await get(ROUTE, { cookie, origin: `http://${authority}` });
  assert.equal(own[':status'], 200);
  assert.match(JSON.parse(own.body).key, UUID_V4);
  const allowed = await get(ROUTE, { cookie, origin: APP });
  assert.equal(allowed['access-control-allow-origin'], APP);
  assert.equal(allowed.body, own.body);
  assert.equal((await get(ROUTE, { cookie, origin: 'https://evil.example' }))[':status'], 403);
  const { etag } = await get('/io-session/client.js');
  assert.equal((await get('/io-session/client.js', { 'if-none-match': etag }))[':status'], 304);
});
