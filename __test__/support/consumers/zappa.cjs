// An app as Zappa makes them: the three functions, and the app's own session store.

const express = require('express');
const session = require('express-session');
const { Server } = require('socket.io');
const ioSession = require('io-session');
const { serve } = require('./zappa-host.cjs');

serve({ ioSession, express, session, Server, store: new session.MemoryStore() });
