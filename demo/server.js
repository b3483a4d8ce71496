'use strict';

// The page to try, as somebody writes an app with `shareSession`: Express 5, Socket.IO 4, an EmbeddedStore. The two servers
// have two names as well as two ports, because a cookie ignores the port: the session cookie of `localhost` never reaches the
// sockets of `127.0.0.1`.

const express = /** @type {typeof import('express')} */ (require('express5'));
const session = require('express-session');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');
const { Server } = require('socketio4');
const { shareSession } = require('../index.js');
const { listen } = require('./host.js');

const COOKIE = 'demo.sid';
const PAGE = path.join(__dirname, 'page');

/** What the demo keeps in its sessions. @typedef {{ name?: string, marks?: Record<string, string> }} Data */

/**
 * Starts both servers.
 *
 * @param {{ port: number, life?: number }} options `port` 0: any free ports, else Express's, and the next for Socket.IO; how long a
 *   session lives, in ms
 */
async function startServer({ port, life = 60_000 }) {
  const app = express();
  const pages = http.createServer(app);
  const sockets = http.createServer();
  const origins = {
    pages: await listen(pages, port, 'localhost'),
    sockets: await listen(sockets, port && port + 1, '127.0.0.1'),
  };
  const io = new Server(sockets, { cors: { origin: origins.pages } });

  const sharing = shareSession({
    allowedOrigins: [origins.pages],
    // The other tabs are told, whoever has changed the session: HTTP or a socket.
    onSessionChange: ({ socket, session: changed }) => {
      const { name = null } = /** @type {any} */ (changed);
      /** @type {any} */ (socket).emit('changed', { name });
    },
    onError: (error, { event }) => console.error(`The event ${event} failed:`, error),
  });
  app.use(express.static(PAGE, { index: false }));
  app.use(
    session({
      store: sharing.store,
      name: COOKIE,
      secret: 'only for a demo',
      resave: false,
      saveUninitialized: false,
      // Each HTTP request begins the life of the session anew. A socket that only listens does not.
      rolling: true,
      cookie: { maxAge: life },
    }),
  );
  app.use(sharing.express());
  app.use(express.json());
  io.use(sharing.socket());

  defineRoutes(app, origins);
  defineEvents(io, sharing);

  return {
    ...origins,
    async close() {
      await io.close();
      pages.closeAllConnections();
      await new Promise((resolve) => pages.close(resolve));
      await sharing.close();
      sharing.store.close();
    },
  };
}

/** How long a writer of a mark takes: each loads the session before another has saved it. */
const slowly = () => delay(10 + Math.random() * 40);

/**
 * @param {import('express').Express} app
 * @param {{ sockets: string }} origins
 */
function defineRoutes(app, { sockets }) {
  app.get('/', (_req, res) => {
    const page = fs.readFileSync(path.join(PAGE, 'index.html'), 'utf8');
    res.type('html').send(page.replaceAll('{{sockets}}', sockets));
  });

  app.get('/me', (req, res) => {
    res.json({ name: data(req).name ?? null });
  });

  app.post('/login', (req, res, next) => {
    const name = String(req.body.name).slice(0, 40);
    req.session.regenerate((error) => {
      if (error) return next(error);
      data(req).name = name;
      res.json({ name });
    });
  });

  app.post('/logout', (req, res, next) => {
    req.session.destroy((error) => {
      if (error) return next(error);
      res.clearCookie(COOKIE).json({ name: null });
    });
  });

  app.post('/mark', async (req, res) => {
    await slowly();
    data(req).marks = { ...data(req).marks, [`m${Number(req.body.cell)}`]: 'http' };
    res.json({});
  });
}

/**
 * @param {Server} io
 * @param {import('../index.js').SessionSharing} sharing
 */
function defineEvents(io, sharing) {
  let events = 0;

  io.on('connection', (/** @type {any} */ socket) => {
    socket.onAny(() => {
      events += 1;
    });

    // What the page shows, four times a second: a load each time, and never a write.
    socket.on('look', (/** @type {(answer: object) => void} */ ack) => {
      const { cookie: ends, id, marks = {}, name = null } = socket.session;
      const left = ends.expires ? ends.expires.getTime() - Date.now() : null;
      const tabs = sharing.socketsOf(id).length;
      const cookie = socket.handshake.headers.cookie !== undefined;
      ack({ name, marks, tabs, cookie, left, stats: { events, ...sharing.stats() } });
    });

    socket.on('rename', (/** @type {string} */ name, /** @type {(answer: object) => void} */ ack) => {
      if (!socket.session.name) return ack({ error: 'Log in first: a stranger has no name to change.' });
      socket.session.name = String(name).slice(0, 40);
      ack({ name: socket.session.name });
    });

    socket.on('mark', async (/** @type {number} */ cell, /** @type {(answer: object) => void} */ ack) => {
      await slowly();
      socket.session.marks = { ...socket.session.marks, [`m${Number(cell)}`]: 'socket' };
      ack({});
    });

    socket.on('clear', (/** @type {(answer: object) => void} */ ack) => {
      socket.session.marks = {};
      ack({});
    });
  });
}

/** @param {import('express').Request} req @returns {import('express-session').Session & Data} */
function data(req) {
  return /** @type {any} */ (req.session);
}

module.exports = { startServer };
