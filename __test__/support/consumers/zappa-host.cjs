// A host shaped like Zappa, on a port of its own. It tells its address in a line on stdout and ends when stdin does, as every
// app of this folder.

const { createServer } = require('node:http');

exports.serve = ({ ioSession, express, session, Server, store }) => {
  const app = express();
  const server = createServer(app);
  const io = new Server(server, { serveClient: false });
  const handlers = new Map();
  const middlewares = [];
  const context = {
    app,
    session,
    session_store: undefined,
    get: (path, handler) =>
      app.get(path, (req, res) => handler.call({ req, res, params: req.params, session: req.session })),
    on: (event, handler) => handlers.set(event, handler),
    io_use: (middleware) => middlewares.push(middleware),
  };

  ioSession.bind_middleware({ context });
  context.session_store = store;
  app.use(session({ store, secret: 'not a secret', resave: false, saveUninitialized: false }));
  app.get('/login', (req, res) => {
    req.session.name = 'ann';
    res.json({});
  });
  app.get('/read', (req, res) => res.json({ name: req.session.name }));
  handlers.set('rename', function ({ name }, ack) {
    const before = this.session.name;
    this.session.name = name;
    ack({ before });
  });
  ioSession.bind_express({ context });
  ioSession.bind_io({ context });

  io.on('connection', (socket) => {
    const client = {};
    for (const [event, handler] of handlers) {
      socket.on(event, (data, ack) => {
        const ctx = { socket, client, event, req: {}, res: {} };
        const run = (index) =>
          index === middlewares.length
            ? handler.call(ctx, data, ack)
            : middlewares[index].call(ctx, ctx, ctx.res, (error) => {
                if (error) throw error;
                return run(index + 1);
              });
        run(0);
      });
    }
  });

  server.listen(0, '127.0.0.1', () => {
    console.log(`listening at http://127.0.0.1:${server.address().port}`);
  });
  process.stdin.resume().once('end', () => {
    io.close();
    server.closeAllConnections?.();
  });
};
