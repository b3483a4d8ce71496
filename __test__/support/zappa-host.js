'use strict';

// A host shaped like ZappaJS 6.5.0: what `bind_express`, `bind_io` and `bind_middleware` are called with, and in which
// order. It guards nothing that Zappa does not guard: a throw or a rejection must be as visible here as there. The
// measurements of bench/ run on it, too.

const http = require('node:http');
const { EventEmitter } = require('node:events');
const { closeServer, listen } = require('./http-server.js');
const { makeIo } = require('./versions.js');

// The Express side: `this` of a route's handler.
function requestContext({ app, io }, req, res) {
  return {
    app,
    settings: app.settings,
    req,
    res,
    params: req.params,
    query: req.query,
    body: req.body,
    session: req.session,
    get id() {
      return req.session?.__socket?.[app.settings.zappa_channel]?.id;
    },
    json: (...args) => res.json(...args),
    send: (...args) => res.send(...args),
    emit(event, data) {
      if (this.id != null) {
        io.sockets.in(this.id).emit(event, data);
      }
    },
  };
}

function addRoute(host, path, handler) {
  host.app.get(path, (req, res, next) => {
    const result = handler.call(requestContext(host, req, res), req, res, next);
    if (typeof result === 'string') {
      res.send(result);
    } else if (typeof result?.then === 'function') {
      result.then((text) => typeof text === 'string' && res.send(text), next);
    }
  });
}

// Runs an event's handler behind the middlewares: `next()` gives what the handler has returned, and what `next(error)` is
// called with is thrown.
function runChain(middlewares, handler, ctx) {
  const step = (index) => {
    if (index === middlewares.length) {
      return handler.call(ctx, ctx.data, ctx.ack);
    }
    return middlewares[index].call(ctx, ctx, ctx.res, (error) => {
      if (error) {
        throw error;
      }
      return step(index + 1);
    });
  };
  return step(0);
}

// The Socket.IO side: `this` of an event's handler. A fresh one per event and handler; only `client` lasts as long as the
// connection.
function eventContext(host, socket, client, event, data, ack) {
  const { app, io } = host;
  return {
    app,
    io,
    settings: app.settings,
    locals: app.locals,
    socket,
    id: socket.id,
    client,
    event,
    data,
    ack,
    req: { body: data },
    res: { locals: app.locals },
    emit(name, value, asked) {
      if (typeof asked !== 'function') {
        socket.emit(name, value);
        return;
      }
      // The client's answer has a context of its own, which no middleware has seen.
      socket.emit(name, value, (...answer) => {
        asked.apply(eventContext(host, socket, client, name, answer[0]), answer);
      });
    },
    broadcast: (name, value) => socket.broadcast.emit(name, value),
    join: (room) => socket.join(room),
    leave: (room) => socket.leave(room),
  };
}

function plainSettings(settings) {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)),
  );
}

function serveSockets(host, handlers, middlewares) {
  host.io.on('connection', (socket) => {
    const client = {};
    host.clients.set(socket.id, client);
    const dispatch = (event, handler, data, ack) => {
      host.traffic.emit(event, socket.id);
      // The result goes nowhere, as in Zappa: a rejection that nobody handles is seen as unhandled.
      runChain(middlewares, handler, eventContext(host, socket, client, event, data, ack));
    };
    for (const { event, handler } of handlers) {
      if (event === 'disconnect') {
        socket.on('disconnect', () => dispatch(event, handler));
      } else if (event !== 'connection') {
        socket.on(event, (data, ack) => dispatch(event, handler, data, ack));
      }
    }
    socket.on('__zappa_settings', (_data, ack) => ack?.(plainSettings(host.app.settings)));
    socket.on('disconnect', () => {
      host.clients.delete(socket.id);
      host.traffic.emit('host:disconnect', socket.id);
    });
    for (const { event, handler } of handlers) {
      if (event === 'connection') {
        dispatch(event, handler);
      }
    }
  });
}

// Calls the three functions of an io-session as Zappa does: one before the app's own function, two after it. The app's
// function `define` gets the context, too. `traffic` tells a test that an event has reached the host, before any middleware saw it.
function bindZappa({ ioSession, app, io, session, define }) {
  const host = { app, io, clients: new Map(), traffic: new EventEmitter() };
  const handlers = [];
  const middlewares = [];
  host.context = {
    app,
    io,
    settings: app.settings,
    session,
    get: (path, handler) => addRoute(host, path, handler),
    on: (event, handler) => handlers.push({ event, handler }),
    io_use: (fn) => middlewares.push(fn),
    use(item) {
      if (typeof item === 'function') {
        app.use(item);
        return;
      }
      host.context.session_store = item.session.store;
      app.use(session(item.session));
    },
  };
  const { context } = host;
  ioSession.bind_middleware({ context });
  define.call(context, context);
  ioSession.bind_express({ context });
  ioSession.bind_io({ context });
  serveSockets(host, handlers, middlewares);
  return host;
}

// `sessionOptions: null` is an app that never says `@use session`.
async function startHost({
  ioSession,
  express,
  socketio,
  session = require('express-session'),
  sessionOptions = {},
  store,
  settings = {},
  app: appFunction = () => {},
  splitPorts = false,
  middleware = [],
}) {
  const app = express();
  app.set('zappa_prefix', '/zappa');
  app.set('zappa_channel', '__local');
  // Quiet: Express prints the stack of every error it answers, unless it runs under test.
  app.set('env', 'test');

  const server = http.createServer(app);
  const ioServer = splitPorts ? http.createServer() : server;
  const io = makeIo(socketio, ioServer);
  const host = bindZappa({
    ioSession,
    app,
    io,
    session,
    define(context) {
      for (const fn of middleware) {
        context.use(fn);
      }
      for (const [name, value] of Object.entries(settings)) {
        app.set(name, value);
      }
      if (sessionOptions) {
        context.use({
          session: {
            secret: 'not a secret',
            resave: false,
            saveUninitialized: false,
            store,
            ...sessionOptions,
          },
        });
      }
      appFunction.call(context, context);
    },
  });

  const url = await listen(server);
  const ioUrl = splitPorts ? await listen(ioServer) : url;

  return Object.assign(host, {
    server,
    url,
    ioUrl,
    async close() {
      io.close();
      await closeServer(ioServer);
      await closeServer(server);
    },
  });
}

module.exports = { bindZappa, startHost };
