'use strict';

// Where PostgreSQL's programs are: Debian keeps those of a server off the PATH, in a folder for each version.

const fs = require('node:fs');
const path = require('node:path');

const DEBIAN = '/usr/lib/postgresql';

/**
 * The path of one of its programs, the newest version's; its bare name where Debian's folder is not there.
 *
 * @param {string} name
 * @returns {string}
 */
function postgresProgram(name) {
  const versions = fs.existsSync(DEBIAN) ? fs.readdirSync(DEBIAN) : [];
  const found = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => path.join(DEBIAN, version, 'bin', name))
    .find((file) => fs.existsSync(file));
  return found ?? name;
}

module.exports = { postgresProgram };
