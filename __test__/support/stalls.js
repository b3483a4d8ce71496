'use strict';

// Loaded in front of a suite (`NODE_OPTIONS`, CONTRIBUTING.md), it stops each process now and then for up to half a second, as
// a machine does that has other things to do. What passes only where everything comes in time fails then.

const LONGEST = 500;

// Those that a test may put others in the place of.
const { setTimeout } = globalThis;
const cell = new Int32Array(new SharedArrayBuffer(4));

function stall() {
  Atomics.wait(cell, 0, 0, Math.random() * LONGEST);
  next();
}

function next() {
  setTimeout(stall, Math.random() * LONGEST).unref();
}

next();
