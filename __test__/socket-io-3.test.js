'use strict';

// Socket.IO 3 emits past what can be followed. It is refused, with words that say what to do, before anything is half done.

const { after, before, test } = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const { setImmediate: turn } = require('node:timers/promises');
const { Server } = require('socketio3');
const { shareSession } = require('..');
const { closeServer, listen } = require('./support/http-server.js');
const { LIMIT } = require('./support/limit.js');
const { connectSocket } = require('./support/socket-client.js');

const REFUSED = /Socket\.IO 3\b.*\b2 or 4\b/s;

const warnings = [];
const collect = ({ message }) => warnings.push(message);
before(() => process.on('warning', collect));
after(() => process.off('warning', collect));

async function begin(t) {
  const sharing = shareSession();
  const web = http.createServer();
  const io = new Server(web, { serveClient: false });
  const url = await listen(web);
  t.after(async () => {
    io.close();
    await closeServer(web);
    sharing.close();
  });
  return { io, sharing, url };
}

test('sharing.socket(io) refuses a server and a namespace of Socket.IO 3', LIMIT, async (t) => {
  const { io, sharing } = await begin(t);
  for (const place of [io, io.of('/chat')]) {
    assert.throws(() => sharing.socket(place), { name: 'TypeError', message: REFUSED });
  }
});

test(
  'where it is seen at the first socket only, each connection is refused, and a warning says so once',
  LIMIT,
  async (t) => {
    const { io, sharing, url } = await begin(t);
    io.use(sharing.socket());
    let connections = 0;
    io.on('connection', () => {
      connections += 1;
    });
    for (let n = 0; n < 3; n += 1) await assert.rejects(connectSocket(url), { message: REFUSED });
    await turn();
    assert.equal(connections, 0);
    assert.deepEqual(
      warnings.map((message) => REFUSED.test(message)),
      [true],
    );
  },
);

test('a server of Socket.IO 4 beside it is served', LIMIT, async (t) => {
  const { sharing } = await begin(t);
  const web = http.createServer();
  const io = new (require('socketio4').Server)(web, { serveClient: false });
  io.use(sharing.socket(io));
  const url = await listen(web);
  t.after(async () => {
    io.close();
    await closeServer(web);
  });
  const client = await connectSocket(url);
  client.close();
});
