// Made of index.js by `npm run client`.
'use strict';

// Served as it is; index.d.ts has the documentation.
/** @import * as types from './index.js' */

/** How long a handshake may take, in ms. */
const DEADLINE = 30_000;

/** How long a connection may wait for its key, in ms: the sockets of an app whose Express side hangs or fails shall connect all the same. */
const PATIENCE = 5_000;

/** How long to wait after the end of a session, in ms: its news may overtake the response with the new cookie. */
const GRACE = 250;

/** How long to wait after a failure of the server's, in ms: doubled each time, up to the last. Not all tabs at once. */
const [FIRST_WAIT, LAST_WAIT] = [1_000, 32_000];

/** What says of the server's store or of the network that they are out of order, and nothing of the key. */
const PASSING = /^ERR_(?:STORE_|OVERLOADED|HANDSHAKE_TIMEOUT)/;

/** How each socket is shared. @type {WeakMap<object, { packets: any, stop(): void, follow(later: any): void }>} */
const shares = new WeakMap();

/** The requests that others of the page wait for, by their server. @type {Map<any, Promise<any>>} */
const firsts = new Map();

/** @type {(message: string, code: string, status?: number) => Error} */
const failure = (message, code, status) => Object.assign(new Error(message), { code, status });

/** The statuses below 500 of what may pass by itself: a redirect that the app's `fetch` has not followed, and too many requests. */
const LATER = [307, 429];

/** Whether a failure may pass by itself. A `fetch` that reaches nobody has no status, and no code of ours. @type {(error: any) => boolean} */
const isPassing = ({ code, status }) =>
  status >= 500 ||
  LATER.includes(status) ||
  PASSING.test(code) ||
  (status === undefined && !/^ERR_/.test(code));

/** @type {(fail: any, ms?: number) => any} */
const deadline = (fail, ms = DEADLINE) =>
  setTimeout(fail, ms, failure('The handshake took too long', 'ERR_HANDSHAKE_TIMEOUT'));

/** @type {(id: any[], options: types.ShareOptions, signal: any) => Promise<string>} */
const askKey = async (
  id,
  { url = '', prefix = '/io-session', channel = '__local', fetch = globalThis.fetch },
  signal,
) => {
  const server = String(url).replace(/\/+$/, '');
  const ask = async () => {
    const path = [channel, ...id].map(encodeURIComponent).join('/');
    const response = await fetch(`${server}${prefix}/socket/${path}`, {
      credentials: 'include',
      headers: { Accept: 'application/json' },
      cache: 'no-store',
      signal,
    });
    const { status } = response;
    // A proxy's answer is no JSON, nor is an app's page for every path.
    const { key, error, code = 'ERR_KEY_REFUSED' } = (await response.json().catch(() => {})) ?? {};
    if (status === 200 && key) return key;
    throw failure(error ?? `No key (HTTP ${status})`, code, status);
  };
  // One tab at a time: without a session, each would be given its own. A sandboxed frame may not lock.
  const { isSecureContext, navigator, origin } = /** @type {any} */ (globalThis);
  const locks = isSecureContext && origin !== 'null' && navigator?.locks;
  if (!locks) {
    // At least within the page.
    const first = firsts.get(server);
    if (first) await first;
    const key = ask();
    const settled = key.catch(() => {});
    if (!first) {
      firsts.set(server, settled);
      signal.addEventListener('abort', () => firsts.delete(server));
    }
    return key;
  }
  let isLocked = false;
  const locked = () => {
    isLocked = true;
    return ask();
  };
  try {
    return await locks.request('io-session', { signal }, locked);
  } catch (error) {
    // No lock is to be had here: as without.
    if (isLocked || signal.aborted) throw error;
    return ask();
  }
};

/**
 * Asks for a key, and tells of the failure if there is none in time. `isPatient`: whether a failure that may pass is waited for.
 *
 * @type {(options: types.ShareOptions, ms: number, tell: any, attempt?: AbortController, isPatient?: boolean) => Promise<string | undefined>}
 */
const keyWithin = (options, ms, tell, attempt = new AbortController(), isPatient = false) => {
  const { signal } = attempt;
  /** @type {any} */
  let timer;
  /** @type {any} */
  let last;
  return new Promise((resolve, reject) => {
    timer = deadline((/** @type {any} */ late) => reject(last ?? late), ms);
    const ask = () => {
      if (signal.aborted) return;
      askKey([], options, signal).then(resolve, (error) => {
        last = error;
        if (isPatient && isPassing(error)) setTimeout(ask, FIRST_WAIT);
        else reject(error);
      });
    };
    ask();
  })
    .catch((error) => {
      Promise.resolve(error).then(tell).catch(console.error);
    })
    .finally(() => {
      clearTimeout(timer);
      attempt.abort();
    });
};

/** @type {typeof types.keyFor} */
const keyFor = (url, options = {}) =>
  keyWithin({ ...options, url }, DEADLINE, options.onError ?? console.error);

/**
 * Gives each connection of a client of Socket.IO 3 or 4 a key, beside what the app has set as the socket's `auth`. So what was emitted
 * while the socket was offline finds it bound. `hasAsked`: whether the socket has been bound by a later key than the one that the app
 * had from the start.
 *
 * @type {(socket: any, options: types.ShareOptions, hasAsked: () => boolean, note: (key: any, failed: any) => void) =>
 *   (data: any, send: (data: any) => void) => Promise<void>}
 */
const bringKey = (socket, options, hasAsked, note) => {
  /** The last connection's. @type {AbortController | undefined} */
  let latest;
  // A Zappa app's route is for sockets that are connected.
  let isRoute = true;
  return async (data, send) => {
    // That has been lost meanwhile.
    latest?.abort();
    const attempt = new AbortController();
    latest = attempt;
    // A function of the app's gives a fresh one.
    const isTheirs = 'key' in (data ?? {}) && (typeof socket.auth === 'function' || !hasAsked());
    let key = isTheirs ? data.key : undefined;
    /** @type {any} */
    let failed;
    if (!isTheirs && isRoute) {
      const noted = (/** @type {any} */ error) => {
        isRoute = error?.status !== 404;
        failed = error;
      };
      key = await keyWithin(options, PATIENCE, noted, attempt, true);
    }
    if (latest !== attempt) return;
    note(key, failed);
    send(key === undefined ? data : { ...data, key });
  };
};

/** The types of a packet that asks to connect, and of those with an event. */
const [CONNECT, ...EVENTS] = [0, 2, 5];

/**
 * Follows the packets of a socket. One that asks to connect gets what `bring` makes of its data. What is emitted from when the socket is
 * offline until it is bound is kept, or until that takes too long. A connection that has brought a key need not wait. Socket.IO 2 has
 * no data there, and a namespace opened beside a connected one has no time for it.
 *
 * @type {(socket: any) => { hold(): void, release(): void, stop(): void, bring?: any }}
 */
const followPackets = (socket) => {
  const { packet } = socket;
  if (!packet) return { hold() {}, release() {}, stop() {} };
  let isHeld = !socket.connected;
  /** @type {any} */
  let timer;
  /** @type {any[]} */
  const later = [];
  const release = () => {
    clearTimeout(timer);
    timer = undefined;
    if (!socket.connected) return;
    isHeld = false;
    for (const one of later.splice(0)) packet.call(socket, one);
  };
  socket.packet = (/** @type {any} */ one) => {
    if (one.type === CONNECT && 'data' in one)
      return packets.bring(one.data, (/** @type {any} */ data) => packet.call(socket, { ...one, data }));
    // It is connected.
    if (!isHeld || !EVENTS.includes(one.type) || one.data[0] === '__zappa_key')
      return packet.call(socket, one);
    later.push(one);
    timer ??= setTimeout(release, PATIENCE);
  };
  /** @type {ReturnType<typeof followPackets>} */
  const packets = {
    hold() {
      clearTimeout(timer);
      timer = undefined;
      isHeld = true;
    },
    release,
    stop() {
      delete socket.packet;
      if (later.length > 0 && !socket.connected) socket.once('connect', release);
      else release();
    },
  };
  return packets;
};

/** @type {typeof types.shareSession} */
const shareSession = (socket, options = {}) => {
  const { signal, onBind, onError = console.error } = options;
  if (!socket?.on)
    return Promise.reject(
      new TypeError("shareSession(socket): socket must be a socket of Socket.IO's client."),
    );
  // React Native's signals have no reason.
  const aborted = () => signal?.reason ?? Object.assign(new Error('Aborted'), { name: 'AbortError' });
  if (signal?.aborted) return Promise.reject(aborted());
  const earlier = shares.get(socket);
  earlier?.stop();
  const promise = new Promise((resolve, reject) => {
    /** @type {any} */
    let attempt;
    /** @type {any} */
    let timer;
    let settled = false;
    /** The key that this connection was opened with. @type {string | undefined} */
    let shown;
    /** Whether it was opened without one because of a failure that may pass. */
    let isKeyless = false;
    /** Whether a connection has asked for its key. */
    let isBrought = false;
    let hasAsked = false;
    let wait = FIRST_WAIT;

    const abandon = () => {
      clearTimeout(timer);
      attempt?.abort();
      attempt = undefined;
    };
    const begin = () => {
      abandon();
      const mine = new AbortController();
      attempt = mine;
      /** @type {(tell: any, settle: any, error?: any) => void} */
      const end = (tell, settle, error) => {
        if (attempt !== mine) return;
        abandon();
        settled = true;
        if (error && isPassing(error)) timer = setTimeout(begin, wait * (1 + Math.random()));
        else packets.release();
        wait = error ? Math.min(2 * wait, LAST_WAIT) : FIRST_WAIT;
        settle(error);
        tell?.(error);
      };
      const fail = (/** @type {any} */ error) => end(settled ? onError : undefined, reject, error);
      const present = (/** @type {string} */ key, /** @type {(error: any) => void} */ refused) => {
        // Socket.IO would keep it for the next connection.
        if (attempt !== mine) return;
        // The last: with `ackTimeout` or `retries`, an error or null comes first.
        socket.emit('__zappa_key', { key }, (/** @type {any} */ ...args) => {
          const answer = args[args.length - 1] ?? {};
          const { error, message = 'The key was not accepted', code = 'ERR_KEY_REJECTED' } = answer;
          if (answer.key === key) end(onBind, resolve);
          else refused(failure(error ?? message, code));
        });
      };
      /** @type {(refused: (error: any) => void) => void} */
      const ask = (refused) => {
        if (attempt !== mine) return;
        hasAsked = true;
        askKey([socket.id], options, mine.signal)
          .then((key) => present(key, refused))
          .catch(fail);
      };
      // A key's session may have given way to another, as at a login.
      const again = () => ask(fail);
      timer = deadline(fail);
      // The server has bound the socket by it already, if it was good. Whether it was, only the answer tells.
      if (shown === undefined) ask(again);
      else present(shown, again);
      shown = undefined;
    };
    const note = (/** @type {any} */ key, /** @type {any} */ failed) => {
      isBrought = true;
      shown = key;
      isKeyless = failed !== undefined && isPassing(failed);
    };
    const packets = earlier?.packets ?? followPackets(socket);
    packets.bring = bringKey(socket, options, () => hasAsked, note);
    const listeners = Object.entries({
      connect: () => {
        if (isBrought) packets.release();
        begin();
      },
      // The acknowledgement of a connection that is gone never comes.
      disconnect: () => {
        abandon();
        packets.hold();
      },
      // Refused by `required`, after which Socket.IO's client does not try again.
      connect_error: (/** @type {any} */ { data }) => {
        if (socket.active !== false || !(isKeyless || !isBrought || PASSING.test(data?.code))) return;
        clearTimeout(timer);
        // It had connected before it could bring a key.
        const pause = isBrought ? wait * (1 + Math.random()) : 0;
        timer = setTimeout(() => socket.active || socket.connect(), pause);
        wait = Math.min(2 * wait, LAST_WAIT);
      },
      'session:end': () => {
        abandon();
        timer = setTimeout(begin, GRACE);
      },
    });
    const stop = () => {
      abandon();
      for (const [event, listener] of listeners) socket.off(event, listener);
      signal?.removeEventListener('abort', cancel);
    };
    const cancel = () => {
      stop();
      packets.stop();
      shares.delete(socket);
      reject(aborted());
    };
    signal?.addEventListener('abort', cancel);
    for (const [event, listener] of listeners) socket.on(event, listener);
    shares.set(socket, { packets, stop, follow: resolve });
    if (socket.connected) begin();
  });
  earlier?.follow(promise);
  return promise;
};

module.exports = { keyFor, shareSession };
