'use strict';

// Socket.IO with no session at all: what an event costs before anybody shares anything.

function bind_express() {}

function bind_io() {}

function bind_middleware() {}

module.exports = { bind_express, bind_io, bind_middleware };
