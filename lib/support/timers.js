'use strict';

// The timers as they are when this package is loaded. Tests of an app put fake ones in their place later, which stand still: no
// event and no call to a store is to stand still with them.

const { clearTimeout, setImmediate, setTimeout } = require('node:timers');
const { setImmediate: nextTurn, setTimeout: delay } = require('node:timers/promises');
const { nextTick } = process;

module.exports = { clearTimeout, delay, nextTick, nextTurn, setImmediate, setTimeout };
