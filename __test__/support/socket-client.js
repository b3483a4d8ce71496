'use strict';

const { HttpClient } = require('./http-client.js');
const { socketIoClient } = require('./versions.js');

// A Socket.IO client with promises. It never reconnects by itself: a test says when.

class SocketClient {
  constructor(socket) {
    this.socket = socket;
  }

  get id() {
    return this.socket.id;
  }

  // Sends and waits for the acknowledgement.
  ask(event, ...args) {
    return new Promise((resolve) => {
      this.socket.emit(event, ...args, resolve);
    });
  }

  send(event, ...args) {
    this.socket.emit(event, ...args);
  }

  next(event) {
    return new Promise((resolve) => {
      this.socket.once(event, resolve);
    });
  }

  // Every message of that name, from now on.
  collect(event) {
    const received = [];
    this.socket.on(event, (data) => received.push(data));
    return received;
  }

  async reconnect() {
    // Socket.IO 2 cannot open a connection while the one before is still closing.
    const closed = new Promise((resolve) => this.socket.io.once('close', resolve));
    this.socket.disconnect();
    await closed;
    const connected = this.next('connect');
    this.socket.connect();
    await connected;
  }

  close() {
    this.socket.disconnect();
  }
}

async function connectSocket(url, { version = 4, ...options } = {}) {
  const socket = socketIoClient(version)(url, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    ...options,
  });
  await new Promise((resolve, reject) => {
    // Socket.IO 2 says by `error` that a middleware has refused it, without an Error.
    const refusals = version === 2 ? ['connect_error', 'error'] : ['connect_error'];
    const settle = () => {
      for (const event of refusals) socket.off(event, refused);
      socket.off('disconnect', closed);
    };
    const refused = (error) => {
      settle();
      socket.disconnect();
      reject(error);
    };
    // The connection is gone before the namespace has answered.
    const closed = (reason) => refused(new Error(`the connection was closed: ${reason}`));
    for (const event of refusals) socket.on(event, refused);
    socket.once('disconnect', closed);
    socket.once('connect', () => {
      settle();
      resolve();
    });
  });
  return new SocketClient(socket);
}

function keyPath(socketId, { prefix = '/zappa', channel = '__local' } = {}) {
  return `${prefix}/socket/${encodeURIComponent(channel)}/${encodeURIComponent(socketId)}`;
}

// What `zappajs-client` does at every (re)connect.
async function share(browser, socket, options) {
  const { status, body } = await browser.json(keyPath(socket.id, { prefix: browser.prefix, ...options }));
  const ack = await socket.ask('__zappa_key', { key: body.key });
  return { status, key: body.key, ack };
}

// A browser that has logged in, and a socket of its own that is bound to its session.
async function loggedIn(t, url) {
  const browser = new HttpClient(url);
  await browser.request('/login');
  const socket = await connectSocket(url);
  t.after(() => socket.close());
  await share(browser, socket);
  return { browser, socket };
}

module.exports = { connectSocket, keyPath, loggedIn, share };
