'use strict';

// Socket.IO in a Zappa host with no session at all: what an event costs before anybody shares anything.

function bind_express() {}

function bind_io() {}

function bind_middleware() {}

module.exports = { binding: null, bind_express, bind_io, bind_middleware };
