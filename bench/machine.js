'use strict';

const os = require('node:os');
const path = require('node:path');

/** What the numbers are taken on. `loadBefore`: the processes that wanted a core when the run began. */
function machine() {
  return {
    platform: `${process.platform} ${process.arch}`,
    cpu: os.cpus()[0]?.model,
    cores: os.cpus().length,
    loadBefore: os.loadavg()[0],
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
  };
}

/** What was typed, as a shell takes it. */
function commandLine() {
  const [, script, ...args] = process.argv;
  const words = args.map((word) => (/^[\w./,:=-]+$/.test(word) ? word : `'${word}'`));
  return ['node', path.relative(process.cwd(), script), ...words].join(' ');
}

module.exports = { commandLine, machine };
