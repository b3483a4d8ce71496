'use strict';

// The original module's behaviour in plain JavaScript, its defects included: the yardstick of the measurements.
// It is written from the specification of that behaviour, and must not be improved: a defect put right here
// would be a cost that the original does not pay, or a saving that it does not make.

const { randomUUID } = require('node:crypto');

function bind_express({ context }) {
  const prefix = context.app.settings.zappa_prefix ?? '/zappa';

  context.get(`${prefix}/socket/:channel_name/:socket_id`, function () {
    const { channel_name, socket_id } = this.params;
    const store = context.session_store;
    if (!store) {
      this.res.status(500);
      this.json({ error: 'No session-store.' });
      return;
    }
    const session = this.session;
    if (!session) {
      this.res.status(400);
      this.json({ error: 'No session' });
      return;
    }

    // A plain object, so a channel named `constructor` finds Object's own and answers without a key.
    session.__socket ??= {};
    const memo = session.__socket[channel_name];
    if (memo != null) {
      this.json({ key: memo.key });
      return;
    }

    const key = randomUUID();
    store.set(key, { id: session.id, cookie: {} }, (error) => {
      if (error) {
        this.res.status(500);
        this.json({ error: error.toString() });
        return;
      }
      // Object(): a `__socket` that is a string takes no property, and strict mode would throw.
      Object(session.__socket)[channel_name] = { id: socket_id, key };
      // express-session saves the session, then lets the response end.
      this.json({ key });
    });
  });
}

function bind_io({ context }) {
  context.on('__zappa_key', function ({ key }, ack) {
    if (ack == null) {
      return;
    }
    const store = context.session_store;
    if (!store) {
      // No return: the original goes on, and fails on the next line that needs the store.
      ack({ error: 'Missing session-store.' });
    }
    if (key == null) {
      ack({ error: 'Missing key.' });
      return;
    }
    store.get(key, (error, record) => {
      if (error) {
        ack({ error: error.toString() });
        return;
      }
      if (!record) {
        ack({ error: 'Missing data' });
        return;
      }
      this.client.__session_id = record.id;
      ack({ key });
    });
  });
}

function bind_middleware({ context }) {
  context.io_use((ctx, _res, next) => {
    const store = context.session_store;
    if (!store) {
      return next();
    }
    const id = ctx.client.__session_id ?? ctx.socket.id;

    store.get(id, (error, stored) => {
      if (error && error.code !== 'ENOENT') {
        // The handler runs with no session, and there is none to save.
        next();
        return;
      }
      const data = stored ?? { cookie: { __io: true } };
      // Not ctx.req: the original leaves its sessionID and sessionStore unset.
      const req = { sessionID: id, sessionStore: store };
      const session = new context.session.Session(req, data);
      ctx.session = session;
      ctx.req ??= {};
      ctx.req.session = session;

      const save = () => {
        store.set(id, session, () => {});
      };
      const result = next();
      if (typeof result?.then === 'function') {
        result.then(save);
      } else {
        save();
      }
    });
  });
}

module.exports = { bind_express, bind_io, bind_middleware };
