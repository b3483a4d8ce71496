'use strict';

module.exports = { ...require('./ours.js'), store: 'embedded, path' };
