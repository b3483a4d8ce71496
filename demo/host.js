'use strict';

// A host in the shape of ZappaJS, as small as it can be: it makes the `context` that io-session is bound to.
// Unlike Zappa it serves Express and Socket.IO from two servers, as two machines behind two names would.

const express = require('express4');
const session = require('express-session');
const http = require('node:http');
const { Server } = require('socketio4');
const { bind_express, bind_io, bind_middleware } = require('../index.js');

/** @typedef {import('express-session').Session & Record<string, any>} Session */

/**
 * What `this` is in a route's handler.
 * @typedef {{
 *   req: import('express').Request, res: import('express').Response, params: Record<string, string>, body: any,
 *   session: Session, json: (body: unknown) => void, emit: (event: string, data: unknown) => void,
 * }} RouteContext
 */

/**
 * What `this` is in an event's handler.
 * @typedef {{
 *   socket: import('socketio4').Socket, id: string, client: Record<string, unknown>, event: string, data: any,
 *   ack: unknown, req: any, res: any, session?: Session,
 * }} EventContext
 */

/** @typedef {(this: RouteContext) => void} RouteHandler */
/** @typedef {(this: EventContext, data: any, ack: any) => unknown} EventHandler */
/** @typedef {(ctx: EventContext, res: any, next: (error?: unknown) => unknown) => unknown} EventMiddleware */

/** @typedef {ReturnType<typeof createContext>} Context */

function createContext() {
  const app = express();
  const io = new Server({ cors: { origin: true } });
  app.use(express.json());
  app.set('zappa_prefix', '/zappa');
  app.set('zappa_channel', '__local');

  /** @type {Map<string, EventHandler>} */
  const handlers = new Map();
  /** @type {EventMiddleware[]} */
  const middlewares = [];

  /**
   * @param {'get' | 'post'} verb
   * @returns {(path: string, handler: RouteHandler) => void}
   */
  const route = (verb) => (path, handler) => {
    app[verb](path, (req, res) => {
      const current = /** @type {Session} */ (req.session);
      handler.call({
        req,
        res,
        params: /** @type {Record<string, string>} */ (req.params),
        body: req.body,
        session: current,
        json: (body) => void res.json(body),
        // Zappa's @emit: from an HTTP handler to the socket of the browser that sent the request.
        emit: (event, data) => {
          const socket = current?.__socket?.[app.get('zappa_channel')]?.id;
          if (socket) {
            io.to(socket).emit(event, data);
          }
        },
      });
    });
  };

  return {
    app,
    io,
    session,
    handlers,
    middlewares,
    /** Absent until the app has said `use_session`. @type {import('express-session').Store | undefined} */
    session_store: undefined,
    get: route('get'),
    post: route('post'),
    /** @param {string} event @param {EventHandler} handler */
    on: (event, handler) => void handlers.set(event, handler),
    /** @param {EventMiddleware} middleware */
    io_use: (middleware) => void middlewares.push(middleware),
    /** Zappa's `@use session: options`. @param {import('express-session').SessionOptions} options */
    use_session(options) {
      this.session_store = options.store;
      app.use(session(options));
    },
  };
}

/**
 * Runs an event's handler behind the middlewares.
 *
 * @param {Context} context
 * @param {EventContext} ctx
 * @param {EventHandler} handler
 */
async function dispatch({ middlewares }, ctx, handler) {
  /** @param {number} index @returns {unknown} */
  const run = (index) => {
    const middleware = middlewares[index];
    if (!middleware) {
      return handler.call(ctx, ctx.data, ctx.ack);
    }
    return middleware(ctx, ctx.res, (error) => {
      if (error) {
        throw error;
      }
      return run(index + 1);
    });
  };
  try {
    await run(0);
  } catch {
    // It has gone to the app's own `onError`.
  }
}

/** @param {Context} context */
function serveEvents(context) {
  context.io.on('connection', (socket) => {
    /** One object per connection: io-session keeps the binding here. @type {Record<string, unknown>} */
    const client = {};
    /** @param {string} event @param {EventHandler} handler @param {unknown} [data] @param {unknown} [ack] */
    const receive = (event, handler, data, ack) => {
      const ctx = { socket, id: socket.id, client, event, data, ack, req: {}, res: {} };
      void dispatch(context, ctx, handler);
    };
    for (const [event, handler] of context.handlers) {
      if (event === 'connection') {
        receive(event, handler);
      } else {
        socket.on(event, (data, ack) => receive(event, handler, data, ack));
      }
    }
  });
}

/**
 * @param {http.Server} server
 * @param {number} port
 * @param {string} name
 * @returns {Promise<string>} its origin
 */
function listen(server, port, name) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, name, () => {
      const address = /** @type {import('node:net').AddressInfo} */ (server.address());
      resolve(`http://${name}:${address.port}`);
    });
  });
}

/**
 * Starts an app. The two servers have two names as well as two ports, because a cookie ignores the port: the
 * session cookie of `localhost` never reaches the sockets of `127.0.0.1`.
 *
 * @param {(context: Context) => void} define the app
 */
async function startHost(define) {
  const context = createContext();
  const pages = http.createServer(context.app);
  const sockets = http.createServer();
  // Zappa's order: the middleware before the app's own function, the rest after it.
  bind_middleware({ context });
  define(context);
  bind_express({ context });
  bind_io({ context });

  serveEvents(context);
  context.io.attach(sockets);

  return {
    context,
    pages: await listen(pages, 0, 'localhost'),
    sockets: await listen(sockets, 0, '127.0.0.1'),
    async close() {
      await context.io.close();
      pages.closeAllConnections();
      await new Promise((resolve) => pages.close(resolve));
    },
  };
}

module.exports = { listen, startHost };
