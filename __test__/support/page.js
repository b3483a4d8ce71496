'use strict';

// The pages of the documentation, and the pieces of code on them.

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
// A mark in front says what a piece is: `run`, a program that ends, or `app`, one that prints its address and goes on.
const FENCE = /^(?:<!-- (run|app) -->\n)?```(\w*)\n([\s\S]*?)^```$/gm;

function readPage(...names) {
  return fs.readFileSync(path.join(ROOT, ...names), 'utf8');
}

// The pieces of code of a text, in their order.
function pieces(text) {
  return [...text.matchAll(FENCE)].map(({ 1: mark, 2: language, 3: code, index }) => ({
    mark,
    language,
    code,
    line: text.slice(0, index).split('\n').length,
  }));
}

module.exports = { FENCE, pieces, readPage };
