'use strict';

// A real PostgreSQL, fast rather than safe from a power cut. What it has acknowledged survives its own end.

const path = require('node:path');
const { after, before } = require('node:test');
const { postgresProgram } = require('../../scripts/postgres.js');
const { ServerProcess, makeFolder, run } = require('./server-process.js');

async function startPostgres() {
  const folder = makeFolder('postgres');
  const data = path.join(folder, 'data');
  await run(postgresProgram('initdb'), [
    ...['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--no-locale', '-E', 'UTF8'],
  ]);
  const settings = {
    listen_addresses: '',
    unix_socket_directories: folder,
    fsync: 'off',
    full_page_writes: 'off',
    max_connections: 60,
    shared_buffers: '32MB',
  };
  const server = new ServerProcess({
    command: postgresProgram('postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    folder,
    ready: 'ready to accept connections',
    quit: 'SIGQUIT',
  });
  // What `pg` takes to connect.
  server.config = { host: folder, user: 'postgres', database: 'postgres' };
  return server.start();
}

// One for the tests of a suite, or of the `describe` in which it is called: there before them, gone after them.
function suitePostgres() {
  let server;
  before(async () => {
    server = await startPostgres();
  });
  after(() => server.stop());
  return {
    get config() {
      return server.config;
    },
  };
}

module.exports = { startPostgres, suitePostgres };
