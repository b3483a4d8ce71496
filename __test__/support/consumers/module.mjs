// Express 5 and Socket.IO 4 as an ES module: each name is found by `import`.

import express from 'express';
import session from 'express-session';
import { bind_express, bind_io, bind_middleware, EmbeddedStore } from 'io-session';
import { Server } from 'socket.io';
import { serve } from './serve.cjs';

const ioSession = { bind_express, bind_io, bind_middleware };
serve({ ioSession, express, session, Server, store: new EmbeddedStore() });
