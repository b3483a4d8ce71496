// Express 5 and Socket.IO 4 in CommonJS, with the session store that the package brings.

const express = require('express');
const session = require('express-session');
const { Server } = require('socket.io');
const { EmbeddedStore, ...ioSession } = require('io-session');
const { serve } = require('./serve.cjs');

serve({ ioSession, express, session, Server, store: new EmbeddedStore() });
