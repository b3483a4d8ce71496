'use strict';

// The one file that names private members of Socket.IO.
//
// | member                          | version | what it is                                            |
// | ------------------------------- | ------- | ----------------------------------------------------- |
// | `socket.onevent(packet)`        | 2, 4    | called with each packet that is an event              |
// | `socket.ack(id)`                | 2, 4    | makes the function that acknowledges an event         |
// | `socket.dispatch(args)`         | 2, 4    | called by Socket.IO's own `onevent`                   |
// | `socket.emitReserved`           | 4       | tells the socket's own listeners, of `disconnect` say |
// | `socket.emit`                   | 2       | the same, and what the app sends                      |
// | `socket._cleanup()`             | 2, 4    | called when a socket leaves, or was refused           |
// | `socket.fns`, `socket.run`      | 2, 4    | the middlewares of a socket (`socket.use`)            |
// | `socket._anyListeners`          | 4       | the listeners of `socket.onAny`                       |
// | `socket._onerror`               | 4       | takes what a middleware refuses an event with         |
// | `socket.error`                  | 2       | sends that to the client                              |
// | `socket.client.request`         | 2, 4    | the HTTP request of the handshake                     |
// | `namespace.emitReserved`        | 4       | tells the listeners of `connection`                   |
// | `namespace.emit`                | 2       | the same                                              |
// | `namespace.children`            | 4       | a parent of dynamic namespaces has it                 |
// | `server._nsps`                  | 4       | the namespaces by name                                |
// | `server._opts`                  | 4       | its options, `connectionStateRecovery` among them      |
// | `adapter.rooms`, `adapter.sids` | 2, 4    | who is in which room; public in 4                     |
// | `adapter.add`, `adapter.del`    | 2       | puts a socket into a room, and out of it              |
//
// Socket.IO 3 emits by `super.emit`, past an instance: it cannot be followed, and is refused.

/** The events by which Socket.IO tells that a socket is there. */
const CONNECTING = new Set(['connect', 'connection']);
/** The events by which Socket.IO tells that a socket leaves. */
const LEAVING = new Set(['disconnecting', 'disconnect']);

/** Whether a namespace is Socket.IO 3's. @param {any} namespace */
function isSocketIo3(namespace) {
  return namespace.sockets instanceof Map && typeof namespace.emitReserved !== 'function';
}

/** The method by which a socket or a namespace tells its listeners. @param {any} emitter */
function teller(emitter) {
  return typeof emitter.emitReserved === 'function' ? 'emitReserved' : 'emit';
}

/** @param {any} object @param {PropertyKey} name @param {((this: any, ...args: any[]) => any) | object} value */
function put(object, name, value) {
  Object.defineProperty(object, name, { configurable: true, enumerable: false, writable: true, value });
}

/** The method that an instance has from its class. @param {any} object @param {string} name */
function inherited(object, name) {
  return Object.getPrototypeOf(object)[name];
}

/**
 * Stands before the `connection` listeners of a namespace.
 *
 * @param {any} namespace
 * @param {(socket: any, event: 'connect' | 'connection') => void} connected
 * @returns {() => void} gives the namespace back as it was
 */
function followNamespace(namespace, connected) {
  const method = teller(namespace);
  const tell = namespace[method];
  put(namespace, method, function (event, ...args) {
    const [socket] = args;
    if (!CONNECTING.has(event) || socket?.nsp !== this) return tell.call(this, event, ...args);
    connected(socket, event);
    return this;
  });
  return () => delete namespace[method];
}

/** @typedef {{ data?: any[], id?: number | null }} Packet */

/**
 * What is called for a socket that is followed.
 *
 * @typedef {object} Follower
 * @property {(packet?: Packet, plugin?: (packet: any) => void) => void} receive an event has arrived, and a plugin is to have it
 * @property {(id: number) => (...values: any[]) => void} ack an acknowledgement is made
 * @property {(event: string, args: any[]) => void} leaving `disconnecting` or `disconnect` is told
 * @property {() => void} cleaned the socket has left its namespace, or is refused
 */

/** Where a socket has its follower. */
const FOLLOWER = Symbol('io-session follower');
/** Where a socket has what `onevent` is. */
const ONEVENT = Symbol('io-session onevent');

/**
 * `onevent`. A plugin may put its own there, before us or after us: one that wraps what was there calls it, and one like
 * socketio-wildcard calls the listeners by itself. Both get an event when its session is loaded.
 *
 * @type {PropertyDescriptor & ThisType<any>}
 */
const RECEIVES = {
  configurable: true,
  get() {
    return this[ONEVENT];
  },
  set(plugin) {
    if (plugin !== this[ONEVENT]) this[ONEVENT] = through(plugin);
  },
};

/** @param {(packet: any) => void} [plugin] @returns {(this: any, packet: Packet) => void} */
function through(plugin) {
  return function (packet) {
    this[FOLLOWER].receive(packet, plugin);
  };
}

/** `onevent` without a plugin. */
const receive = through();

/** What a followed socket has in the place of its class's methods. @type {{ [name: string]: (this: any, ...args: any[]) => any }} */
const METHODS = {
  // Where a plugin was there before us, and calls Socket.IO's own `onevent`.
  dispatch() {
    this[FOLLOWER].receive();
  },
  ack(id) {
    return this[FOLLOWER].ack(id);
  },
  tell(event, ...args) {
    if (!LEAVING.has(event)) return inherited(this, teller(this)).call(this, event, ...args);
    this[FOLLOWER].leaving(event, args);
    return this;
  },
  cleanUp() {
    inherited(this, '_cleanup').call(this);
    this[FOLLOWER].cleaned();
  },
};

/** Follows the events of a socket. @param {any} socket @param {Follower} follower */
function followSocket(socket, follower) {
  put(socket, FOLLOWER, follower);
  const isPlugged = Object.hasOwn(socket, 'onevent');
  put(socket, ONEVENT, isPlugged ? through(socket.onevent) : receive);
  Object.defineProperty(socket, 'onevent', RECEIVES);
  if (isPlugged) put(socket, 'dispatch', METHODS.dispatch);
  put(socket, 'ack', METHODS.ack);
  put(socket, '_cleanup', METHODS.cleanUp);
  put(socket, teller(socket), METHODS.tell);
}

/** Hands a packet over that was held back: to the plugin, if there is one. @param {any} socket @param {Packet} packet */
function deliver(socket, packet) {
  socket.onevent(packet);
}

/** Gives a socket back as it was. @param {any} socket */
function unfollowSocket(socket) {
  for (const name of ['onevent', 'dispatch', 'ack', '_cleanup', 'emitReserved', 'emit']) delete socket[name];
}

/** The function that acknowledges an event. @param {any} socket @param {number} id @returns {(...values: any[]) => void} */
function makeAck(socket, id) {
  return inherited(socket, 'ack').call(socket, id);
}

/** Whether anything of a socket would see an event of this name. @param {any} socket @param {any} name */
function isHeard(socket, name) {
  if (socket.listenerCount(name) > 0) return true;
  return anyListeners(socket).length > 0 || hasMiddlewares(socket);
}

/** @param {any} socket */
function hasMiddlewares(socket) {
  return socket.fns?.length > 0;
}

/** The listeners for any event, as they are now. @param {any} socket @returns {Function[]} */
function anyListeners(socket) {
  return [...(socket._anyListeners ?? [])];
}

/** Runs the middlewares of a socket. @param {any} socket @param {any[]} args the event's @param {(error?: any) => void} done */
function runMiddlewares(socket, args, done) {
  socket.run(args, done);
}

/** A middleware has refused an event: as Socket.IO tells of it. @param {any} socket @param {any} error */
function refuseEvent(socket, error) {
  if (socket._onerror) socket._onerror(error);
  else socket.error(error.data || error.message);
}

/** The HTTP request of a socket's handshake, which all namespaces of a connection share. @param {any} socket */
function handshakeRequest(socket) {
  return socket.client?.request;
}

/** From now on nothing puts the socket into a room: it has left, and would stay there for ever. @param {any} socket */
function closeRooms(socket) {
  put(socket, 'join', function (_rooms, done) {
    if (typeof done === 'function') done(null);
    return this;
  });
}

/** What is called when a connection closes while sockets of it are connecting. @type {WeakMap<object, Set<() => void>>} */
const connecting = new WeakMap();

/**
 * Calls back when the client of a connecting socket has gone: Socket.IO tells nobody as long as a middleware has not answered.
 *
 * @param {any} socket
 * @param {() => void} gone
 * @returns {() => void} ends it
 */
function whileConnecting({ conn }, gone) {
  if (typeof conn?.on !== 'function') return () => {};
  const waiting = connecting.get(conn) ?? new Set();
  waiting.add(gone);
  if (!connecting.has(conn)) {
    // One listener, however many namespaces are connecting: more than ten, and Node.js takes them for a leak.
    connecting.set(conn, waiting);
    conn.on('close', () => {
      for (const callback of [...waiting]) callback();
    });
  }
  return () => waiting.delete(gone);
}

/** Whether Socket.IO has closed a dynamic namespace that had become empty. @param {any} namespace */
function isClosed(namespace) {
  const { name, server } = namespace;
  return server._nsps !== undefined && server._nsps.get(name) !== namespace;
}

/** Whether a namespace is a parent of dynamic ones, and has no sockets. @param {any} namespace */
function isParent(namespace) {
  return namespace.children !== undefined;
}

/**
 * Puts a socket into a room that the app does not see: neither `socket.rooms` nor the adapter's events tell of it, and an app
 * that leaves every room stays in it. What is sent to the room, from whatever process, reaches the socket.
 *
 * @param {any} socket
 * @param {string} room
 */
function enterRoom({ id, nsp: { adapter } }, room) {
  const { rooms, sids } = adapter;
  if (rooms instanceof Map) {
    const ids = rooms.get(room);
    if (ids === undefined) rooms.set(room, new Set([id]));
    else ids.add(id);
    return;
  }
  adapter.add(id, room);
  delete sids[id]?.[room];
}

/** @param {any} socket @param {string} room */
function leaveRoom({ id, nsp: { adapter } }, room) {
  const { rooms } = adapter;
  if (!(rooms instanceof Map)) {
    adapter.del(id, room);
    return;
  }
  const ids = rooms.get(room);
  ids?.delete(id);
  if (ids?.size === 0) rooms.delete(room);
}

/**
 * A socket leaves, and may be recovered: the room is among those that Socket.IO remembers, so that what is sent there meanwhile
 * reaches the socket afterwards.
 *
 * @param {any} socket
 * @param {string} room
 */
function rememberRoom({ id, nsp }, room) {
  if (nsp.server._opts?.connectionStateRecovery) nsp.adapter.sids.get(id)?.add(room);
}

/** Hides the rooms again that a recovered socket has been given. @param {any} socket @param {string} prefix @returns {string[]} */
function hideRooms({ id, nsp }, prefix) {
  const rooms = nsp.adapter.sids.get(id) ?? new Set();
  const hidden = [...rooms].filter((room) => room.startsWith(prefix));
  for (const room of hidden) rooms.delete(room);
  return hidden;
}

/** The reasons for which a socket leaves for good. */
const FOR_GOOD = new Set(['client namespace disconnect', 'server namespace disconnect']);

/** How long a socket that has left may come back, in ms. @param {any} socket @param {string | undefined} reason */
function recoverableFor({ server }, reason) {
  const recovery = server?._opts?.connectionStateRecovery;
  return recovery && reason !== undefined && !FOR_GOOD.has(reason) ? recovery.maxDisconnectionDuration : 0;
}

/** The ids of the sockets of this process that are in a room. @param {any} namespace @param {string} room @returns {string[]} */
function idsIn({ adapter: { rooms } }, room) {
  return rooms instanceof Map ? [...(rooms.get(room) ?? [])] : Object.keys(rooms[room]?.sockets ?? {});
}

/** Whether a socket is in a room. @param {any} socket @param {string} room @returns {boolean} */
function isInRoom({ id, nsp: { adapter } }, room) {
  const { sids } = adapter;
  return sids instanceof Map ? sids.get(id)?.has(room) === true : Object.hasOwn(sids[id] ?? {}, room);
}

/** Whether a socket of a namespace has this id. @param {any} namespace @param {string} id @returns {boolean} */
function isSocketId({ sockets }, id) {
  return sockets instanceof Map ? sockets.has(id) : Object.hasOwn(sockets, id);
}

/**
 * Whether a namespace's adapter reaches other processes. Socket.IO's own, which keeps everything in this process, has
 * `serverSideEmit` too, and complains when it is called: it is the one that a plain adapter and its class inherit from.
 *
 * @param {any} namespace
 * @returns {boolean}
 */
function reachesOthers({ adapter }) {
  let owner = adapter;
  while (owner && !Object.hasOwn(owner, 'serverSideEmit')) owner = Object.getPrototypeOf(owner);
  // The class that has it keeps rooms by itself only if it is Socket.IO's own.
  return Boolean(owner) && !Object.hasOwn(owner, 'addAll');
}

module.exports = {
  LEAVING,
  anyListeners,
  closeRooms,
  deliver,
  enterRoom,
  followNamespace,
  followSocket,
  handshakeRequest,
  hideRooms,
  hasMiddlewares,
  idsIn,
  isClosed,
  isHeard,
  isInRoom,
  isParent,
  isSocketId,
  isSocketIo3,
  leaveRoom,
  makeAck,
  put,
  reachesOthers,
  recoverableFor,
  refuseEvent,
  rememberRoom,
  runMiddlewares,
  unfollowSocket,
  whileConnecting,
};
