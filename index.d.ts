// biome-ignore-all lint/suspicious/noExplicitAny: what sessions, cookies, stores and sockets hold is the app's to say, not ours

/**
 * The Express session of the browser, in every Socket.IO handler.
 *
 * - {@link shareSession}: for any Express and Socket.IO app
 * - {@link EmbeddedStore}: express-session's session store for an app on one machine
 * - {@link bind_express}, {@link bind_io}, {@link bind_middleware}: what a Zappa app calls
 *
 * The types of sessions are express-session's (`@types/express-session`); all others are structural. `socket.session` has a
 * type with `import type {} from 'io-session/socket.io'`.
 *
 * @packageDocumentation
 */

import type { Session, SessionData } from 'express-session';

/**
 * Shares the sessions of an Express app with its Socket.IO sockets.
 *
 * Each listener of a bound socket then has the browser's session as `socket.session`, as the store holds it when the event
 * is dispatched. What was changed before an acknowledgement is saved before the acknowledgement is sent; what was changed by
 * the end of the listener and its promise is saved then.
 *
 * The store is adopted in place: some of its methods are followed, so that every load, save and logout is seen, until
 * {@link SessionSharing.close}. Works with Express 4 and 5, and with Socket.IO 2 and 4. Socket.IO 3 is refused.
 *
 * @example
 * const sharing = shareSession({ store });
 * app.use(session({ store: sharing.store, secret, resave: false, saveUninitialized: false }));
 * app.use(sharing.express());
 * io.use(sharing.socket());
 *
 * @throws TypeError that names the option, its value and what is expected
 */
export function shareSession(options?: ShareSessionOptions): SessionSharing;

/** What {@link shareSession} takes. An option that is `undefined` has its default. */
export interface ShareSessionOptions extends IoSessionOptions {
  /** The app's express-session store. Default: a new {@link EmbeddedStore}, in memory. */
  store?: SessionStore | undefined;

  /**
   * Where the key route and the client's module are: a path with a slash in front and none at its end. Default:
   * `'/io-session'`, which is where `io-session/client` asks. `zappajs-client` asks at `'/zappa'`.
   */
  prefix?: string | undefined;

  /**
   * The name of this Socket.IO server among those of the app: 1 to 128 characters. Default: `'__local'`. A socket is bound by
   * keys of its own channel only, and by those of the original `io-session`, which name none.
   */
  channel?: string | undefined;

  /**
   * Binds sockets by the session cookie of their handshake too, where it is sent: the `name` (default `'connect.sid'`) and
   * the `secret` that `session()` has, or all of its `secrets`. Default: none; sockets are bound by keys alone.
   *
   * Pages of another origin get nothing by it, unless that origin is one of `allowedOrigins`: browsers send the cookie
   * with a WebSocket, whatever page opens it.
   */
  cookie?: { name?: string; secret: string | string[] } | { name?: string; secrets: string[] } | undefined;

  /**
   * Whether a socket that shows neither key nor cookie of a living session is refused: its client gets a `connect_error` with
   * `err.data.code` (`ERR_MISSING_KEY`, `ERR_MISSING_DATA`, or that of a failure of the store). Default: false, it
   * connects with a session of its own.
   */
  required?: boolean | undefined;

  /**
   * Whether a proxy in front of this server says by `X-Forwarded-Host` which host the page has asked, because it keeps `Host` to
   * itself: a page of that host counts as the server's own. Default: false. The key route looks at Express's setting `trust proxy`
   * as well; sockets have this option alone. Only behind a proxy that sets the header itself: anybody else may write one.
   */
  trustProxy?: boolean | undefined;

  /**
   * Lets a socket's events extend the life of its session in the store, by the store's `touch`, at most once in so many ms: a
   * whole number from 1000. Default: none, only HTTP requests do. The browser's cookie is not prolonged by it.
   */
  touchInterval?: number | undefined;

  /**
   * What keeps a session alive with `touchInterval`. Default: `'events'`, those of its sockets. With `'connected'` a socket that is
   * connected is enough: the store's `touch` is called at that interval, once for a session, though nothing is sent. It needs a
   * `touchInterval`, one that is shorter than the life of a session.
   *
   * @example
   * shareSession({ keepAlive: 'connected', touchInterval: 60_000 });
   */
  keepAlive?: 'events' | 'connected' | undefined;

  /** How many keys a session may ask for in a minute: a whole number from 1 to 1000000. Default: 300. Then `ERR_TOO_MANY_KEYS` (429). */
  maxKeysPerMinute?: number | undefined;

  /** How many keys a socket may present in vain: a whole number from 1 to 1000000. Default: 64. Then the store is not asked any more. */
  maxFailedKeys?: number | undefined;

  /**
   * For a process that serves Express and has no Socket.IO server: an `Emitter` of `@socket.io/redis-emitter`, by which logouts
   * and {@link SessionSharing.to} reach the sockets of other processes. Logouts reach all namespaces; `to()` reaches the
   * emitter's own, so for several give one each: `[emitter, emitter.of('/chat')]`. Default: `[]`.
   */
  emitter?: SessionEmitter | readonly SessionEmitter[] | undefined;
}

/** What is used of an `Emitter` of `@socket.io/redis-emitter`. */
export interface SessionEmitter {
  of(namespace: string): any;
  to(room: string): any;
  serverSideEmit(event: string, ...args: any[]): any;
}

/** What {@link shareSession} gives. Its functions need no `this`. */
export interface SessionSharing {
  /**
   * The session store: the object that was given, adopted.
   *
   * @example
   * app.use(session({ store: sharing.store, secret, resave: false, saveUninitialized: false }));
   */
  readonly store: any;

  /**
   * Makes the Express middleware, for `app.use()` behind the session middleware. It answers `GET <prefix>/socket/:channel_name`
   * (a socket id may follow) with `200 {"key": "<uuid v4>"}` or `{"error", "code"}`, and `GET <prefix>/client.js` with the
   * client's module (`io-session/client`). Everything else goes on.
   *
   * It names mistakes in the set-up, each once, by a process warning: docs/errors.md.
   *
   * @example
   * app.use(session({ store: sharing.store, secret, resave: false, saveUninitialized: false }));
   * app.use(sharing.express());
   */
  express(): (req: any, res: any, next: (error?: any) => void) => void;

  /**
   * The key of a request's session, for a page that is rendered on the server, or for a framework that is not Express. The
   * page's socket connects with it, `io({ auth: { key } })`, and needs no request for a key.
   *
   * The rules of the key route hold: one key for a session and a channel, the same limits, a new one each time with
   * `oneTimeKeys`. A session that does not remember its key yet is saved before the promise is fulfilled. Send the page with
   * `Cache-Control: no-store`: the key is a credential.
   *
   * @example
   * app.get('/', async (req, res) => {
   *   res.render('page', { key: await sharing.key(req.session) });
   * });
   *
   * @param session `req.session` of express-session, with the store of this sharing
   * @param channel of another Socket.IO server of the app. Default: the option `channel`
   * @throws IoSessionError rejects with `ERR_NO_SESSION`, `ERR_SESSION_GONE`, `ERR_BAD_CHANNEL`, `ERR_TOO_MANY_CHANNELS`, `ERR_TOO_MANY_KEYS`,
   *   `ERR_NO_SESSION_STORE` after `close()`, or `ERR_STORE_UNAVAILABLE` with the store's own error as its `cause`
   */
  key(session: any, channel?: string): Promise<string>;

  /**
   * Changes a session by its id, exactly, as its own `update()` does: for a job, a queue or a webhook that has neither a request
   * nor a socket of it. Its sockets in this process are told by `onSessionChange`.
   *
   * @example
   * await sharing.update(order.sid, (session) => {
   *   session.paid = order.id;
   * });
   *
   * @param sid the id of the session: `req.session.id`, or `socket.session.id` of a socket that is bound
   * @param fn see {@link SocketSessionMethods.update}
   * @returns what `fn` returned
   * @throws IoSessionError rejects with `ERR_SESSION_GONE` if there is no session of this id, `ERR_NO_SESSION_STORE` after `close()`,
   *   and as the `update()` of a session does
   */
  update<T>(sid: string, fn: (session: SocketSession) => T | Promise<T>): Promise<T>;

  /**
   * Makes the Socket.IO middleware, for `io.use()` or `io.of('/a-namespace').use()`, dynamic namespaces included. A socket is
   * bound by the key in its `auth: { key }` (Socket.IO 2: in its query), else by its cookie, or later by the event
   * `__zappa_key`. Middlewares behind it find `socket.session` there.
   *
   * @example
   * io.use(sharing.socket(io));
   * io.of('/chat').use(sharing.socket(io.of('/chat')));
   *
   * @param io the server (for its main namespace) or the namespace that it is for. Name it if several processes share:
   *   otherwise this process knows of the namespace only from its first socket on. Until then it tells the others of no
   *   logout, and {@link SessionSharing.to} reaches no socket of theirs.
   * @throws TypeError when `io` is given and is neither, or is of Socket.IO 3
   */
  socket(io?: any): (socket: any, next: (error?: any) => void) => void;

  /**
   * Every socket of a session, in the namespaces that this process serves, and in every process that their adapter or the
   * `emitter` reaches.
   *
   * @example
   * sharing.to(req.session.id).emit('order', 'thank you');
   *
   * @throws TypeError when `sid` is no string, or is empty
   */
  to(sid: string): SessionSockets;

  /**
   * The sockets of a session in this process. For all processes: `io.in(sessionRoom(sid)).fetchSockets()`.
   *
   * @example
   * for (const socket of sharing.socketsOf(req.session.id)) socket.join('members');
   */
  socketsOf(sid: string): any[];

  /**
   * What the sharing holds and has done.
   *
   * @example
   * const { sockets, exact } = sharing.stats();
   */
  stats(): SharingStats;

  /**
   * Gives the store, the sockets and the namespaces back as they were. The sockets stay connected; a socket that is in the
   * middle of an event keeps its session for that event, and a request that is under way saves its changes as before.
   *
   * Afterwards sockets have no `session`. New ones connect without one; if `required` is set they are refused.
   *
   * It does so immediately. The promise is fulfilled when the handlers that are running have ended and everything is saved,
   * or `storeTimeout` has passed. The process stays until then. It waits for no `connection` listener, and never rejects.
   *
   * @example
   * process.once('SIGTERM', async () => {
   *   await io.close(); // Disconnects the sockets, and waits for the requests that are under way.
   *   await sharing.close(); // Waits for handlers, and until what they have changed is saved.
   * });
   */
  close(): Promise<void>;
}

/** Every socket of one session; see {@link SessionSharing.to}. */
export interface SessionSockets {
  /**
   * Sends an event to all of them.
   *
   * @example
   * sharing.to(req.session.id).emit('order', 'thank you');
   */
  emit(event: string, ...args: any[]): boolean;
  /**
   * Disconnects all of them; with `true`, the connections under them too. Socket.IO 2: those of this process.
   *
   * @example
   * sharing.to(req.session.id).disconnect();
   */
  disconnect(close?: boolean): void;
}

/** What a sharing holds, and what it and others that share its store have done in this process. */
export interface SharingStats {
  /**
   * Whether commits and `update` are exact between all `'processes'` that use the session store, or, if the store cannot compare
   * and set, between the sockets and requests of this `'process'`.
   */
  exact: 'processes' | 'process';
  /** Sockets that are bound right now. */
  sockets: number;
  /** How often a socket was bound. */
  binds: number;
  /** Sessions that were loaded for an event. */
  loads: number;
  /** Changes that were written: by events, `save()` and HTTP requests. Those of `update` are not counted. */
  commits: number;
  /** Commits that had to be merged with what somebody else had written. */
  merges: number;
  /** Changes that were dropped, because their session was gone. */
  drops: number;
  /** Bound sessions that were looked up: at their end, and when nobody had seen them for `checkInterval`. */
  lookUps: number;
  /** Bound sessions that were found gone. */
  expirations: number;
  /** Changes that sockets were told of, or whose rooms were corrected. */
  changes: number;
  /** Calls that were not answered within `storeTimeout`, in this thread. */
  timeouts: number;
}

/** `socket.session`: express-session's `Session`, whose methods answer by a promise if they get no callback. */
export type SocketSession = Omit<Session, 'destroy' | 'regenerate' | 'reload' | 'save'> &
  Partial<SessionData> &
  SocketSessionMethods;

/** The methods that a socket's session has, beside express-session's `touch` and `resetMaxAge`. */
export interface SocketSessionMethods {
  /**
   * Reads, changes and writes, exactly. `fn` gets the session as the store holds it. If somebody else has written meanwhile, it
   * runs again on the session that is there, so it should do nothing but change the session. What it throws rejects, and
   * nothing is written. The session at hand has the change afterwards, and keeps its own unsaved changes.
   *
   * Exact across processes if the store can compare and set (docs/stores.md), else within this process.
   *
   * @example
   * const visits = await socket.session.update((session) => (session.visits = (session.visits ?? 0) + 1));
   *
   * @returns what `fn` returned
   */
  update<T>(fn: (session: SocketSession) => T | Promise<T>): Promise<T>;

  /**
   * Saves now: for what code changes that no handler waits for. A failure goes to `onError` too if there is no callback.
   *
   * @example
   * setTimeout(async () => {
   *   socket.session.idle = true;
   *   await socket.session.save();
   * }, 60_000);
   */
  save(): Promise<SocketSession>;
  save(callback: (error: any) => void): this;
  /**
   * Loads again. Fulfilled with the new object, which is `socket.session` then. Unsaved changes are dropped.
   *
   * @example
   * socket.on('disconnect', async () => {
   *   const { user } = await socket.session.reload();
   * });
   */
  reload(): Promise<SocketSession>;
  reload(callback: (error: any) => void): this;
  /**
   * Logs out: every socket of the session is unbound, and its keys are good no more. With `onSessionEnd: 'disconnect'` this one is
   * disconnected by then: acknowledge before.
   *
   * @example
   * socket.on('logout', async (ack) => {
   *   await socket.session.destroy();
   *   ack();
   * });
   */
  destroy(): Promise<void>;
  destroy(callback: (error: any) => void): this;
  /**
   * Ends the session as `destroy` does, and gives a new one. Until the handlers that run have ended, `socket.session` is the
   * new session, and what is put into it is saved under its own id.
   *
   * No socket is bound to the new session, this one included: only HTTP can give the browser its cookie. Afterwards the
   * socket has a session of its own, and its client has to share again. So log in by HTTP, not in a handler.
   *
   * @example
   * const fresh = await socket.session.regenerate();
   */
  regenerate(): Promise<SocketSession>;
  regenerate(callback: (error: any) => void): this;
}

/**
 * Installs the key route, `GET <zappa_prefix>/socket/:channel_name/:socket_id`, which answers `200 {"key": "<uuid v4>"}`.
 *
 * The host (Zappa) calls it once per app, after the app's own function. `app.settings.zappa_prefix` (default `/zappa`) and
 * `app.settings.io_session` ({@link IoSessionOptions}) are read at that moment, once.
 *
 * Store failures and refusals are answered as `{"error": "…"}` with status 400, 403, 500 or 503; they are never thrown.
 *
 * @example
 * bind_express({ context });
 *
 * @param host `context.get` is called, once
 * @throws TypeError that names what is missing: `context`, `context.app`, its `settings`, `context.session`,
 *   `context.get`; that names a wrong option; or that says that `context.session_store` is no session store
 */
export function bind_express(host: ZappaHost): void;

/**
 * Installs the event `__zappa_key`, by which a socket presents its key: `({ key }, ack)`. The acknowledgement is `{ key }`, and
 * the socket is bound to the key's session; or it is `{ error }`. Without an acknowledgement function nothing happens.
 *
 * The host (Zappa) calls it once per app, after the app's own function; `app.settings.io_session` is read at that moment.
 *
 * @example
 * bind_io({ context });
 *
 * @param host `context.on` is called, once
 * @throws TypeError as {@link bind_express}, with `context.on`
 */
export function bind_io(host: ZappaHost): void;

/**
 * Installs the middleware that gives each event its session, as `ctx.session` and `ctx.req.session`, and that saves what the
 * handler has changed: before its acknowledgement is sent, and when it has returned and its promise, if any, has resolved.
 *
 * The host (Zappa) calls it once per app, *before* the app's own function. From then on `context.session_store` is an
 * accessor, and the store that the app assigns to it is adopted in place: some of its methods are followed, so that every
 * load, save and logout is seen. A session store is adopted once, however many apps use it.
 *
 * When the store fails, the handler does not run: the error goes to `onError` and to `next(error)`.
 *
 * @example
 * bind_middleware({ context });
 *
 * @param host `context.io_use` is called, once
 * @throws TypeError as {@link bind_express}, with `context.io_use`; options are not read yet. Assigning something to
 *   `context.session_store` that is no session store throws a TypeError, then
 */
export function bind_middleware(host: ZappaHost): void;

/**
 * The name of the Socket.IO room of a session's sockets. What is sent to it reaches all of them, in every process that
 * Socket.IO's adapter connects. A socket is in it while it is bound.
 *
 * The app does not see the room: `socket.rooms` is without it, and a socket that leaves all of its rooms is still reached.
 *
 * @example
 * io.to(sessionRoom(req.session.id)).emit('news');
 *
 * @param sid the id of an Express session (`req.session.id`, `req.sessionID`)
 * @returns `io-session:` and a part of the SHA-256 of the id in base64url, so that the name does not give the id away
 * @throws TypeError when `sid` is no string, or is empty
 */
export function sessionRoom(sid: string): string;

/**
 * What an app may set, as the app setting `io_session` (`app.set('io_session', { … })`, in Zappa `@set io_session: { … }`).
 * Unknown names and wrong values throw a TypeError from {@link bind_express} and {@link bind_io}.
 * An option that is `undefined` has its default.
 */
export interface IoSessionOptions {
  /**
   * How long a call to the session store may take, in ms: a whole number from 1 to 2147483647. Default: 10000.
   *
   * After that the call has failed with `ERR_STORE_TIMEOUT`: the key route answers 503, `__zappa_key` acknowledges an
   * error, an event's handler does not run. A later answer of the store is ignored. The error may come up to 20 ms later.
   *
   * A session store that several apps use in one process has the value of the app that named it last.
   */
  storeTimeout?: number | undefined;

  /**
   * How long a key is good, in ms: a whole number from 1000. Default: 86400000 (a day). It is never longer than what is
   * left of its session's cookie when it is made, and it ends with its session.
   */
  keyMaxAge?: number | undefined;

  /**
   * On how many channels a session may have a key: a whole number from 1 to 1000. Default: 32. The key route refuses the
   * next one with status 400.
   */
  maxChannels?: number | undefined;

  /**
   * Whether a key can be used once only. Default: false, as in the original: two tabs share a key, and a socket that
   * reconnects presents it again. With true, each connection asks the key route for a new one, which is what
   * `zappajs-client` does anyway.
   *
   * Two processes that are shown one key in the same moment may both accept it. Each GET makes a key of its own then.
   */
  oneTimeKeys?: boolean | undefined;

  /**
   * The origins other than the app's own whose pages may ask for keys: texts such as `'https://app.example'`, or
   * `'capacitor://localhost'` for an app's own scheme; exact, never `'*'`. The key route refuses all others with
   * `ERR_BAD_ORIGIN` (403), and answers these with CORS headers for requests with credentials.
   *
   * With `shareSession` the default is `[]`. With at least one, sockets from all others are refused as well; without any, a
   * key is good from everywhere, and the cookie from the page of the same host.
   *
   * In a Zappa app the default is none: pages of all origins may ask by `fetch` then, as with the original, and the app's own
   * CORS says whether they can read the answer; `[]` keeps all others out. With at least one, `__zappa_key` is refused to the
   * sockets of all others as well; whether they may connect is Socket.IO's own `cors` to say.
   *
   * `'null'` is the origin of every page without one, sandboxed frames of any site included: see docs/security.md before it is
   * allowed. `'file://'` is what some app shells send.
   */
  allowedOrigins?: string[] | undefined;

  /**
   * What becomes of a socket whose session has ended. Default: `'unbind'`.
   *
   * - `'unbind'`: it stays connected, as a stranger.
   * - `'disconnect'`: it is unbound, then `socket.disconnect(true)`.
   * - a function: it is unbound, then the function is called, once per socket. What it throws or rejects with goes to `onError`.
   */
  onSessionEnd?: 'unbind' | 'disconnect' | SessionEndListener | undefined;

  /**
   * How often a bound session is looked up that no event, commit or HTTP request of this process has seen meanwhile, in ms: a
   * whole number from 1000, or `false` for never. Default: 30000. So a socket that never sends anything loses a session that was
   * ended by a process which no adapter connects, or removed by hand. One look-up for a session, however many sockets it has;
   * many sessions in one call where the store can (Redis). At the end that is in its cookie a session is looked up in any case.
   *
   * A failure of the store ends no session.
   *
   * @example
   * shareSession({ checkInterval: 5000 });
   */
  checkInterval?: number | false | undefined;

  /**
   * Told when somebody else has changed the session of a socket: an HTTP request, another socket, another process. Called for
   * each socket of the session, after the change is stored, with the session as it is then; what it changes in it is saved. A
   * touch is no change, and neither is what `onSessionChange` itself changes. Default: none.
   *
   * Where no adapter connects the process that has changed it, it is told at the next look-up (`checkInterval`). What it throws or
   * rejects with goes to `onError`.
   *
   * @example
   * shareSession({
   *   onSessionChange: ({ socket, session }) => socket.emit('name', session.name),
   * });
   */
  onSessionChange?: SessionChangeListener | undefined;

  /**
   * The rooms that a socket is in because of its session: joined before `connection` is told, corrected when the session is
   * changed, left before the client is told that the session has ended. Rooms that the app joins by itself stay. Each is a string
   * of 1 to 400 characters, not the id of a socket, and does not begin with `io-session:`. Where the function throws, or gives
   * anything else, the socket is in none, and `onError` is told. Default: none.
   *
   * The function only reads: what it changes in the session is lost.
   *
   * @example
   * shareSession({ rooms: (session) => [`user:${session.user}`, `role:${session.role}`] });
   * io.to('role:admin').emit('alarm');
   */
  rooms?: SessionRooms | undefined;

  /**
   * Told of failures that no caller is told of. Without it, a failure of the session store becomes a process warning, at
   * most once a minute for each `code`, and what a handler throws or rejects with goes to Node.js, as it would without
   * io-session (which ends the process, unless the app handles it).
   *
   * With `where.socket` and `where.event` it gets the store's failure when an event's session was to be loaded or saved, what
   * the event's handler threw or rejected with (nothing of its own is saved then), and with `shareSession` the store's failure
   * when a key was presented. With an empty `where` it gets failures that belong to no event, with `shareSession` those of the
   * key route. What it throws or rejects with itself becomes a process warning.
   *
   * @example
   * shareSession({ store, onError: (error, { event }) => console.error(event, error) });
   */
  onError?(error: unknown, where: FailurePlace): void | Promise<void>;
}

/** See {@link IoSessionOptions.onSessionEnd}. A listener that declares each field may have Socket.IO's own `Socket` among them. */
export type SessionEndListener = { listener(end: SessionEnd): void | Promise<void> }['listener'];

/** See {@link IoSessionOptions.onSessionChange}. A listener that declares each field may have its own types of socket and session. */
export type SessionChangeListener = {
  listener(change: SessionChangeNotice): void | Promise<void>;
}['listener'];

/** The session of a socket was changed by somebody else. */
export interface SessionChangeNotice {
  socket: SessionSocket;
  /** The same as `socket.session`. */
  session: SocketSession;
}

/** See {@link IoSessionOptions.rooms}. A function may declare its session as its own type. */
export type SessionRooms = { rooms(session: SocketSession): string[] }['rooms'];

/** A socket has lost its session. */
export interface SessionEnd {
  /** Already unbound, and out of the session's room. */
  socket: SessionSocket;
  /**
   * - `destroy`: the session was destroyed (logout, `session.destroy()`).
   * - `regenerate`: it was destroyed by `session.regenerate()`, mostly at a login.
   * - `expire`: the session is not in the store any more: it expired, or another process destroyed it. An event of one of its
   *   sockets found that, or a look-up (`checkInterval`).
   */
  reason: 'destroy' | 'regenerate' | 'expire';
}

/** Where a failure happened; empty when it belongs to no event. */
export interface FailurePlace {
  socket?: SessionSocket;
  /** The name of the event; `__zappa_key` for the handshake; `onSessionChange` or `rooms` for what those functions throw. */
  event?: string;
}

/** The errors of io-session itself. What a session store fails with is passed on as it is. */
export interface IoSessionError extends Error {
  code: IoSessionErrorCode;
  /** The status with which the key route answers it. */
  status: number;
}

/**
 * - `ERR_NO_SESSION_STORE`: the key route was asked, and the app has no session store (500)
 * - `ERR_NO_SESSION`: the key route was asked, and the request has no session (400)
 * - `ERR_MISSING_SESSION_STORE`: a key was presented, and the app has no session store
 * - `ERR_MISSING_KEY`: `__zappa_key` came without a key
 * - `ERR_MISSING_DATA`: the key is malformed, unknown, expired, revoked, or made for another channel
 * - `ERR_BAD_CHANNEL`: the channel name is not allowed (400)
 * - `ERR_TOO_MANY_CHANNELS`: more than `maxChannels` (400)
 * - `ERR_STORE_TIMEOUT`: the session store did not answer within `storeTimeout` (503)
 * - `ERR_OVERLOADED`: too many calls to session stores are in flight (503)
 * - `ERR_INVALID_DOCUMENT`: the store's text of a session is no JSON object
 *
 * Of an {@link EmbeddedStore}:
 * - `ERR_STORE_FULL`: `maxSessions` or `maxBytes` is reached, and `evict` is off, or a session alone is larger than `maxBytes` (503)
 * - `ERR_SESSION_TOO_LARGE`: the session has more than `maxSessionBytes`; what was stored before is still there
 * - `ERR_STORE_PATH_IN_USE`: another process, or a store of another name, has the file open
 * - `ERR_STORE_DAMAGED`: the file is damaged, or is not an `EmbeddedStore`'s; it has been left as it was
 * - `ERR_STORE_FAILED`: the file could not be opened or written, for a reason of the system's
 * - `ERR_STORE_CLOSED`: the store has been closed (503)
 *
 * Of {@link shareSession}:
 * - `ERR_BAD_ORIGIN`: the page's origin is not allowed (403)
 * - `ERR_TOO_MANY_KEYS`: more than `maxKeysPerMinute` (429)
 * - `ERR_STORE_UNAVAILABLE`: a client is told this of every failure that is none of these errors (503)
 *
 * Of {@link SocketSessionMethods.update}:
 * - `ERR_SESSION_GONE`: the session was destroyed, or has expired (410)
 * - `ERR_UPDATE_TIMEOUT`: the function took longer than `storeTimeout`; nothing was written
 * - `ERR_UNSAVABLE_SESSION`: a handler has put a value into the session that JSON has not, such as a BigInt or a circle; its `cause`
 *   is what `JSON.stringify` has thrown
 */
export type IoSessionErrorCode =
  | 'ERR_NO_SESSION_STORE'
  | 'ERR_NO_SESSION'
  | 'ERR_MISSING_SESSION_STORE'
  | 'ERR_MISSING_KEY'
  | 'ERR_MISSING_DATA'
  | 'ERR_BAD_CHANNEL'
  | 'ERR_TOO_MANY_CHANNELS'
  | 'ERR_STORE_TIMEOUT'
  | 'ERR_OVERLOADED'
  | 'ERR_INVALID_DOCUMENT'
  | 'ERR_STORE_FULL'
  | 'ERR_SESSION_TOO_LARGE'
  | 'ERR_STORE_PATH_IN_USE'
  | 'ERR_STORE_DAMAGED'
  | 'ERR_STORE_FAILED'
  | 'ERR_STORE_CLOSED'
  | 'ERR_BAD_ORIGIN'
  | 'ERR_TOO_MANY_KEYS'
  | 'ERR_STORE_UNAVAILABLE'
  | 'ERR_UNSAVABLE_SESSION'
  | 'ERR_SESSION_GONE'
  | 'ERR_UPDATE_TIMEOUT';

/** What the three functions are called with. */
export interface ZappaHost {
  context: ZappaContext;
}

/** What io-session uses of a Zappa app's context. Each function checks what it needs, and throws a TypeError. */
export interface ZappaContext {
  /** The Express app. */
  app: {
    settings: {
      /** Where the key route is. Default: `/zappa`. */
      zappa_prefix?: string;
      io_session?: IoSessionOptions | null;
      [name: string]: any;
    };
  };

  /** The `express-session` module. */
  session: {
    (options: any): any;
    Session: { prototype: unknown };
    Store: { prototype: unknown };
  };

  /**
   * The app's session store; absent until the app has named it (`@use session: …`), and it may stay absent: then handlers
   * run with no session.
   */
  session_store?: SessionStore | null | undefined;

  /** Registers an Express route. For {@link bind_express}. */
  get?(path: string, handler: (this: ZappaRequest) => void): unknown;

  /** Registers a handler of a Socket.IO event. For {@link bind_io}. */
  on?(event: string, handler: (this: ZappaEvent, data: any, ack: any) => void): unknown;

  /** Adds a middleware that is run before the handler of each event. For {@link bind_middleware}. */
  io_use?(middleware: ZappaMiddleware): unknown;
}

/** `next()` runs the rest of the chain and gives what the handler returned; `next(error)` ends it, and may throw `error`. */
export type ZappaMiddleware = (ctx: ZappaEvent, res: any, next: (error?: unknown) => any) => unknown;

/** What io-session uses of `this` in the handler of a route. */
export interface ZappaRequest {
  req: { method?: string; headers?: { [name: string]: any }; session?: any };
  res: {
    headersSent: boolean;
    statusCode: number;
    setHeader(name: string, value: string | number): unknown;
    end(text?: string): unknown;
  };
  params: { [name: string]: any };
  session?: any;
}

/** What io-session uses of `this` in the handler of an event, and what it puts there. */
export interface ZappaEvent {
  socket: SessionSocket;
  /** One plain object per connection. While the socket is bound, `__session_id` is the id of its session. */
  client: { __session_id?: string; [name: string]: any };
  event?: string;
  /**
   * Acknowledges the event, where its client waits for that. io-session puts a function of its own in its place, which sends the
   * acknowledgement when what was changed before is saved: the host gives its handlers that one.
   */
  ack?: unknown;
  /**
   * Set by io-session: the session that was the socket's current one when the event was dispatched. It is the browser's, or,
   * for a socket that is not bound, one of the socket's own. Absent when the app has no session store.
   */
  session?: EventSession;
  /** Set by io-session: `session`, `sessionID` and `sessionStore`, as in an Express request. */
  req?: { session?: EventSession; sessionID?: string; sessionStore?: any; [name: string]: any };
}

/**
 * express-session's `Session`, as a handler of a Zappa event sees it. It may be a `Proxy` that parses only the fields that are
 * looked at: `structuredClone` and `postMessage` take a copy of it, `{ ...session }`.
 */
export interface EventSession {
  /** The id of the Express session; the socket's own id while it is not bound. */
  readonly id: string;
  /** express-session's `Cookie`. Stored byte for byte as it was, unless a handler changes it. */
  cookie: any;
  /**
   * Saves now: for what a plain callback changes after the handler has ended.
   *
   * @example
   * setTimeout(() => {
   *   session.idle = true;
   *   session.save();
   * }, 60_000);
   */
  save(callback?: (error: any) => void): this;
  /**
   * Loads again. `this.session` is another object afterwards.
   *
   * @example
   * this.session.reload((error) => ack(error ? 'gone' : this.session.user));
   */
  reload(callback: (error: any) => void): this;
  /**
   * Prolongs the cookie by its `originalMaxAge`.
   *
   * @example
   * this.session.touch();
   */
  touch(): this;
  /**
   * Logs out: every socket of the session in this process is unbound, and the session's keys are good no more.
   *
   * @example
   * this.session.destroy((error) => ack({ error: error?.message }));
   */
  destroy(callback?: (error: any) => void): this;
  /**
   * As `destroy`, with a new session in `this.session`. No socket is bound to it: the browser has to share again, with its new
   * cookie.
   *
   * @example
   * this.session.regenerate((error) => ack({ error: error?.message }));
   */
  regenerate(callback: (error: any) => void): this;
  /** The app's own fields. */
  [field: string]: any;
}

/** What io-session needs of an express-session store. It answers to the callback, synchronously or later, or by a promise of a value. */
export interface SessionStore {
  get(sid: string, callback: (error: any, session?: any) => void): any;
  set(sid: string, session: any, callback?: (error?: any) => void): any;
  destroy(sid: string, callback?: (error?: any) => void): any;
  /** Inherited from express-session's `Store`. */
  createSession(req: any, session: any): any;
  touch?(sid: string, session: any, callback?: (error?: any) => void): any;
  clear?(callback?: (error?: any) => void): any;
}

/**
 * A session store that can compare and set in one step. With it, what handlers and requests save, and what updates write, is
 * exact between all processes that use the store. io-session looks for the method when it adopts the store; it brings its own
 * form of it for connect-redis 3 to 6, 9 and later, and for connect-pg-simple ({@link redisCompareAndSet} is for connect-redis 7
 * and 8), and has no need of one for MemoryStore and {@link EmbeddedStore}.
 *
 * @example
 * class MyStore extends session.Store {
 *   async compareAndSet(sid, expected, { text, session, renew }) {
 *     const live = { _id: sid, expires: { $gt: new Date() } };
 *     const change = renew ? { text, expires: session.cookie.expires } : { text };
 *     const { matchedCount } = await sessions.updateOne({ ...live, text: expected }, { $set: change });
 *     if (matchedCount === 1) return true;
 *     return (await sessions.findOne(live))?.text ?? null;
 *   }
 * }
 */
export interface CommittingStore extends SessionStore {
  /**
   * Writes a session if what is stored is still what is expected. It is called for sessions that were loaded or saved before;
   * a new one goes through `set`.
   *
   * It answers as the store's other methods do, to the callback or by promise, within `storeTimeout`. A failure must not
   * leave half a session behind; whether the write has been done is not known then, and it is not tried again.
   *
   * @param sid under which id, as `get` is given it
   * @param expected JSON text: the text that the store gave last, or else `JSON.stringify` of what `get` gave. A store that
   *   spells JSON in its own way answers the first time with its own text, and gets that as `expected` next
   * @param change what to write
   * @param callback see {@link CompareAndSetOutcome}
   */
  compareAndSet(
    sid: string,
    expected: string,
    change: SessionChange,
    callback: (error: any, outcome?: CompareAndSetOutcome) => void,
  ): any;
}

/** What {@link CommittingStore.compareAndSet} has to write. */
export interface SessionChange {
  /** The session as JSON text. */
  text: string;
  /**
   * The same as an object, with express-session's `Cookie`: a store takes its time to live from that, before it waits for anything.
   * It may be the handler's own object, which the app goes on to change.
   */
  session: any;
  /**
   * Whether the time to live begins anew, as the session's cookie or the store's own default says. With false it stays as it
   * is: a touch may have prolonged it, and left the date in the text alone.
   */
  renew: boolean;
}

/**
 * - `true`: what was stored was what was expected, and `text` is stored in its place
 * - a string: the JSON text that is stored instead; nothing was written
 * - `null`: there is no such session (it was destroyed, or has expired); nothing was written
 */
export type CompareAndSetOutcome = true | string | null;

/**
 * Makes the `compareAndSet` of a connect-redis store of version 7 or 8, which hides its client. Assign it before the store is
 * given to the app. Other versions of connect-redis need nothing. Redis 6 or later.
 *
 * @example
 * const store = new RedisStore({ client });
 * store.compareAndSet = redisCompareAndSet(client);
 *
 * @param client the client that the store was given: of node-redis or ioredis, a cluster's included
 * @throws TypeError when the client is neither
 */
export function redisCompareAndSet(client: any): CommittingStore['compareAndSet'];

/** What io-session uses of a socket of Socket.IO 2 or 4. */
export interface SessionSocket {
  id: string;
  handshake: any;
  request?: any;
  data?: any;
  nsp?: any;
  rooms?: any;
  connected?: boolean;
  join(room: string): any;
  leave(room: string): any;
  disconnect(close?: boolean): any;
  on(event: string, listener: (...args: any[]) => void): any;
  emit(event: string, ...args: any[]): any;
}

/* The embedded store. */

/** What an {@link EmbeddedStore} may be told. Unknown names and wrong values throw a TypeError. Times are in ms. */
export interface EmbeddedStoreOptions {
  /**
   * The name under which the worker threads of this process share one store: every `EmbeddedStore` of this name is the same
   * one, and has to be given the same options. It is there until it is closed as often as it was opened, or the process
   * ends. Default: none; without a `path` either, the store is this object's own and goes with it.
   */
  name?: string | undefined;

  /**
   * The file in which the sessions survive a restart; its folder must exist. Default: none. Stores of one path are
   * one store, as with `name`. Another process gets `ERR_STORE_PATH_IN_USE`.
   */
  path?: string | undefined;

  /**
   * How long a session lives whose cookie has no date (`maxAge` unset), after it was last saved or touched: a whole number
   * from 1. Default: 86400000 (a day). A cookie with a date ends its session at that date.
   */
  ttl?: number | undefined;

  /** Most sessions: a whole number from 1, or `Infinity`. Default: `Infinity`. */
  maxSessions?: number | undefined;

  /**
   * Most bytes: each session counts its UTF-8 text, its id, and 192 bytes more. A whole number from 1024, or `Infinity`. Default:
   * a quarter of the memory that the process may have.
   */
  maxBytes?: number | undefined;

  /**
   * Most bytes of one session's UTF-8 text: a whole number from 64, or `Infinity`. Default: 1048576 (1 MiB). A larger one is refused with
   * `ERR_SESSION_TOO_LARGE`, and the one that was there before stays.
   */
  maxSessionBytes?: number | undefined;

  /**
   * What happens at `maxSessions` and `maxBytes`. Sessions that have ended always go first. Then, with true (the default), the
   * least recently used; with false, a session that does not fit is refused with `ERR_STORE_FULL`.
   */
  evict?: boolean | undefined;

  /**
   * How often sessions that have ended are dropped: a whole number from 10 to 2147483647. Default: 10000. They are never given
   * out, whether they have been dropped yet or not.
   */
  sweepInterval?: number | undefined;

  /**
   * How late the file may be, with `path`: a whole number from 10 to 2147483647. Default: 1000. So much can be lost when the
   * process is killed; nothing when it exits or the store is closed.
   */
  flushInterval?: number | undefined;
}

/** What an {@link EmbeddedStore} holds, and what it has done since it was opened. */
export interface EmbeddedStoreStats {
  /** Sessions, those included that have ended and are not dropped yet. */
  sessions: number;
  /** Bytes, as `maxBytes` counts them. */
  bytes: number;
  /** Sessions that were dropped because they had ended. */
  expired: number;
  /** Sessions that were dropped to make room. */
  evicted: number;
  /** Writes that were refused. */
  refused: number;
  /**
   * How often the background task, `flush()` or `close()` has written changes to the file, and the disk has them. What was
   * written to the store before it had grown twice is in the file: the first of the two may have been under way.
   */
  flushes: number;
  /** What the last attempt to write the file failed with; absent when it did not fail. It is tried again. */
  failure?: string;
}

/**
 * express-session's session store for an app on one machine. Sessions are JSON texts outside of V8's heap: the garbage
 * collector does not see them. They expire by themselves, and every commit to them is exact, across worker threads too.
 *
 * Needs `express-session` installed. Every method answers to its callback, after the current operation, or by a promise if there
 * is none. Failures go there as well; nothing is thrown. It emits `disconnect` when it is closed: express-session then goes on
 * without sessions.
 *
 * @example
 * const store = new EmbeddedStore({ path: 'sessions.redb' });
 * app.use(session({ store, secret, resave: false, saveUninitialized: false }));
 */
export class EmbeddedStore {
  /**
   * Opens the store.
   *
   * @throws TypeError that names a wrong option, or says that the store is open with other options
   * @throws IoSessionError with `ERR_STORE_PATH_IN_USE`, `ERR_STORE_DAMAGED`, `ERR_STORE_FAILED` or `ERR_STORE_FULL`. A
   *   file is read whole, before the constructor returns
   */
  constructor(options?: EmbeddedStoreOptions);

  /**
   * Reads a session; undefined when there is none.
   *
   * @example
   * const session = await store.get(sid);
   */
  get(sid: string, callback: (error: any, session?: any) => void): void;
  get(sid: string): Promise<any>;
  /**
   * Stores a session.
   *
   * @example
   * await store.set(sid, { cookie: {}, user: 'ann' });
   */
  set(sid: string, session: any, callback: (error?: any) => void): void;
  set(sid: string, session: any): Promise<void>;
  /**
   * Stores the session's cookie, and nothing else of it.
   *
   * @example
   * await store.touch(sid, session);
   */
  touch(sid: string, session: any, callback: (error?: any) => void): void;
  touch(sid: string, session: any): Promise<void>;
  /**
   * Writes a session if what is stored is still what is expected; see {@link CommittingStore.compareAndSet}.
   *
   * @example
   * const text = JSON.stringify(await store.get(sid));
   * const session = { ...JSON.parse(text), seen: true };
   * await store.compareAndSet(sid, text, { text: JSON.stringify(session), session, renew: false });
   */
  compareAndSet(
    sid: string,
    expected: string,
    change: SessionChange,
    callback: (error: any, outcome?: CompareAndSetOutcome) => void,
  ): void;
  compareAndSet(sid: string, expected: string, change: SessionChange): Promise<CompareAndSetOutcome>;
  /**
   * Takes a session out of the store; its sockets lose it.
   *
   * @example
   * await store.destroy(sid);
   */
  destroy(sid: string, callback: (error?: any) => void): void;
  destroy(sid: string): Promise<void>;
  /**
   * An object with all sessions by their ids, as MemoryStore gives it. The records of keys and of sockets that no session is bound to
   * are among them: they have no fields of the app's.
   *
   * @example
   * const users = Object.values(await store.all()).flatMap(({ user }) => user ?? []);
   */
  all(callback: (error: any, sessions?: { [sid: string]: any }) => void): void;
  all(): Promise<{ [sid: string]: any }>;
  /**
   * How many sessions there are, those records included.
   *
   * @example
   * console.log(await store.length());
   */
  length(callback: (error: any, length?: number) => void): void;
  length(): Promise<number>;
  /**
   * Takes all sessions out of the store; their sockets lose them.
   *
   * @example
   * await store.clear();
   */
  clear(callback: (error?: any) => void): void;
  clear(): Promise<void>;

  regenerate(req: any, callback: (error?: any) => any): void;
  load(sid: string, callback: (error?: any, session?: any) => any): void;
  createSession(req: any, session: any): any;

  /**
   * What the store holds, and what it has done.
   *
   * @example
   * const { sessions, bytes, failure } = store.stats();
   *
   * @throws IoSessionError with `ERR_STORE_CLOSED`
   */
  stats(): EmbeddedStoreStats;
  /**
   * Writes all changes to the file; fulfilled when the disk has them. Rejects with `ERR_STORE_FAILED`.
   *
   * @example
   * await store.flush();
   */
  flush(): Promise<void>;
  /**
   * Writes all changes to the file, and closes it when no other thread has the store open. Every later call fails with
   * `ERR_STORE_CLOSED`. Closing twice does nothing.
   *
   * @example
   * process.once('SIGTERM', () => store.close().then(() => process.exit()));
   */
  close(): Promise<void>;

  on(event: string | symbol, listener: (...args: any[]) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;
  addListener(event: string | symbol, listener: (...args: any[]) => void): this;
  removeListener(event: string | symbol, listener: (...args: any[]) => void): this;
  off(event: string | symbol, listener: (...args: any[]) => void): this;
  emit(event: string | symbol, ...args: any[]): boolean;
  prependListener(event: string | symbol, listener: (...args: any[]) => void): this;
  prependOnceListener(event: string | symbol, listener: (...args: any[]) => void): this;
  removeAllListeners(event?: string | symbol): this;
  listeners(event: string | symbol): ((...args: any[]) => void)[];
  rawListeners(event: string | symbol): ((...args: any[]) => void)[];
  listenerCount(event: string | symbol, listener?: (...args: any[]) => void): number;
  eventNames(): (string | symbol)[];
  getMaxListeners(): number;
  setMaxListeners(count: number): this;
}
