'use strict';

// The events of the app, as the users of each kind of rival write them: `read` and `write` one field of the session
// that is stored now, `ignore` the session. An acknowledged change is saved.

/** Socket.IO with no session at all. */
const none = {
  whoami: (_socket, _data, ack) => ack(),
  read: (_socket, _data, ack) => ack(),
  write: (_socket, data, ack) => ack(data.number),
  ignore: (_socket, data, ack) => ack(data.number),
};

/** A session that is read again and saved by hand; `requestOf(socket)` has it. */
function reloading(requestOf) {
  // What the documentation of Socket.IO does when a session cannot be read again.
  const fresh = (socket, use) => {
    const request = requestOf(socket);
    request.session.reload((error) => {
      if (error) socket.disconnect();
      else use(request.session);
    });
  };
  return {
    whoami: (socket, _data, ack) => fresh(socket, (session) => ack(session.user?.id)),
    read: (socket, _data, ack) => fresh(socket, (session) => ack(session.user.name)),
    write: (socket, data, ack) =>
      fresh(socket, (session) => {
        session.lastEvent = data.number;
        session.save((error) => (error ? socket.disconnect() : ack(data.number)));
      }),
    ignore: none.ignore,
  };
}

/** A session that is fresh in each handler, and saved after it. */
const automatic = {
  whoami: (socket, _data, ack) => ack(socket.session.user?.id),
  read: (socket, _data, ack) => ack(socket.session.user.name),
  write: (socket, data, ack) => {
    socket.session.lastEvent = data.number;
    ack(data.number);
  },
  ignore: none.ignore,
};

/** The same events of a Zappa app. `?.` and the test for undefined are for a host without sessions. */
function zappa(context) {
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

module.exports = { automatic, none, reloading, zappa };
