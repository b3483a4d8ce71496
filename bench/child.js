'use strict';

// A process of the benchmark and the questions it answers: one message there, one back.

const { fork } = require('node:child_process');

class Child {
  constructor(script, { args = [], execArgv = [] } = {}) {
    this.pending = new Map();
    this.number = 0;
    this.process = fork(script, args, { execArgv });
    this.process.on('message', ({ number, result, error }) => {
      const { resolve, reject } = this.pending.get(number);
      this.pending.delete(number);
      if (error === undefined) {
        resolve(result);
      } else {
        reject(new Error(error));
      }
    });
    this.process.on('exit', (code, signal) => {
      this.exited = true;
      for (const { reject } of this.pending.values()) {
        reject(new Error(`${script} ${args.join(' ')} ended with ${signal ?? code}`));
      }
      this.pending.clear();
    });
  }

  ask(question, parameters = {}) {
    if (this.exited) {
      return Promise.reject(new Error(`${this.process.spawnargs.slice(1).join(' ')} has ended`));
    }
    const number = this.number++;
    return new Promise((resolve, reject) => {
      this.pending.set(number, { resolve, reject });
      this.process.send({ number, question, parameters });
    });
  }

  end() {
    if (this.exited) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.process.once('exit', resolve);
      this.process.disconnect();
    });
  }
}

// The child's half: `answers` maps a question to a function, which may be asynchronous.
function answer(answers) {
  process.on('message', async ({ number, question, parameters }) => {
    try {
      process.send({ number, result: await answers[question](parameters) });
    } catch (error) {
      process.send({ number, error: error.stack });
    }
  });
  // Never outlive the process that asked.
  process.on('disconnect', () => process.exit());
}

module.exports = { Child, answer };
