'use strict';

module.exports.EmbeddedStore = require('./stores/embedded-store.js').EmbeddedStore;
