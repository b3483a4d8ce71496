'use strict';

// A real MariaDB, fast rather than safe.

const path = require('node:path');
const { ServerProcess, makeFolder, run } = require('./server-process.js');

async function startMariadb() {
  const folder = makeFolder('mariadb');
  const data = path.join(folder, 'data');
  await run('mariadb-install-db', [
    ...['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db'],
  ]);
  const socketPath = path.join(folder, 'socket');
  const server = new ServerProcess({
    command: 'mariadbd',
    args: [
      ...['--no-defaults', `--datadir=${data}`, `--socket=${socketPath}`, '--skip-networking'],
      ...['--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=32M', '--skip-log-bin'],
      ...[`--pid-file=${path.join(folder, 'pid')}`],
    ],
    folder,
    ready: 'ready for connections',
    quit: 'SIGKILL',
  });
  // What `mysql2` takes to connect.
  server.config = { socketPath, user: 'root', database: 'mysql' };
  return server.start();
}

module.exports = { startMariadb };
