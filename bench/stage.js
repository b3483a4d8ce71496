'use strict';

// One server process with its crowd of browsers, logged in.

const path = require('node:path');
const { Child } = require('./child.js');

let prefixes = 0;

class Stage {
  static async open({ load, redis, rival, store, bytes, size, count = false }) {
    prefixes += 1;
    const parameters = { rival, store, redisPort: redis.port, prefix: `bench${prefixes}:`, count };
    const server = new Child(path.join(__dirname, 'server.js'), {
      args: [JSON.stringify(parameters)],
      execArgv: ['--expose-gc'],
    });
    const { port } = await server.ask('listen');
    const stage = new Stage({ server, load, rival, crowd: `${rival}:${port}` });
    await stage.crowdDoes('login', { port, size, bytes });
    return stage;
  }

  constructor({ server, load, rival, crowd }) {
    this.server = server;
    this.load = load;
    this.rival = rival;
    this.crowd = crowd;
    // Bare Socket.IO has nothing to bind.
    this.binds = rival !== 'bare';
  }

  crowdDoes(question, parameters = {}) {
    return this.load.ask(question, { crowd: this.crowd, ...parameters });
  }

  connect() {
    return this.crowdDoes('connect', { bind: this.binds });
  }

  async close() {
    await this.crowdDoes('close');
    await this.server.end();
  }
}

module.exports = { Stage };
