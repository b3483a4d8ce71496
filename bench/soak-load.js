'use strict';

// The clients of the soak: log in, bind, send an event, disconnect, again and again, and log out.

const { Manager } = require('socketio4-client');
const { answer } = require('./child.js');
const { Browser } = require('./browser.js');

const CLIENTS = 50;
const SESSION_BYTES = 1024;
// Connections of one session, over one WebSocket: opening it costs more than all that is soaked here.
const CYCLES_PER_SESSION = 20;

function disconnected(socket) {
  return new Promise((resolve) => {
    socket.once('disconnect', resolve);
    socket.disconnect();
  });
}

async function runSession(browser, { cycles, binding }) {
  await browser.login(SESSION_BYTES);
  if (binding === 'key') await browser.fetchKey();
  const manager = new Manager(browser.url, {
    transports: ['websocket'],
    reconnection: false,
    extraHeaders: binding === 'cookie' ? { cookie: browser.cookie } : {},
  });
  // Keeps the WebSocket open while no socket of the main namespace is connected.
  const idle = manager.socket('/idle');
  await new Promise((resolve, reject) => {
    idle.once('connect', resolve);
    manager.once('error', reject);
  });
  browser.socket = manager.socket('/', { auth: { key: browser.key } });
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    if (cycle > 0) {
      browser.socket.connect();
    }
    await browser.connected();
    if (binding === 'handshake') {
      await browser.bind();
    }
    await browser.emit(cycle % 2 === 0 ? 'write' : 'read', { number: cycle });
    await disconnected(browser.socket);
    // A CONNECT that reaches Socket.IO in one piece with the DISCONNECT before it is lost.
    await new Promise((resolve) => {
      idle.emit('settled', resolve);
    });
  }
  await disconnected(idle);
  await browser.get('/logout');
}

answer({
  async run({ port, cycles, binding }) {
    let left = cycles;
    const client = async (_, number) => {
      const browser = new Browser({ port, number });
      while (left > 0) {
        const share = Math.min(left, CYCLES_PER_SESSION);
        left -= share;
        await runSession(browser, { cycles: share, binding });
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  },
});
