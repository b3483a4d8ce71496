'use strict';

// The least that a ZappaJS host gives to an `io-session`: a context for every event, and the three functions of the
// rival called in Zappa's order.

const session = require('express-session');
const { runChain } = require('../__test__/support/zappa-chain.js');

function serveZappa({ rival, app, io, store }) {
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
  context.session_store = store;
  handle(context);
  rival.bind_express({ context });
  rival.bind_io({ context });

  io.on('connection', (socket) => {
    const client = {};
    for (const { event, handler } of handlers) {
      if (event === 'connection') {
        runChain(chain, handler, contextOf(socket, client, event));
      } else {
        socket.on(event, (data, ack) =>
          runChain(chain, handler, contextOf(socket, client, event, data, ack)),
        );
      }
    }
  });
}

// The events of the app. `?.` and the test for undefined are for bare Socket.IO, which has no session.
function handle(context) {
  context.on('whoami', function (_data, ack) {
    ack(this.session?.user?.id);
  });

  context.on('read', function (_data, ack) {
    ack(this.session?.user.name);
  });

  context.on('write', function (data, ack) {
    if (this.session !== undefined) {
      this.session.lastEvent = data.number;
    }
    ack(data.number);
  });

  context.on('ignore', (data, ack) => {
    ack(data.number);
  });
}

module.exports = { serveZappa };
