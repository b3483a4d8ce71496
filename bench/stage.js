'use strict';

// One server process with its crowd of browsers, logged in.

const path = require('node:path');
const { Child } = require('./child.js');
const { loadRival } = require('./rival.js');
const { STACKS } = require('./stacks.js');

let prefixes = 0;

// `folder` gets what the server did while it lived.
function profiling(folder, rival) {
  if (folder === undefined) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${rival}-${prefixes}.cpuprofile`];
}

class Stage {
  static async open({ load, redis, rival, store, stack = 'newest', bytes, size, count = false, profile }) {
    prefixes += 1;
    const parameters = { rival, store, stack, redisPort: redis.port, prefix: `bench${prefixes}:`, count };
    const server = new Child(path.join(__dirname, 'server.js'), {
      args: [JSON.stringify(parameters)],
      execArgv: ['--expose-gc', ...profiling(profile, rival)],
    });
    const { port } = await server.ask('listen');
    const stage = new Stage({ server, port, load, rival, stack });
    await stage.login({ size, bytes });
    return stage;
  }

  constructor({ server, port, load, rival, stack, name = '' }) {
    this.server = server;
    this.port = port;
    this.load = load;
    this.rival = rival;
    this.stack = stack;
    this.crowd = `${rival}:${port}${name}`;
    this.binding = loadRival(rival).binding;
  }

  // Another crowd at the same server: it leaves before this one closes the server.
  async joined({ size, bytes }) {
    const { server, port, load, rival, stack: versions } = this;
    const stage = new Stage({ server, port, load, rival, stack: versions, name: ' joined' });
    await stage.login({ size, bytes });
    return stage;
  }

  login({ size, bytes }) {
    return this.crowdDoes('login', { port: this.port, socketIo: STACKS[this.stack].socketIo, size, bytes });
  }

  crowdDoes(question, parameters = {}) {
    return this.load.ask(question, { crowd: this.crowd, ...parameters });
  }

  async connect() {
    await this.crowdDoes('connect', { binding: this.binding });
    if (this.binding !== null) await this.crowdDoes('checkBound');
  }

  // The young garbage of what went before is nobody's. A full collection would throw compiled code away with it.
  collect() {
    return this.server.ask('collect');
  }

  // The server's CPU, in µs, while the crowd does something, and a moment after.
  async cost(question, parameters) {
    await this.server.ask('startCpu');
    const done = await this.crowdDoes(question, parameters);
    return { done, ...(await this.server.ask('stopCpu')) };
  }

  leave() {
    return this.crowdDoes('close');
  }

  async close() {
    await this.leave();
    await this.server.end();
  }
}

module.exports = { Stage };
