'use strict';

// `node -r io-session/register app.js`: every zappajs in the process uses this package in place of its own io-session.

require('./lib/register').install();
