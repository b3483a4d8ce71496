'use strict';

const { channel } = require('node:diagnostics_channel');
const native = require('../../native.js');

/** Where it says what it does, for tracing and metrics; docs/observability.md has the messages. */
const channels = {
  bind: channel('io-session:bind'),
  load: channel('io-session:load'),
  commit: channel('io-session:commit'),
  merge: channel('io-session:merge'),
  end: channel('io-session:end'),
  lookUp: channel('io-session:look-up'),
  change: channel('io-session:change'),
};

/** @typedef {keyof typeof channels} Name */

/** The time in ms, if somebody listens; 0 else: nobody pays for what nobody hears. @param {Name} name */
function begin(name) {
  return channels[name].hasSubscribers ? performance.now() : 0;
}

/**
 * Tells those who listen.
 * @param {Name} name @param {string} sid said as a short hash @param {{ [field: string]: unknown }} message
 * @param {number} [began] what `begin` gave: `duration` in ms is added
 */
function publish(name, sid, message, began) {
  if (!channels[name].hasSubscribers) return;
  const duration = began ? { duration: performance.now() - began } : undefined;
  channels[name].publish({ session: `#${native.fingerprint(sid)}`, ...message, ...duration });
}

module.exports = { begin, publish };
