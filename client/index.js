// Served as it is; index.d.ts has the documentation.
/** @import * as types from './index.js' */

/** How long a handshake may take, in ms. */
const DEADLINE = 30_000;

/** How long to wait after the end of a session, in ms: its news may overtake the response with the new cookie. */
const GRACE = 250;

/** Hand a socket over to a later share. @type {WeakMap<object, (later: any) => void>} */
const shares = new WeakMap();

/** @type {(message: string, code: string, status?: number) => Error} */
const failure = (message, code, status) => Object.assign(new Error(message), { code, status });

/** @type {(fail: any) => any} */
const deadline = (fail) =>
  setTimeout(fail, DEADLINE, failure('The handshake took too long', 'ERR_HANDSHAKE_TIMEOUT'));

/** @type {(id: any[], options: types.ShareOptions, signal: any) => Promise<string>} */
const askKey = (
  id,
  { url = '', prefix = '/io-session', channel = '__local', fetch = globalThis.fetch },
  signal,
) => {
  const ask = async () => {
    const path = [channel, ...id].map(encodeURIComponent).join('/');
    const response = await fetch(`${String(url).replace(/\/+$/, '')}${prefix}/socket/${path}`, {
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
  const locks = isSecureContext && origin !== 'null' && navigator.locks;
  return locks ? locks.request('io-session', { signal }, ask) : ask();
};

/** @type {typeof types.keyFor} */
export const keyFor = (url, options = {}) => {
  const attempt = new AbortController();
  /** @type {any} */
  let timer;
  return new Promise((resolve, reject) => {
    timer = deadline(reject);
    askKey([], { ...options, url }, attempt.signal).then(resolve, reject);
  })
    .catch((error) => {
      Promise.resolve(error)
        .then(options.onError ?? console.error)
        .catch(console.error);
    })
    .finally(() => {
      clearTimeout(timer);
      attempt.abort();
    });
};

/** @type {typeof types.shareSession} */
export const shareSession = (socket, options = {}) => {
  const { signal, onBind, onError = console.error } = options;
  if (signal?.aborted) return Promise.reject(signal.reason);
  const replace = shares.get(socket);
  const promise = new Promise((resolve, reject) => {
    /** @type {any} */
    let attempt;
    /** @type {any} */
    let timer;
    let settled = false;

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
        settle(error);
        tell?.(error);
      };
      const fail = (/** @type {any} */ error) => end(settled ? onError : undefined, reject, error);
      timer = deadline(fail);
      askKey([socket.id], options, mine.signal)
        .then((key) => {
          // Socket.IO would keep it for the next connection.
          if (attempt !== mine) return;
          // The last: with `ackTimeout` or `retries`, an error or null comes first.
          socket.emit('__zappa_key', { key }, (/** @type {any} */ ...args) => {
            const answer = args.at(-1) ?? {};
            const { error, message = 'The key was not accepted', code = 'ERR_KEY_REJECTED' } = answer;
            if (answer.key === key) end(onBind, resolve);
            else fail(failure(error ?? message, code));
          });
        })
        .catch(fail);
    };
    const listeners = Object.entries({
      connect: begin,
      // The acknowledgement of a connection that is gone never comes.
      disconnect: abandon,
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
      shares.delete(socket);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', cancel);
    for (const [event, listener] of listeners) socket.on(event, listener);
    shares.set(socket, (later) => {
      stop();
      resolve(later);
    });
    if (socket.connected) begin();
  });
  replace?.(promise);
  return promise;
};
