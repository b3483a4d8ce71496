'use strict';

module.exports = { ...require('./ours-share.js'), store: 'embedded' };
