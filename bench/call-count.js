'use strict';

// Counts the calls that reach a session store: on its prototype, so that a rival that looks whether a store's
// methods are its class's own finds what it finds in the timed runs.

const VERBS = ['get', 'set', 'destroy', 'touch'];

class CallCount {
  constructor(prototype) {
    this.reset();
    const countCall = (verb) => {
      this.calls[verb] += 1;
    };
    for (const verb of VERBS) {
      const method = prototype[verb];
      prototype[verb] = function (...args) {
        countCall(verb);
        return method.apply(this, args);
      };
    }
  }

  reset() {
    this.calls = Object.fromEntries(VERBS.map((verb) => [verb, 0]));
  }
}

module.exports = { CallCount };
