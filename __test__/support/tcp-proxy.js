'use strict';

// Stands between a client and a server: adds latency, drops connections, leads elsewhere.

const { once } = require('node:events');
const net = require('node:net');
const { setTimeout: delay } = require('node:timers/promises');

class TcpProxy {
  // `target`: the port that new connections are led to. `latency`: ms that each piece of data takes, in either direction.
  constructor(target) {
    this.target = target;
    this.latency = 0;
    this.sockets = new Set();
    this.server = net.createServer((near) => this.connect(near));
  }

  async listen() {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
    return this;
  }

  connect(near) {
    const far = net.connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      this.sockets.add(from);
      from.setNoDelay(true);
      // In order, also when the latency changes.
      let before = Promise.resolve();
      from.on('data', (data) => {
        before = Promise.all([before, delay(this.latency)]).then(() => to.destroyed || to.write(data));
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }

  // Every connection that there is; new ones are accepted.
  drop() {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop() {
    this.server.close();
    this.drop();
    await once(this.server, 'close');
  }
}

function startProxy(target) {
  return new TcpProxy(target).listen();
}

module.exports = { startProxy };
