// biome-ignore-all lint/suspicious/noExplicitAny: what sessions, cookies, stores and sockets hold is the app's to say, not ours

/**
 * The Express session of the browser, in every Socket.IO handler of a Zappa app.
 *
 * The types are structural: nothing here needs `@types/express`, `@types/express-session` or `socket.io` to be installed.
 *
 * @packageDocumentation
 */

/**
 * Installs the key route, `GET <zappa_prefix>/socket/:channel_name/:socket_id`, which answers `200 {"key": "<uuid v4>"}`.
 *
 * The host (Zappa) calls it once per app, after the app's own function: `app.settings.zappa_prefix` (default `/zappa`) and
 * `app.settings.io_session` ({@link IoSessionOptions}) are read at that moment, once.
 *
 * Store failures and refusals are answered as `{"error": "…"}` with status 400, 500 or 503; they are never thrown.
 *
 * @param host `context.get` is called, once
 * @throws TypeError that names what is missing: `context`, `context.app`, its `settings`, `context.session`,
 *   `context.get`; that names a wrong option; or that says that `context.session_store` is no session store
 */
export function bind_express(host: ZappaHost): void;

/**
 * Installs the event `__zappa_key`, by which a socket presents its key: `({ key }, ack)` → `ack({ key })` and the socket is
 * bound to the key's session, or `ack({ error })`. Without an acknowledgement function nothing happens.
 *
 * The host (Zappa) calls it once per app, after the app's own function; `app.settings.io_session` is read at that moment.
 *
 * @param host `context.on` is called, once
 * @throws TypeError as {@link bind_express}, with `context.on`
 */
export function bind_io(host: ZappaHost): void;

/**
 * Installs the middleware that gives each event its session, as `ctx.session` and `ctx.req.session`, and that saves what the
 * handler has changed once it has returned and the promise that it returned, if any, has resolved.
 *
 * The host (Zappa) calls it once per app, *before* the app's own function. From then on `context.session_store` is an
 * accessor, and the store that the app assigns to it is adopted in place: some of its methods are followed, so that every
 * load, save and logout is seen. A session store is adopted once, however many apps use it.
 *
 * When the store fails, the handler does not run: the error goes to `onError` and to `next(error)`.
 *
 * @param host `context.io_use` is called, once
 * @throws TypeError as {@link bind_express}, with `context.io_use`; options are not read yet. Assigning something to
 *   `context.session_store` that is no session store throws a TypeError, then
 */
export function bind_middleware(host: ZappaHost): void;

/**
 * The name of the Socket.IO room that every socket of a session is in: `io.to(sessionRoom(req.session.id)).emit('news')`
 * reaches all of them, in every process that Socket.IO's adapter connects. A socket joins it when its key is accepted and
 * leaves it when its session ends, or, where another process ended the session, at its own next event.
 *
 * @param sid the id of an Express session (`req.session.id`, `req.sessionID`)
 * @returns `io-session:` and the SHA-256 of the id in base64url, so that the name does not give the id away
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
   * error, an event's handler does not run. A later answer of the store is ignored. The deadline is looked at every 50 ms.
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
   * What becomes of a socket whose session has ended. Default: `'unbind'`.
   *
   * - `'unbind'`: it stays connected, as a stranger.
   * - `'disconnect'`: it is unbound, then `socket.disconnect(true)`.
   * - a function: it is unbound, then the function is called, once per socket. What it throws goes to `onError`.
   */
  onSessionEnd?: 'unbind' | 'disconnect' | SessionEndListener | undefined;

  /**
   * Told of failures that nobody else is told of. Without it, a failure of the session store becomes a process warning, at
   * most once a minute for each `code`, and what a handler throws or rejects with goes to Node.js, as it would without
   * io-session (which ends the process, unless the app handles it).
   *
   * It gets, with `where.socket` and `where.event`: what the store failed with when an event's session was to be loaded or
   * saved, and what the event's handler threw or rejected with (nothing is saved then). With an empty `where`: failures
   * that belong to no event. It must not throw: what it throws becomes a process warning.
   */
  onError?(error: unknown, where: FailurePlace): void;
}

/** See {@link IoSessionOptions.onSessionEnd}. A listener may declare its socket as Socket.IO's own `Socket`. */
export type SessionEndListener = { listener(end: SessionEnd): void }['listener'];

/** A socket has lost its session. */
export interface SessionEnd {
  /** Already unbound, and out of the session's room. */
  socket: SessionSocket;
  /**
   * - `destroy`: this process destroyed the session (logout, `session.destroy()`, `session.regenerate()`).
   * - `expire`: an event of the socket found no session in the store: it expired, or another process destroyed it.
   */
  reason: 'destroy' | 'expire';
}

/** Where a failure happened; empty when it belongs to no event. */
export interface FailurePlace {
  socket?: SessionSocket;
  /** The name of the event; `__zappa_key` for the handshake. */
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
 * - `ERR_MISSING_DATA`: the key is malformed, unknown, expired, revoked or foreign
 * - `ERR_BAD_CHANNEL`: the channel name is not allowed (400)
 * - `ERR_TOO_MANY_CHANNELS`: more than `maxChannels` (400)
 * - `ERR_STORE_TIMEOUT`: the session store did not answer within `storeTimeout` (503)
 * - `ERR_OVERLOADED`: too many calls to session stores are in flight (503)
 * - `ERR_INVALID_DOCUMENT`: the store's text of a session is no JSON object
 *
 * Of an {@link EmbeddedStore}:
 * - `ERR_STORE_FULL`: `maxSessions` or `maxBytes` is reached, and `evict` is off (503)
 * - `ERR_SESSION_TOO_LARGE`: the session has more than `maxSessionBytes`; what was stored before is still there
 * - `ERR_STORE_PATH_IN_USE`: another process, or a store of another name, has the file open
 * - `ERR_STORE_DAMAGED`: the file is damaged, or is not an `EmbeddedStore`'s; it has been left as it was
 * - `ERR_STORE_FAILED`: the file could not be opened or written, for a reason of the system's
 * - `ERR_STORE_CLOSED`: the store has been closed (503)
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
  | 'ERR_STORE_CLOSED';

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
  req: { method?: string; session?: any };
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
   * Set by io-session: the session of the socket's browser, or, for a socket that is not bound, a session of the socket's
   * own. Absent when the app has no session store. It is made when it is first looked at.
   */
  session?: EventSession;
  /** Set by io-session: `session`, `sessionID` and `sessionStore`, as in an Express request. */
  req?: { session?: EventSession; sessionID?: string; sessionStore?: any; [name: string]: any };
}

/**
 * express-session's `Session`, as a handler of an event sees it. `structuredClone` and `postMessage` take a copy of it,
 * `{ ...session }`, and not itself: it is parsed as far as it is looked at, which a `Proxy` sees to.
 */
export interface EventSession {
  /** The id of the Express session; the socket's own id while it is not bound. */
  readonly id: string;
  /** express-session's `Cookie`. Stored byte for byte as it was, unless a handler changes it. */
  cookie: any;
  /** Saves now, without waiting for the end of the handler. For what a plain callback changes after the handler has ended. */
  save(callback?: (error: any) => void): this;
  /** Loads again. `this.session` is another object afterwards. */
  reload(callback: (error: any) => void): this;
  /** Prolongs the cookie by its `originalMaxAge`. */
  touch(): this;
  /** Logs out: every socket of the session in this process is unbound, and the session's keys are good no more. */
  destroy(callback?: (error: any) => void): this;
  /** As `destroy`, with a new session in `this.session`. The socket is not bound to it: its browser has to share again. */
  regenerate(callback: (error: any) => void): this;
  /** The app's own fields. */
  [field: string]: any;
}

/** What io-session needs of an express-session store. It may answer synchronously, later, or by a promise. */
export interface SessionStore {
  get(sid: string, callback: (error: any, session?: any) => void): any;
  set(sid: string, session: any, callback?: (error?: any) => void): any;
  destroy(sid: string, callback?: (error?: any) => void): any;
  /** Inherited from express-session's `Store`. */
  createSession(req: any, session: any): any;
  touch?(sid: string, session: any, callback?: (error?: any) => void): any;
  clear?(callback?: (error?: any) => void): any;
}

/** What io-session uses of a socket of Socket.IO 2 or 4. */
export interface SessionSocket {
  id: string;
  handshake: any;
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
  /** What the last attempt to write the file failed with; absent when it did not fail. It is tried again. */
  failure?: string;
}

/**
 * express-session's session store for an app on one machine: `session({ store: new EmbeddedStore() })`. Sessions are
 * JSON texts outside of V8's heap, which the garbage collector does not see; they expire; and every commit of io-session's to
 * them is exact, across worker threads too.
 *
 * Needs `express-session` installed. Every method answers to its callback, after the current operation, or by a promise
 * when there is none. What a session cannot be stringified for, and the store's own failures, are given to them; nothing is
 * thrown.
 *
 * It emits `disconnect` when it is closed, from which express-session knows to go on without sessions.
 */
export class EmbeddedStore {
  /**
   * @throws TypeError that names a wrong option, or says that the store is open with other options
   * @throws IoSessionError with `ERR_STORE_PATH_IN_USE`, `ERR_STORE_DAMAGED`, `ERR_STORE_FAILED` or `ERR_STORE_FULL`. A file
   *   is read whole, before the constructor returns
   */
  constructor(options?: EmbeddedStoreOptions);

  get(sid: string, callback: (error: any, session?: any) => void): void;
  /** Undefined when there is no such session. */
  get(sid: string): Promise<any>;
  set(sid: string, session: any, callback: (error?: any) => void): void;
  set(sid: string, session: any): Promise<void>;
  /** Stores the session's cookie, and nothing else of it. */
  touch(sid: string, session: any, callback: (error?: any) => void): void;
  touch(sid: string, session: any): Promise<void>;
  destroy(sid: string, callback: (error?: any) => void): void;
  destroy(sid: string): Promise<void>;
  /** An object with all sessions by their ids, as MemoryStore gives it. */
  all(callback: (error: any, sessions?: { [sid: string]: any }) => void): void;
  all(): Promise<{ [sid: string]: any }>;
  length(callback: (error: any, length?: number) => void): void;
  length(): Promise<number>;
  clear(callback: (error?: any) => void): void;
  clear(): Promise<void>;

  regenerate(req: any, callback: (error?: any) => any): void;
  load(sid: string, callback: (error?: any, session?: any) => any): void;
  createSession(req: any, session: any): any;

  /** @throws IoSessionError with `ERR_STORE_CLOSED` */
  stats(): EmbeddedStoreStats;
  /** Writes to the file what it has not got yet; resolves when the disk has it. Rejects with `ERR_STORE_FAILED`. */
  flush(): Promise<void>;
  /**
   * Writes to the file what it has not got yet, and closes it when no other thread has the store open. Every later call fails
   * with `ERR_STORE_CLOSED`. Closing twice does nothing.
   */
  close(): Promise<void>;

  on(event: string | symbol, listener: (...args: any[]) => void): this;
  once(event: string | symbol, listener: (...args: any[]) => void): this;
  addListener(event: string | symbol, listener: (...args: any[]) => void): this;
  removeListener(event: string | symbol, listener: (...args: any[]) => void): this;
  off(event: string | symbol, listener: (...args: any[]) => void): this;
  emit(event: string | symbol, ...args: any[]): boolean;
}
