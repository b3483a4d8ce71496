/** The part of a Socket.IO client's socket that is used: socket.io-client 2, 3 and 4 have it. */
export interface SocketLike {
  readonly id?: string | undefined;
  readonly connected: boolean;
  /** Whether it connects again by itself, since socket.io-client 4. */
  readonly active?: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: a socket with typed events has other types here
  on(event: any, listener: any): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  off(event: any, listener: any): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  emit(event: any, ...args: any[]): unknown;
  connect(): unknown;
  /** What the client sends with each connection, since socket.io-client 3. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  auth?: any;
}

/** How to ask the Express side for a key. */
export interface KeyOptions {
  /** Where the server has its routes: its `prefix`, or a Zappa app's `zappa_prefix` (`'/zappa'`). Default `'/io-session'`. */
  prefix?: string | undefined;
  /** Which of the app's Socket.IO servers this is: its `channel`, or a Zappa app's. Default `'__local'`. */
  channel?: string | undefined;
  /** What sends the request. Default the global `fetch`. In Node.js, one that sends the session's cookie, with `redirect: 'manual'`: a redirect that Node.js follows has the cookie of before. */
  // biome-ignore lint/suspicious/noExplicitAny: `fetch` of the DOM, of Node.js and of packages differ in their types
  fetch?: ((url: string, init: any) => Promise<any>) | undefined;
}

/** How `keyFor` asks, and who is told when it was in vain. */
export interface KeyForOptions extends KeyOptions {
  /** Told why there is no key. Default `console.error`. */
  onError?: ((error: ShareError) => void) | undefined;
}

/** How a socket shares the session. */
export interface ShareOptions extends KeyOptions {
  /**
   * The origin of the Express side, such as `'https://app.example'`, where that is not the page's own. The server has to
   * allow the page's origin to read the answer and to send the cookie.
   */
  url?: string | URL | undefined;
  /** Called each time the socket has been bound, the first time included: what the page shows may be out of date. */
  onBind?: (() => void) | undefined;
  /**
   * Told of each failure after the returned promise has settled. The next connection tries again by itself.
   * Default `console.error`.
   */
  onError?: ((error: ShareError) => void) | undefined;
  /** Ends it. A promise that is still pending rejects with the signal's `reason`. */
  signal?: AbortSignal | undefined;
}

/** Why a socket was not bound. Its message is the server's own words, where the server said any. */
export interface ShareError extends Error {
  /**
   * The server's code where it gave one, else:
   *
   * - `ERR_KEY_REFUSED`: the Express side gave no key; see `status`
   * - `ERR_KEY_REJECTED`: the Socket.IO side did not accept the key
   * - `ERR_HANDSHAKE_TIMEOUT`: 30 seconds have gone by, less than the 45 in which Socket.IO wants a client to have connected
   *
   * None where `fetch` itself failed: the network, or a server that does not allow this origin.
   */
  code?: string | undefined;
  /** The HTTP status with which the Express side refused a key. */
  status?: number | undefined;
}

/**
 * Binds a socket to the browser's Express session: now, or as soon as it connects, and again after each reconnect and
 * each `session:end` of the server.
 *
 * ```js
 * import { shareSession } from 'io-session/client';
 *
 * const socket = io('https://live.example');
 * await shareSession(socket, { url: 'https://app.example' });
 * ```
 *
 * The promise is fulfilled when the socket has been bound for the first time. It rejects with a {@link ShareError} if the
 * first attempt fails. Each new connection tries again all the same, and so it does without one after a failure that may pass by
 * itself (no answer, a status of 429 or from 500 on, a store that fails): 1 to 2 s later, then twice as long, 32 to 64 s at last.
 * `onBind` and `onError` say how that went.
 * A socket that is not connected is waited for: what keeps it from connecting is told by its own `connect_error`.
 *
 * What the app emits before the socket is connected, or while it is offline, is handled with the session. A client of Socket.IO
 * 3 or 4 brings a key with each connection, beside what the app has set as the socket's `auth`; a connection waits for it for
 * 5 seconds at most. A client of Socket.IO 2, and a namespace that was opened beside a connected one, keep what
 * was emitted until they are bound, or could not be.
 *
 * It needs `fetch`, `Promise` and `AbortController`, and nothing of a page: it runs in React Native and in Node.js, too.
 *
 * After a `session:end` it waits a quarter of a second, so that the response which ended the session can bring the new
 * cookie.
 *
 * A later call for the same socket takes the earlier one's place, and the earlier promise follows the later one. Call it
 * after a login to be bound at once. `signal` ends it all; the socket remains bound to what it is bound to.
 */
export function shareSession(socket: SocketLike, options?: ShareOptions): Promise<void>;

/**
 * A key for a connection of Socket.IO 3 or 4 that is bound from its beginning: the server's `connection` listeners and
 * middlewares have the session already. Socket.IO calls `auth` anew for each reconnect, which then brings a fresh key.
 *
 * ```js
 * import { keyFor } from 'io-session/client';
 *
 * const socket = io('https://live.example', {
 *   auth: async (cb) => cb({ key: await keyFor('https://app.example') }),
 * });
 * ```
 *
 * It never rejects: Socket.IO waits for its `auth` without end, so a rejection would keep the socket from connecting at all.
 * Where there is no key (the Express side is down, has no session store, does not allow this origin, or has not answered
 * within 30 seconds), `onError` is told and the promise is fulfilled with `undefined`. `{ key: undefined }` connects as a
 * stranger, or by the session's cookie where that is sent and the server has the option `cookie`; a server with
 * `required: true` refuses it with a `connect_error`.
 *
 * The key binds this connection, and no later session. What ends its session is told by `session:end`: call
 * `shareSession(socket, …)` as well, which shares again then, or reconnect the socket. With `shareSession` from the start
 * `keyFor` is not needed: it brings a key with each connection by itself.
 *
 * The server has to be one that calls `shareSession`: the key route of a Zappa app wants a socket id, which
 * `shareSession(socket, …)` gives it.
 *
 * Socket.IO 2 has no `auth`: `io(url, { query: { key: await keyFor(url) } })`. It keeps the same query for its
 * reconnects, so `shareSession` is the better way there.
 *
 * @param url the origin of the Express side, where that is not the page's own; `undefined` or `''` for the page's
 */
export function keyFor(url?: string | URL, options?: KeyForOptions): Promise<string | undefined>;
