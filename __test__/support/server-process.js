'use strict';

// A database server in a folder of its own, which it listens in: no port to be taken. Servers refuse to run as root, so
// that root starts them as nobody.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const NOBODY = 65_534;
const AS_NOBODY = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

function makeFolder(name) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `io-session-${name}-`));
  if (AS_NOBODY.uid) fs.chownSync(folder, NOBODY, NOBODY);
  return folder;
}

// A command that ends by itself.
async function run(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...AS_NOBODY });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output}`);
}

class ServerProcess {
  // `ready`: what it writes on stderr when it can be asked. `quit`: the signal that ends it at once.
  constructor({ command, args, folder, ready, quit }) {
    Object.assign(this, { command, args, folder, ready, quit });
    this.onExit = () => this.remove();
    // A test process that dies early must not leave a server behind.
    process.once('exit', this.onExit);
  }

  async start() {
    this.child = spawn(this.command, this.args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      cwd: this.folder,
      ...AS_NOBODY,
    });
    const { child } = this;
    this.exited = once(child, 'exit');
    let output = '';
    await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${this.command} ended with ${code}:\n${output}`)));
      readline.createInterface({ input: child.stderr }).on('line', (line) => {
        output += `${line}\n`;
        if (line.includes(this.ready)) resolve();
      });
    });
    return this;
  }

  // Ends it in the middle of whatever it does, as a crash would.
  async crash() {
    this.child.kill(this.quit);
    await this.exited;
  }

  async restart() {
    await this.crash();
    await this.start();
  }

  async stop() {
    await this.crash();
    process.removeListener('exit', this.onExit);
    this.remove();
  }

  remove() {
    this.child?.kill(this.quit);
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

module.exports = { ServerProcess, makeFolder, run };
