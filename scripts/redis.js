'use strict';

const { StepError, isInstalled, step } = require('./step');

/**
 * Makes sure of a redis-server for the suites that start one of their own.
 *
 * @returns {boolean} is there one now?
 */
function installRedis() {
  if (isInstalled('redis-server')) {
    return true;
  }
  // Nothing is installed behind a person's back: only where the user may do it without a password.
  if (process.getuid?.() !== 0 || !isInstalled('apt-get')) {
    return false;
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  try {
    step('redis-server: package lists', 'apt-get', ['update', '-qq'], { env });
    step('redis-server', 'apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'], {
      env,
    });
  } catch (error) {
    if (!(error instanceof StepError)) {
      throw error;
    }
    console.error(error.message);
  }
  return isInstalled('redis-server');
}

module.exports = { installRedis };
