'use strict';

// A promise that is settled by hand: how a test holds a handler or a store answer exactly as long as it needs,
// instead of sleeping and hoping.

function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

module.exports = { deferred };
