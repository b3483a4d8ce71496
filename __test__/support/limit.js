'use strict';

// How long a test may take. It only turns "for ever" into a failure: a machine that does ten other things at the same time is
// not to reach it.
const LIMIT = { timeout: 120_000 };

module.exports = { LIMIT };
