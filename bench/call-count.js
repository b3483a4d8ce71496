'use strict';

// Counts the calls that reach a session store. On the instance and before anybody else sees it, so that the store
// keeps its class and a rival that follows the store's methods stays outside of the count.

const VERBS = ['get', 'set', 'destroy', 'touch'];

class CallCount {
  constructor(store) {
    this.reset();
    for (const verb of VERBS) {
      const method = store[verb];
      store[verb] = (...args) => {
        this.calls[verb] += 1;
        return method.apply(store, args);
      };
    }
  }

  reset() {
    this.calls = Object.fromEntries(VERBS.map((verb) => [verb, 0]));
  }
}

module.exports = { CallCount };
