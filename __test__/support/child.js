'use strict';

// A script in a process of its own, where a test is about that process: does it live, what does it exit with.

const { fork } = require('node:child_process');
const { once } = require('node:events');

class Child {
  constructor(process) {
    this.process = process;
    this.stdout = '';
    this.stderr = '';
    this.messages = [];
    this.waiting = [];
    process.stdout.on('data', (text) => {
      this.stdout += text;
    });
    process.stderr.on('data', (text) => {
      this.stderr += text;
    });
    // 'close', not 'exit': only then has everything it wrote arrived.
    this.exit = once(process, 'close').then(([code, signal]) => ({ code, signal }));
    process.on('message', (message) => {
      this.messages.push(message);
      this.waiting = this.waiting.filter((wait) => !wait(message));
    });
  }

  // The message of that kind, come or to come. Fails when the process ends first.
  message(type) {
    const come = this.messages.find((message) => message.type === type);
    if (come) {
      return Promise.resolve(come);
    }
    const later = new Promise((resolve) => {
      this.waiting.push((message) => {
        if (message.type !== type) {
          return false;
        }
        resolve(message);
        return true;
      });
    });
    const gone = this.exit.then(({ code, signal }) => {
      throw new Error(`the child ended (${code ?? signal}) before it said "${type}"\n${this.stderr}`);
    });
    gone.catch(() => {});
    return Promise.race([later, gone]);
  }

  tell(message) {
    this.process.send(message);
  }
}

// `input` reaches the script as the JSON text in process.argv[2].
function startChild(t, script, input = {}, options = {}) {
  const child = new Child(
    fork(script, [JSON.stringify(input)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], ...options }),
  );
  t.after(() => {
    child.process.kill('SIGKILL');
    return child.exit;
  });
  return child;
}

module.exports = { startChild };
