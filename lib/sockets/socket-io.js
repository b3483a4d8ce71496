'use strict';

/** @import { SharedConnection } from './shared-connection.js' */

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
// | `namespace.emitReserved`/`emit` | 4, 2    | tells the listeners of `connection`                   |
// | `namespace.children`            | 4       | a parent of dynamic namespaces has it                 |
// | `namespace._fns`/`fns`          | 4, 2    | the middlewares of a namespace (`io.use`)             |
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

/** @param {any} object @param {PropertyKey} name @param {((this: any, ...args: any[]) => any) | object | undefined} value */
function put(object, name, value) {
  Object.defineProperty(object, name, { configurable: true, enumerable: false, writable: true, value });
}

/** Where a followed socket has methods that it had of its own before us. */
const BEFORE = Symbol('io-session before');

/** What a method of a followed socket was: its own, or its class's. @param {any} socket @param {string} name */
function before(socket, name) {
  return socket[BEFORE]?.[name]?.value ?? Object.getPrototypeOf(socket)[name];
}

/**
 * Stands before the `connection` listeners of a namespace.
 * @param {any} namespace @param {(socket: any, event: 'connect' | 'connection') => void} connected
 * @returns {() => void} gives the namespace back as it was
 */
function followNamespace(namespace, connected) {
  const method = teller(namespace);
  const tell = namespace[method];
  const own = Object.getOwnPropertyDescriptor(namespace, method);
  let isFollowed = true;
  /** @this {any} @param {any} event @param {any[]} args */
  function ours(event, ...args) {
    const [socket] = args;
    if (!isFollowed || !CONNECTING.has(event) || socket?.nsp !== this) return tell.call(this, event, ...args);
    connected(socket, event);
    return this;
  }
  put(namespace, method, ours);
  return () => {
    isFollowed = false;
    // What somebody has put in its place since stays, and calls ours.
    if (namespace[method] !== ours) return;
    if (own === undefined) delete namespace[method];
    else Object.defineProperty(namespace, method, own);
  };
}

/** @typedef {{ data?: any[], id?: number | null }} Packet */

/** Where a socket has the connection that follows it. */
const FOLLOWER = Symbol('io-session follower');
/** Where a socket has what `onevent` is, and the plugin's that is behind it. */
const ONEVENT = Symbol('io-session onevent');
const PLUGIN = Symbol('io-session plugin');

/**
 * `onevent`. A plugin may put its own there, before us or after us: one that wraps what was there calls it, and one like
 * socketio-wildcard calls the listeners by itself. Both get an event when its session is loaded.
 * @type {PropertyDescriptor & ThisType<any>}
 */
const RECEIVES = {
  configurable: true,
  get() {
    return this[ONEVENT];
  },
  set(plugin) {
    if (plugin === this[ONEVENT]) return;
    put(this, PLUGIN, plugin);
    put(this, ONEVENT, through(plugin));
  },
};

/** @param {(packet: any) => void} [plugin] @returns {(this: any, packet: Packet) => void} */
function through(plugin) {
  return function (packet) {
    if (this[FOLLOWER]) this[FOLLOWER].receive(packet, plugin);
    // Given back, and somebody has kept this one.
    else (plugin ?? Object.getPrototypeOf(this).onevent).call(this, packet);
  };
}

/** `onevent` without a plugin. */
const receive = through();

/** By which Socket.IO tells the listeners of a socket. @param {'emit' | 'emitReserved'} name */
const telling = (name) =>
  /** @this {any} @param {any} event @param {any[]} args */
  function (event, ...args) {
    if (!this[FOLLOWER] || !LEAVING.has(event)) return before(this, name).call(this, event, ...args);
    this[FOLLOWER].leaving(event, args);
    return this;
  };

/**
 * What a followed socket has in the place of its methods. Given back, they go on to what was there.
 * @type {{ [name: string]: (this: any, ...args: any[]) => any }}
 */
const METHODS = {
  ack(id) {
    return this[FOLLOWER] ? this[FOLLOWER].ack(id) : before(this, 'ack').call(this, id);
  },
  _cleanup() {
    before(this, '_cleanup').call(this);
    this[FOLLOWER]?.cleaned();
  },
  disconnect(close) {
    const disconnect = () => before(this, 'disconnect').call(this, close);
    if (this[FOLLOWER]) this[FOLLOWER].disconnect(disconnect);
    else disconnect();
    return this;
  },
  emit: telling('emit'),
  emitReserved: telling('emitReserved'),
  // Where a plugin was there before us, and calls Socket.IO's own `onevent`.
  dispatch(...args) {
    if (this[FOLLOWER]) this[FOLLOWER].receive();
    else before(this, 'dispatch').apply(this, args);
  },
};

/** Follows the events of a socket. @param {any} socket @param {SharedConnection} follower */
function followSocket(socket, follower) {
  put(socket, FOLLOWER, follower);
  put(socket, ONEVENT, receive);
  const isPlugged = Object.hasOwn(socket, 'onevent');
  const plugin = socket.onevent;
  Object.defineProperty(socket, 'onevent', RECEIVES);
  if (isPlugged) socket.onevent = plugin;
  for (const name of ['ack', '_cleanup', 'disconnect', teller(socket), ...(isPlugged ? ['dispatch'] : [])]) {
    const own = Object.getOwnPropertyDescriptor(socket, name);
    if (own !== undefined) put(socket, BEFORE, { ...socket[BEFORE], [name]: own });
    put(socket, name, METHODS[name]);
  }
}

/** Gives a socket back as it was. What somebody has put in a place of ours since stays, and calls ours. @param {any} socket */
function unfollowSocket(socket) {
  put(socket, FOLLOWER, undefined);
  for (const [name, method] of Object.entries(METHODS)) {
    if (socket[name] !== method) continue;
    const own = socket[BEFORE]?.[name];
    if (own === undefined) delete socket[name];
    else Object.defineProperty(socket, name, own);
  }
  if (Object.getOwnPropertyDescriptor(socket, 'onevent')?.get !== RECEIVES.get) return;
  if (Object.hasOwn(socket, PLUGIN)) put(socket, 'onevent', socket[PLUGIN]);
  else delete socket.onevent;
}

/** Hands a packet over that was held back: to the plugin, if there is one. @param {any} socket @param {Packet} packet */
function deliver(socket, packet) {
  socket.onevent(packet);
}

/** The function that acknowledges an event. @param {any} socket @param {number} id @returns {(...values: any[]) => void} */
function makeAck(socket, id) {
  return before(socket, 'ack').call(socket, id);
}

/** Whether an app has named a parser of its own, which may send more than Socket.IO's. Socket.IO 2 does not tell. @param {any} socket */
function hasOwnParser({ nsp }) {
  return nsp.server._opts?.parser !== undefined;
}

/** Whether anything of a socket would see an event of this name. @param {any} socket @param {any} name */
function isHeard(socket, name) {
  return socket.listenerCount(name) > 0 || anyListeners(socket).length > 0 || hasMiddlewares(socket);
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

/** @this {object} a connection that closes */
function closed() {
  for (const gone of [...(connecting.get(this) ?? [])]) gone();
}

/**
 * Calls back when the client of a connecting socket has gone: Socket.IO tells nobody as long as a middleware has not answered.
 * @param {any} socket @param {() => void} gone @returns {() => void} ends it
 */
function whileConnecting({ conn }, gone) {
  if (typeof conn?.on !== 'function') return () => {};
  const waiting = connecting.get(conn) ?? new Set();
  waiting.add(gone);
  if (waiting.size === 1) {
    // One listener, however many namespaces are connecting: more than ten, and Node.js takes them for a leak.
    connecting.set(conn, waiting);
    conn.on('close', closed);
  }
  return () => {
    if (!waiting.delete(gone) || waiting.size > 0) return;
    connecting.delete(conn);
    conn.removeListener('close', closed);
  };
}

/** Whether Socket.IO has closed a dynamic namespace that had become empty. @param {any} namespace */
function isClosed(namespace) {
  const { name, server } = namespace;
  return server._nsps !== undefined && server._nsps.get(name) !== namespace;
}

/** The middlewares of a namespace. @param {any} namespace @returns {Function[]} */
function middlewaresOf({ _fns, fns = [] }) {
  return _fns ?? fns;
}

/** Whether a namespace is a parent of dynamic ones, and has no sockets. @param {any} namespace */
function isParent(namespace) {
  return namespace.children !== undefined;
}

/**
 * Puts a socket into a room that the app does not see: neither `socket.rooms` nor the adapter's events tell of it, and an app
 * that leaves every room stays in it. What is sent to the room, from whatever process, reaches the socket.
 * @param {any} socket @param {string} room
 */
function enterRoom({ id, nsp: { adapter } }, room) {
  const { rooms, sids } = adapter;
  if (!(rooms instanceof Map)) {
    adapter.add(id, room);
    delete sids[id]?.[room];
  } else if (rooms.has(room)) rooms.get(room).add(id);
  else rooms.set(room, new Set([id]));
}

/** @param {any} socket @param {string} room */
function leaveRoom({ id, nsp: { adapter } }, room) {
  const { rooms } = adapter;
  if (!(rooms instanceof Map)) return adapter.del(id, room);
  const ids = rooms.get(room);
  ids?.delete(id);
  if (ids?.size === 0) rooms.delete(room);
}

/**
 * A socket leaves, and may be recovered: the room is among those that Socket.IO remembers, so that what is sent there meanwhile
 * reaches the socket afterwards.
 * @param {any} socket @param {string} room
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
 * @param {any} namespace @returns {boolean}
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
  hasOwnParser,
  idsIn,
  isClosed,
  isHeard,
  isInRoom,
  isParent,
  isSocketId,
  isSocketIo3,
  leaveRoom,
  makeAck,
  middlewaresOf,
  put,
  reachesOthers,
  recoverableFor,
  refuseEvent,
  rememberRoom,
  runMiddlewares,
  unfollowSocket,
  whileConnecting,
};
