'use strict';

module.exports = { ...require('./ours-share.js'), store: 'Redis, client-side cache' };
