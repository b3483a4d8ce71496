'use strict';

/**
 * The events of sockets whose sessions are at hand in this process. They run together, after all packets that have
 * arrived have been read: their answers go out in one burst then, which costs less than to wake the clients one by one.
 *
 * @type {{ turn(): void }[]}
 */
let events = [];

/**
 * Runs an event after those that wait already.
 *
 * @param {{ turn(): void }} event
 */
function join(event) {
  if (events.push(event) === 1) setImmediate(run);
}

/** Runs what waits, in the order it came. */
function run() {
  const batch = events;
  events = [];
  let done = 0;
  try {
    while (done < batch.length) batch[done++].turn();
  } finally {
    // What a handler throws goes on to Node.js; the events behind it still have their turn.
    if (done < batch.length) {
      events = batch.slice(done).concat(events);
      setImmediate(run);
    }
  }
}

module.exports.join = join;
module.exports.run = run;
