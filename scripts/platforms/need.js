'use strict';

// A need of a build or a run: whether it is met here, and how to meet it.

/** @typedef {{ isMet: boolean, how: string }} Need */

/** How to meet the needs that are not met. @param {Need[]} needs @returns {string[]} */
function missing(needs) {
  return needs.filter(({ isMet }) => !isMet).map(({ how }) => how);
}

/** A program of a Debian package. @param {import('./machine').Machine} machine @param {string} program @param {string} names */
function program(machine, program, names) {
  return { isMet: machine.hasProgram(program), how: `apt-get install ${names}` };
}

/** Packages of PyPI. @param {import('./machine').Machine} machine */
function pip(machine) {
  return { isMet: machine.hasPip, how: 'python3 with pip (Debian: apt-get install python3-pip)' };
}

module.exports = { missing, pip, program };
