'use strict';

// The least that a ZappaJS host gives to an `io-session`: Express, Socket.IO, a context for every event, and the
// three functions of the rival called in Zappa's order.

const http = require('node:http');
const express = require('express5');
const session = require('express-session');
const { Server } = require('socketio4');

// Long enough that no heartbeat falls into a measurement.
const PING_INTERVAL = 3_600_000;

// `application(context)` is the application's own function.
function createHost({ rival, application }) {
  const app = express();
  const server = http.createServer(app);
  const io = new Server(server, {
    serveClient: false,
    transports: ['websocket'],
    pingInterval: PING_INTERVAL,
  });
  const handlers = [];
  const chain = [];

  const context = {
    app,
    io,
    settings: app.settings,
    session,
    session_store: undefined,
    get(path, handler) {
      app.get(path, (req, res) =>
        handler.call({
          app,
          io,
          settings: app.settings,
          req,
          res,
          params: req.params,
          query: req.query,
          session: req.session,
          json: (body) => res.json(body),
        }),
      );
    },
    on(event, handler) {
      handlers.push({ event, handler });
    },
    io_use(fn) {
      chain.push(fn);
    },
  };

  function dispatch(ctx, handler) {
    let position = 0;
    const next = (error) => {
      if (error) {
        throw error;
      }
      const fn = chain[position++];
      return fn === undefined ? handler.call(ctx, ctx.data, ctx.ack) : fn.call(ctx, ctx, ctx.res, next);
    };
    return next();
  }

  function contextOf(socket, client, event, data, ack) {
    return {
      app,
      io,
      settings: app.settings,
      socket,
      id: socket.id,
      client,
      event,
      data,
      ack,
      req: {},
      res: {},
    };
  }

  rival.bind_middleware({ context });
  application(context);
  rival.bind_express({ context });
  rival.bind_io({ context });

  io.on('connection', (socket) => {
    const client = {};
    for (const { event, handler } of handlers) {
      if (event === 'connection') {
        dispatch(contextOf(socket, client, event), handler);
      } else {
        socket.on(event, (data, ack) => dispatch(contextOf(socket, client, event, data, ack), handler));
      }
    }
  });

  return { context, server };
}

module.exports = { createHost };
