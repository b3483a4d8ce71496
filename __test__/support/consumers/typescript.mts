// Express 5 and Socket.IO 4 in TypeScript, with types alone that can be stripped.

import express from 'express';
import session from 'express-session';
import { bind_express, bind_io, bind_middleware, EmbeddedStore, type EmbeddedStoreOptions } from 'io-session';
import { Server } from 'socket.io';
import { serve } from './serve.cjs';

const options: EmbeddedStoreOptions = { maxSessions: 1000 };
const store: session.Store = new EmbeddedStore(options);
serve({ ioSession: { bind_express, bind_io, bind_middleware }, express, session, Server, store });
